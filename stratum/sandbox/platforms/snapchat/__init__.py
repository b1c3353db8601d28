"""Snapchat's Marketing API v1."""

from stratum.sandbox.platforms.snapchat.api import Snapchat

__all__ = ["Snapchat"]
