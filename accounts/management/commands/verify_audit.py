"""manage.py verify_audit: is the audit trail what was written?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.queries import ChainFault, audit_chain_state, audit_link_digest
from tenants.context import unscoped
from tenants.models import Tenant

WORDS = {
    "gap": "the link before it is missing",
    "missing": "its entry is gone",
    "moved": "its entry stands in another workspace",
    "actor": "its entry names another person than when it was written",
    "changed": "the content of its entry, or of the link, was changed",
    "unlinked": "an entry was written past the chain",
    "anchor": "it is not the link that was noted",
}


class Command(BaseCommand):
    help = (
        "Recompute the hash chain of the audit trail and report the first broken link of each workspace. "
        "Exit code 1 when a chain is broken. Note the printed head somewhere else and give it as --anchor "
        "the next time: then a trail that was cut off at its end is noticed too."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="one workspace; all of them without it")
        parser.add_argument("--anchor", metavar="SEQUENCE:DIGEST", help="a head printed earlier (with --tenant)")

    def handle(self, *args: Any, tenant: str | None, anchor: str | None, **options: Any) -> None:
        if anchor and not tenant:
            raise CommandError("--anchor belongs to one workspace: give --tenant as well.")
        with unscoped("the audit trails of all workspaces are verified"):
            tenant_id = _tenant_id(tenant) if tenant else None
            heads, faults = audit_chain_state(tenant_id)
            if anchor and tenant_id is not None and tenant_id not in faults:
                faults |= _anchor_fault(tenant_id, anchor)
        for head in heads:
            fault = faults.get(head.tenant_id)
            if fault:
                self.stderr.write(self.style.ERROR(f"{head.slug}: BROKEN at {_place(fault)}"))
            else:
                self.stdout.write(f"{head.slug}: {head.sequence} entries, unbroken; head {head.sequence}:{head.digest}")
        slugs = {head.tenant_id for head in heads}
        for tenant_id, fault in faults.items():
            if tenant_id not in slugs:
                self.stderr.write(self.style.ERROR(f"workspace {tenant_id}: BROKEN at {_place(fault)}"))
        if faults:
            raise CommandError(f"{len(faults)} of {max(len(heads), len(faults))} audit trails are broken.")


def _tenant_id(slug: str) -> int:
    with transaction.atomic():
        tenant = Tenant.objects.with_deleted().filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no workspace {slug!r}.")
    return tenant.pk


def _anchor_fault(tenant_id: int, anchor: str) -> dict[int, ChainFault]:
    sequence, _colon, digest = anchor.partition(":")
    if not sequence.isdigit():
        raise CommandError("An anchor is SEQUENCE:DIGEST, as this command prints it.")
    if int(sequence) == 0 or audit_link_digest(tenant_id, int(sequence)) == digest.lower():
        return {}
    return {tenant_id: ChainFault(tenant_id, int(sequence), None, "anchor")}


def _place(fault: ChainFault) -> str:
    link = f"link {fault.sequence}" if fault.sequence is not None else "no link"
    entry = f" (audit entry {fault.audit_id})" if fault.audit_id is not None else ""
    return f"{link}{entry}: {WORDS[fault.kind]}."
