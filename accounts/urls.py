"""Routes of this app."""

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("login/", views.login, name="login"),
    path("login/workspace/", views.choose_workspace, name="choose_workspace"),
    path("logout/", views.logout, name="logout"),
    path("sign-up/", views.sign_up, name="sign_up"),
    path("profile/", views.profile, name="profile"),
    path("profile/consent/", views.consent_update, name="consent_update"),
    path("profile/password/", views.password_change, name="password_change"),
    path("profile/email/test/", views.email_test, name="email_test"),
    path("profile/email/subscribe/", views.email_subscribe, name="email_subscribe"),
    path("unsubscribe/<str:token>/", views.unsubscribe, name="unsubscribe"),
    path("unsubscribe/<str:token>/undo/", views.resubscribe, name="resubscribe"),
    path("team/", views.team_list, name="team_list"),
    path("audit/", views.audit_list, name="audit_list"),
    path("audit/export/", views.audit_export, name="audit_export"),
    path("audit/<int:pk>/", views.audit_detail, name="audit_detail"),
]
