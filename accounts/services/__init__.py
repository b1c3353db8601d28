"""Writes on people, their sessions and their workspace's plan: each one transaction that leaves its audit row."""

from accounts.services.people import (
    consent_update,
    password_change,
    profile_update,
    seats_check,
    staff_create,
    user_create,
)
from accounts.services.sessions import session_end, session_start
from accounts.services.workspaces import internal_workspace, plan_expire, workspace_sign_up

__all__ = [
    "consent_update",
    "internal_workspace",
    "password_change",
    "plan_expire",
    "profile_update",
    "seats_check",
    "session_end",
    "session_start",
    "staff_create",
    "user_create",
    "workspace_sign_up",
]
