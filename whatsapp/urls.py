"""Routes of WhatsApp: the webhook, contacts, conversations, the delivery ledger."""

from django.urls import path

from whatsapp import views
from whatsapp.views import webhooks

app_name = "whatsapp"
urlpatterns = [
    path("webhooks/whatsapp/", webhooks.webhook, name="webhook"),
    path("whatsapp/contacts/", views.contact_list, name="contact_list"),
    path("whatsapp/contacts/new/", views.contact_create, name="contact_create"),
    path("whatsapp/contacts/own/", views.contact_own, name="contact_own"),
    path("whatsapp/contacts/<int:pk>/", views.contact_detail, name="contact_detail"),
    path("whatsapp/contacts/<int:pk>/save/", views.contact_update, name="contact_update"),
    path("whatsapp/contacts/<int:pk>/remove/", views.contact_remove, name="contact_remove"),
    path("whatsapp/contacts/<int:pk>/code/", views.contact_code, name="contact_code"),
    path("whatsapp/contacts/<int:pk>/verify/", views.contact_verify, name="contact_verify"),
    path("whatsapp/contacts/<int:pk>/opt-in/", views.contact_opt_in, name="contact_opt_in"),
    path("whatsapp/contacts/<int:pk>/opt-in/written/", views.contact_opt_in_written, name="contact_opt_in_written"),
    path("whatsapp/contacts/<int:pk>/opt-out/", views.contact_opt_out, name="contact_opt_out"),
    path("whatsapp/conversations/", views.conversation_list, name="conversation_list"),
    path("whatsapp/conversations/unknown/", views.sender_list, name="sender_list"),
    path("whatsapp/conversations/<int:pk>/", views.conversation_detail, name="conversation_detail"),
    path("whatsapp/conversations/<int:pk>/thread/", views.conversation_panel, name="conversation_panel"),
    path("whatsapp/conversations/<int:pk>/read/", views.conversation_read, name="conversation_read"),
    path("whatsapp/conversations/<int:pk>/reply/", views.conversation_reply, name="conversation_reply"),
    path("whatsapp/conversations/<int:pk>/template/", views.conversation_template, name="conversation_template"),
    path("whatsapp/messages/", views.message_list, name="message_list"),
    path("whatsapp/messages/export/", views.message_export, name="message_export"),
    path("whatsapp/messages/<int:pk>/", views.message_detail, name="message_detail"),
    path("whatsapp/messages/<int:pk>/retry/", views.message_retry, name="message_retry"),
    path("whatsapp/messages/<int:pk>/cancel/", views.message_cancel, name="message_cancel"),
]
