"""Authentication: an address and a password, in one workspace or in every one that knows them."""

from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from stratum.lib.encryption import email_hash
from tenants.context import binding, unscoped
from tenants.models import Tenant

# Every login over all workspaces costs at least this many password checks: a stranger, a person with one workspace
# and one with two take equally long. Within one workspace it is always exactly one.
LEAST_CHECKS = 2


def axes_username(request: HttpRequest | None, credentials: dict | None) -> str:
    """What failed logins are counted under: the hash of the address, so that no table holds a plain one.

    `credentials` are those of authenticate() (`email`), or, after a login, the user name, which is the hash already.
    """
    credentials = credentials or {}
    known = credentials.get(User.USERNAME_FIELD)
    if known:
        return known
    address = credentials.get("email") or (request.POST.get("email", "") if request else "")
    return email_hash(address)


class WorkspaceBackend:
    """Knows people by address and password."""

    @sensitive_variables("password")
    def authenticate(
        self, request: HttpRequest | None, email: str = "", password: str = "", tenant_id: int | None = None
    ) -> User | None:
        """A person whose password fits, or None: in the given workspace, or in any when there is none given.

        `person.memberships` holds all rows of the address that the password fits, by workspace name: more than one
        means that the workspace is still to be chosen. Strangers, wrong passwords, deactivated people and deleted
        workspaces read the same and take equally long.
        """
        people = self._people(email, tenant_id)
        fitting = [person for person in people if self._fits(person, password)]
        for _padding in range(len(people), LEAST_CHECKS if tenant_id is None else 1):
            make_password(password)  # as long as a real check
        if not fitting:
            return None
        fitting[0].memberships = fitting
        return fitting[0]

    def workspaces(self, email: str, password: str) -> list[Tenant]:
        """The workspaces in which this address and password are good, by name. Counts no failure: see authenticate."""
        person = self.authenticate(None, email=email, password=password)
        return [member.tenant for member in person.memberships] if person else []

    def get_user(self, user_id: Any) -> User | None:
        """The session's person, within the workspace that the middleware bound; None when none is bound."""
        if binding() is None:
            return None
        return User.objects.filter(pk=user_id, is_active=True).first()

    @staticmethod
    def _people(email: str, tenant_id: int | None) -> list[User]:
        with unscoped("login: the workspace is known only after the person is"), transaction.atomic():
            people = User.objects.by_email(email).filter(is_active=True, tenant__is_deleted=False)
            if tenant_id is not None:
                people = people.filter(tenant_id=tenant_id)
            return list(people.select_related("tenant").order_by("tenant__name", "tenant_id"))

    @staticmethod
    @sensitive_variables("password")
    def _fits(person: User, password: str) -> bool:
        # Inside a binding: a hash of an outdated kind is written anew when the password fits.
        with unscoped("login: a password hash of an old kind is renewed"), transaction.atomic():
            return person.check_password(password)
