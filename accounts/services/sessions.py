"""Logins and logouts."""

from django.db import transaction

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from accounts.models import AuditLog, User


def session_start(*, user: User, actor: Actor) -> AuditLog:
    """Note a login. The session itself is the view's: it belongs to the request."""
    with transaction.atomic():
        return record(actor=actor, action=AuditAction.LOGIN, resource=user)


def session_end(*, user: User, actor: Actor) -> AuditLog:
    """Note a logout."""
    with transaction.atomic():
        return record(actor=actor, action=AuditAction.LOGOUT, resource=user)
