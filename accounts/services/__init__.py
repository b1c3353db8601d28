"""Writes on people, sessions, e-mail and a workspace's plan: each one transaction that leaves its audit row."""

from accounts.services.email_sending import EmailsSent, email_send
from accounts.services.emails import (
    Attachment,
    email_queue,
    email_resubscribe,
    email_send_again,
    email_test,
    email_unsubscribe,
    suppression_remove,
)
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
    "Attachment",
    "EmailsSent",
    "consent_update",
    "email_queue",
    "email_resubscribe",
    "email_send",
    "email_send_again",
    "email_test",
    "email_unsubscribe",
    "internal_workspace",
    "password_change",
    "plan_expire",
    "profile_update",
    "seats_check",
    "session_end",
    "session_start",
    "staff_create",
    "suppression_remove",
    "user_create",
    "workspace_sign_up",
]
