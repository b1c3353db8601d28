"""Meta Marketing API (Graph API) over plain HTTP."""

from campaigns.clients.meta.client import MetaClient

__all__ = ["MetaClient"]
