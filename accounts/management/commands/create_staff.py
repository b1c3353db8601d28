"""manage.py create_staff: somebody of Stratum's own staff."""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.audit import Actor
from accounts.services import internal_workspace, staff_create
from stratum.lib.errors import DomainError
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant


class Command(BaseCommand):
    help = (
        "Add a member of staff, who sees all workspaces in the admin. Without --tenant they belong to the internal "
        "workspace 'stratum', which is made when it does not exist. The password is asked for, or read from standard "
        "input with --password-stdin. With an address that exists there, that person becomes staff."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", required=True, help="full name")
        parser.add_argument("--tenant", metavar="SLUG", help="workspace they belong to (stratum)")
        parser.add_argument("--read-only", action="store_true", help="sees everything, changes nothing")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def handle(
        self,
        *args: Any,
        email: str,
        name: str,
        tenant: str | None,
        read_only: bool,
        password_stdin: bool,
        **options: Any,
    ) -> None:
        password = _password(password_stdin)
        actor = Actor.system("create_staff")
        workspace = _workspace(tenant) if tenant else internal_workspace(actor=actor)
        try:
            with tenant_context(workspace):
                staff_create(email=email, full_name=name, password=password, may_change=not read_only, actor=actor)
        except DomainError as error:
            raise CommandError(str(error)) from error
        kind = "read-only staff" if read_only else "staff"
        self.stdout.write(f"{email} is {kind} in workspace {workspace.slug}.")


def _workspace(slug: str) -> Tenant:
    with unscoped("a command names a workspace"), transaction.atomic():
        tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no workspace {slug!r}.")
    return tenant


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Password (again): "):
        raise CommandError("The two passwords differ.")
    return password
