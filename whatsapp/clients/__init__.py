"""WhatsApp outside: calls to the Cloud API, webhook bodies as events. No models, no database."""
