"""Staff pages of accounts, campaigns, their numbers and how those came in."""

from campaigns.admin import accounts, intake, numbers, rates  # noqa: F401 - registered by being imported
