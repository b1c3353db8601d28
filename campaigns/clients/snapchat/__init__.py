"""Snapchat Marketing API over plain HTTP."""

from campaigns.clients.snapchat.client import SnapchatClient

__all__ = ["SnapchatClient"]
