"""Slack's side: incoming webhooks and chat.postMessage, the messages that came, and a page that shows them."""
