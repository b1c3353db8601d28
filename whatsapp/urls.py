from django.urls import path

from whatsapp.views import webhooks

app_name = "whatsapp"

urlpatterns = [
    path("webhooks/whatsapp/", webhooks.webhook, name="webhook"),
]
