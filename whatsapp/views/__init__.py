"""Pages and the webhook of WhatsApp."""
