"""WhatsApp's side: the Cloud API, the messages that came, the webhooks that go out, and a phone that shows and answers.

Written from Meta's documentation of the WhatsApp Business Platform.
"""
