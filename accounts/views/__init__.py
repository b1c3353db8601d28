"""Pages of people: log-in, sign-up, profile, e-mail, team, audit trail."""

from accounts.views.audit import audit_detail, audit_export, audit_list
from accounts.views.emails import email_subscribe, email_test, resubscribe, unsubscribe
from accounts.views.profiles import consent_update, password_change, profile
from accounts.views.sessions import choose_workspace, locked_out, login, logout
from accounts.views.team import team_list
from accounts.views.workspaces import sign_up

__all__ = [
    "audit_detail",
    "audit_export",
    "audit_list",
    "choose_workspace",
    "consent_update",
    "email_subscribe",
    "email_test",
    "locked_out",
    "login",
    "logout",
    "password_change",
    "profile",
    "resubscribe",
    "sign_up",
    "team_list",
    "unsubscribe",
]
