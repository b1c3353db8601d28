"""Routes of business numbers, templates, contacts and messages."""

from django.urls import path

from whatsapp import views

app_name = "whatsapp"
urlpatterns = [
    path("webhooks/whatsapp/", views.webhook, name="webhook"),
    path("whatsapp/numbers/", views.number_list, name="number_list"),
    path("whatsapp/numbers/connect/", views.number_connect, name="number_connect"),
    path("whatsapp/numbers/connect/sandbox/", views.number_connect_sandbox, name="number_connect_sandbox"),
    path("whatsapp/numbers/connect/<str:attempt_id>/", views.number_choose, name="number_choose"),
    path("whatsapp/numbers/<int:pk>/default/", views.number_make_default, name="number_make_default"),
    path("whatsapp/numbers/<int:pk>/check/", views.number_check, name="number_check"),
    path("whatsapp/numbers/<int:pk>/stop/", views.number_stop, name="number_stop"),
    path("whatsapp/numbers/<int:pk>/start/", views.number_start, name="number_start"),
    path("whatsapp/numbers/<int:pk>/test/", views.number_test, name="number_test"),
    path("whatsapp/numbers/<int:pk>/remove/", views.number_remove, name="number_remove"),
    path("whatsapp/templates/", views.template_list, name="template_list"),
    path("whatsapp/templates/new/", views.template_create, name="template_create"),
    path("whatsapp/templates/new/preview/", views.template_preview_panel, name="template_preview_panel"),
    path("whatsapp/templates/standard/", views.template_create_standard, name="template_create_standard"),
    path("whatsapp/templates/sync/", views.template_sync, name="template_sync"),
    path("whatsapp/templates/sync/progress/", views.template_sync_panel, name="template_sync_panel"),
    path("whatsapp/templates/<int:pk>/", views.template_detail, name="template_detail"),
    path("whatsapp/templates/<int:pk>/variables/", views.template_map, name="template_map"),
    path("whatsapp/templates/<int:pk>/delete/", views.template_delete, name="template_delete"),
]
