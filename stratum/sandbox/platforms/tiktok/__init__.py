"""TikTok's Business API v1.3."""

from stratum.sandbox.platforms.tiktok.api import TikTok

__all__ = ["TikTok"]
