"""TikTok Business (Marketing) API over plain HTTP."""

from campaigns.clients.tiktok.client import TikTokClient

__all__ = ["TikTokClient"]
