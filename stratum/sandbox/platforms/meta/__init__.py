"""Meta's Marketing API (Graph API)."""

from stratum.sandbox.platforms.meta.api import Meta

__all__ = ["Meta"]
