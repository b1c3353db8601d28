"""Staff pages of workspaces, people, the trail and locked log-ins; other apps' pages stand on `accounts.admin.base`."""

from accounts.admin import logins, people, trail, workspaces  # noqa: F401 - registered by being imported
