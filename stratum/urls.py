"""Every route. Each app's urls.py holds its own; a test walks them all for their policy."""

from django.contrib import admin
from django.urls import include, path

from stratum import views

urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views.search, name="search"),
    path("health/live/", views.health_live, name="health_live"),
    path("health/ready/", views.health_ready, name="health_ready"),
    path("", include("accounts.urls")),
    path("", include("campaigns.urls")),
    path("", include("whatsapp.urls")),
    path("", include("rules.urls")),
    path("admin/", admin.site.urls),
]

handler403 = "stratum.views.forbidden"
handler404 = "stratum.views.not_found"
handler500 = "stratum.views.server_error"
