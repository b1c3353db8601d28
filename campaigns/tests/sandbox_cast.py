"""Accounts of the sandbox, connected to a workspace without a browser."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from campaigns.models import AdAccount, Connection
from campaigns.tests.factories import make_account, make_connection
from stratum.sandbox.catalogue import NAMESPACE
from stratum.sandbox.tests.live import LiveSandbox
from tenants.context import tenant_context
from tenants.models import Tenant

# One account of each platform, in five currencies and zones from Los Angeles to Kuwait.
ACCOUNTS = {
    "meta": "1002003004005006",
    "google": "3456789012",
    "tiktok": "7012345678901234568",
    "snapchat": str(uuid.uuid5(NAMESPACE, "snap-sa")),
    "linkedin": "512345680",
}


def grant(tenant: Tenant, sandbox: LiveSandbox, platform: str, person: str = "ada") -> Connection:
    """A person's grant with real tokens of the sandbox."""
    tokens: dict[str, Any] = sandbox.tokens(platform, person)
    expires = tokens.get("expires_in")
    return make_connection(
        tenant,
        platform=platform,
        access_token=tokens["access_token"],
        refresh_token=tokens.get("refresh_token"),
        token_expires_at=datetime.now(UTC) + timedelta(seconds=expires) if expires else None,
        is_sandbox=True,
    )


def connected(
    tenant: Tenant, sandbox: LiveSandbox, external_id: str, *, connection: Connection | None = None
) -> AdAccount:
    """An account of the sandbox in the workspace, ready to sync."""
    account = sandbox.world.account(external_id)
    assert account is not None, external_id
    connection = connection or grant(tenant, sandbox, account.platform)
    with tenant_context(tenant), transaction.atomic():
        return make_account(
            tenant,
            connection=connection,
            platform=account.platform,
            external_id=account.id,
            name=account.name,
            currency=account.currency,
            timezone=account.zone,
            login_id=account.manager or "",
            status="ok",
            is_sandbox=True,
        )
