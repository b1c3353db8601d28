"""The one table of who may do what. Views name a capability; users.permissions adds or removes single ones."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.choices import Role

# capability → the roles that hold it. A higher role always holds what a lower one does (a test checks it).
_ALL = frozenset(Role.values)
_ANALYST_UP = frozenset({Role.ANALYST, Role.MANAGER, Role.ADMIN})
_MANAGER_UP = frozenset({Role.MANAGER, Role.ADMIN})
_ADMIN = frozenset({Role.ADMIN})

CAPABILITIES: dict[str, frozenset[str]] = {
    "view": _ALL,
    "edit_profile": _ALL,
    "export": _ANALYST_UP,
    "create_reports": _ANALYST_UP,
    "forecast": _ANALYST_UP,
    "replay": _ANALYST_UP,
    "import_data": _MANAGER_UP,
    "edit_campaigns": _MANAGER_UP,
    "edit_rules": _MANAGER_UP,
    "edit_creatives": _MANAGER_UP,
    "edit_competitors": _MANAGER_UP,
    "edit_contacts": _MANAGER_UP,
    "manage_alerts": _MANAGER_UP,
    "manage_team": _MANAGER_UP,
    "view_audit": _MANAGER_UP,
    "manage_users": _ADMIN,
    "manage_connections": _ADMIN,
    "manage_settings": _ADMIN,
    "manage_billing": _ADMIN,
    "manage_privacy": _ADMIN,
}


# What each capability is called on the profile.
CAPABILITY_WORDS: dict[str, Promise] = {
    "view": _("See dashboards, campaigns and rules"),
    "edit_profile": _("Change your own profile"),
    "export": _("Export lists and reports"),
    "create_reports": _("Create reports"),
    "forecast": _("Make forecasts"),
    "replay": _("Replay rules on past days"),
    "import_data": _("Import files"),
    "edit_campaigns": _("Edit campaigns"),
    "edit_rules": _("Create and edit rules"),
    "edit_creatives": _("Edit creatives"),
    "edit_competitors": _("Edit competitors"),
    "edit_contacts": _("Edit contacts and messages"),
    "manage_alerts": _("Acknowledge alerts"),
    "manage_team": _("See the whole team and add people below admin"),
    "view_audit": _("Read the audit trail"),
    "manage_users": _("Change roles and rights"),
    "manage_connections": _("Connect ad accounts"),
    "manage_settings": _("Change the workspace's settings"),
    "manage_billing": _("Change the plan"),
    "manage_privacy": _("Export and anonymise personal data"),
}


def role_can(role: str, capability: str, overrides: dict[str, bool] | None = None) -> bool:
    """Whether a role holds a capability, after the person's own `can_<capability>` overrides.

    An unknown capability is a programming error and raises KeyError: it must never read as 'allowed' or 'denied'.
    """
    holders = CAPABILITIES[capability]
    override = (overrides or {}).get(f"can_{capability}")
    return override if isinstance(override, bool) else role in holders
