"""Staff pages of workspaces, people, e-mail, trail and locked log-ins; other apps build on `accounts.admin.base`."""

from accounts.admin import emails, logins, people, trail, workspaces  # noqa: F401 - registered by being imported
