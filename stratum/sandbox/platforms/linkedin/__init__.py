"""LinkedIn's Marketing API: versioned Rest.li."""

from stratum.sandbox.platforms.linkedin.api import LinkedIn

__all__ = ["LinkedIn"]
