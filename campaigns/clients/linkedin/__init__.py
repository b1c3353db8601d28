"""LinkedIn Marketing API (versioned Rest.li) over plain HTTP."""

from campaigns.clients.linkedin.client import LinkedInClient

__all__ = ["LinkedInClient"]
