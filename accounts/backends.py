"""Authentication: an address, a password and, where the address has several workspaces, the workspace."""

from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from stratum.lib.encryption import email_hash
from tenants.context import binding, unscoped
from tenants.models import Tenant


def axes_username(request: HttpRequest | None, credentials: dict | None) -> str:
    """What failed logins are counted under: the hash of the address, so that no table holds a plain one."""
    credentials = credentials or {}
    address = credentials.get("email") or (request.POST.get("email", "") if request else "")
    return email_hash(address)


class WorkspaceBackend:
    """Logs a person in to one workspace."""

    def authenticate(
        self, request: HttpRequest | None, email: str = "", password: str = "", tenant_id: int | None = None
    ):
        """The person whose password fits in this workspace, or None. Takes as long for a stranger as for a member."""
        with unscoped("login: the workspace is known only after the person is"), transaction.atomic():
            user = self._candidates(email).filter(tenant_id=tenant_id).first()
        if user is None:
            make_password(password)  # the same bcrypt time as a real check
            return None
        return user if user.check_password(password) else None

    def workspaces(self, email: str, password: str) -> list[Tenant]:
        """The workspaces in which this address and password are good, by name. Empty for strangers, at equal cost.

        One password check per workspace of the address: what a stranger learns from the time is at most that.
        """
        with unscoped("login: an address may belong to several workspaces"), transaction.atomic():
            people = list(self._candidates(email).select_related("tenant").order_by("tenant__name"))
        if not people:
            make_password(password)
        return [user.tenant for user in people if user.check_password(password)]

    def get_user(self, user_id: Any) -> User | None:
        """The session's person, within the workspace that the middleware bound; None when none is bound."""
        if binding() is None:
            return None
        return User.objects.filter(pk=user_id, is_active=True).first()

    @staticmethod
    def _candidates(email: str):
        return User.objects.by_email(email).filter(is_active=True, tenant__is_deleted=False)
