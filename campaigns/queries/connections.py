"""Connections as the screens and jobs need them: what a grant reaches, what it lacks, when it ends."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from campaigns.choices import AccountStatus, ConnectionStatus, Platform
from campaigns.clients.base import AccountInfo
from campaigns.clients.registry import scopes_of
from campaigns.models import AdAccount, Connection, DailyTotal
from tenants.context import tenant_context
from tenants.models import Tenant

MAX_SEARCH = 100
SECRETS = ("access_token", "refresh_token", "code", "code_verifier")
# Meta's tokens buy their own successors; TikTok's live until somebody revokes them.
RENEWED_BY_THEMSELVES = frozenset({Platform.META.value})
# A refresh token's own life, counted from the consent: LinkedIn's year is not prolonged by using it.
GRANT_LIFE = {Platform.LINKEDIN.value: timedelta(days=365)}
# People are asked to connect again this long before access ends: whoever has a year needs no more notice than a month.
WARN_AHEAD, WARN_AHEAD_OF_GRANT = timedelta(days=7), timedelta(days=30)
# Nothing takes a worker this long: its message or the worker itself was lost.
STUCK_AFTER = timedelta(minutes=10)
# A message needs a moment to reach a worker, and tries are up to a minute apart.
STRANDED_AFTER = timedelta(minutes=2)
# A token that was renewed this lately has just proved to be alive.
RENEWED_LATELY = timedelta(hours=20)


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """An ad account that a grant reaches, as connections.listed_accounts keeps it.

    `minimum_daily_budget` in minor units of `currency`. Closed accounts (`enabled` False) cannot be attached.
    """

    external_id: str
    name: str
    currency: str
    timezone: str
    enabled: bool = True
    login_id: str = ""
    minimum_daily_budget: int | None = None

    @classmethod
    def from_info(cls, info: AccountInfo) -> "ListedAccount":
        return cls(**{field.name: getattr(info, field.name) for field in fields(cls)})

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ListedAccount":
        """TypeError for unknown or missing keys."""
        return cls(**stored)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def listed_accounts(connection: Connection) -> dict[str, ListedAccount]:
    """By external id, in the platform's order."""
    found = (ListedAccount.from_json(stored) for stored in connection.listed_accounts)
    return {account.external_id: account for account in found}


def missing_scopes(connection: Connection) -> tuple[str, ...]:
    """What the person did not grant, of what was asked for; empty where the platform does not tell."""
    if not connection.scopes:
        return ()
    return tuple(scope for scope in scopes_of(connection.platform) if scope not in connection.scopes)


def is_busy(connection: Connection) -> bool:
    """Whether a worker has, or should soon have, something to do with it: the code, or the list of accounts."""
    if connection.status == ConnectionStatus.CONNECTING:
        return True
    return connection.status == ConnectionStatus.OK and connection.listed_at is None and not connection.last_error


def can_be_renewed(connection: Connection) -> bool:
    """Whether its tokens can be replaced without a person."""
    return bool(connection.refresh_token) or connection.platform in RENEWED_BY_THEMSELVES


def access_ends_at(connection: Connection) -> datetime | None:
    """When the connection stops working whatever jobs do; None: not by time."""
    if not can_be_renewed(connection):
        return connection.token_expires_at
    life = GRANT_LIFE.get(connection.platform)
    return connection.connected_at + life if life and connection.connected_at else None


def ends_soon(connection: Connection, now: datetime) -> datetime | None:
    """When access ends, if a person should connect again before; else None."""
    ends = access_ends_at(connection)
    if ends is None or connection.status != ConnectionStatus.OK:
        return None
    ahead = WARN_AHEAD_OF_GRANT if can_be_renewed(connection) else WARN_AHEAD
    return ends if ends - now <= ahead else None


# --- Lists ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """What the list is narrowed to. Empty values do not narrow; unknown ones are taken as empty."""

    q: str = ""
    platform: str = ""
    status: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "AccountFilter":
        platform, status = query.get("platform", ""), query.get("status", "")
        return cls(
            q=query.get("q", "").replace("\0", "").strip()[:MAX_SEARCH],
            platform=platform if platform in Platform.values else "",
            status=status if status in AccountStatus.values else "",
        )

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.platform or self.status)


def account_rows(where: AccountFilter) -> QuerySet[AdAccount]:
    """Ad accounts of the bound workspace with their connection and who made it, without tokens."""
    rows = AdAccount.objects.select_related("connection__connected_by").defer(
        *(f"connection__{name}" for name in (*SECRETS, "listed_accounts"))
    )
    if where.q:
        rows = rows.filter(Q(name__icontains=where.q) | Q(external_id__icontains=where.q))
    if where.platform:
        rows = rows.filter(platform=where.platform)
    if where.status:
        rows = rows.filter(status=where.status)
    return rows


def newest_days(account_ids: Iterable[int]) -> dict[int, Any]:
    """The newest day with numbers of each account that has any."""
    days = DailyTotal.objects.filter(ad_account_id__in=list(account_ids)).order_by()
    return dict(days.values_list("ad_account_id").annotate(Max("date")))


def connections_to_look_at(now: datetime | None = None) -> list[Connection]:
    """Living connections that wait for a person: unfinished, failed, refused, near their end, or without accounts."""
    moment = now or timezone.now()
    living = (
        Connection.objects.exclude(status=ConnectionStatus.ENDED)
        .select_related("connected_by")
        .prefetch_related("ad_accounts")
        .defer("access_token", "code", "code_verifier", "listed_accounts")
        .order_by("-pk")
    )
    return [row for row in living if needs_a_look(row, moment)]


def needs_a_look(connection: Connection, now: datetime) -> bool:
    """Whether a person has something to do with it, or waits for it."""
    if connection.status != ConnectionStatus.OK or connection.last_error:
        return True
    has_none = not connection.ad_accounts.all()
    return has_none or bool(missing_scopes(connection)) or ends_soon(connection, now) is not None


# --- Sandbox and real accounts never side by side -----------------------------------------------------------------


def has_accounts_of_other_kind(*, simulated: bool) -> bool:
    """Whether the workspace holds accounts that ones of this kind must not stand beside.

    Accounts that were disconnected count: their history is still in every total. A demo's own accounts are made up.
    """
    if Tenant.objects.get().is_demo:
        return not simulated
    return AdAccount.objects.filter(is_sandbox=not simulated).exists()


# --- For jobs -------------------------------------------------------------------------------------------------------


def connections_to_renew(now: datetime, ahead: timedelta) -> list[int]:
    """Living connections of the bound workspace whose access token runs out within `ahead` and can be replaced."""
    rows = Connection.objects.filter(status=ConnectionStatus.OK, token_expires_at__lt=now + ahead).exclude(
        refreshed_at__gt=now - RENEWED_LATELY
    )
    renewable = Q(refresh_token__isnull=False) | Q(platform__in=RENEWED_BY_THEMSELVES)
    return list(rows.filter(renewable, access_token__isnull=False).order_by("pk").values_list("pk", flat=True))


@dataclass(frozen=True, slots=True)
class Stranded:
    """Connections that no worker seems to be at: with a code to exchange, with a list to load, and given up."""

    to_finish: list[int]
    to_list: list[int]
    stuck: list[int]


def stranded_connections(tenant_id: int, now: datetime) -> Stranded:
    """What of a workspace's connections a lost message or a killed worker left behind."""
    with tenant_context(tenant_id), transaction.atomic():
        connecting = Connection.objects.filter(status=ConnectionStatus.CONNECTING).order_by("pk")
        unlisted = Connection.objects.filter(status=ConnectionStatus.OK, listed_at=None, last_error="").order_by("pk")
        lost, dead = Q(updated_at__lt=now - STRANDED_AFTER), Q(updated_at__lt=now - STUCK_AFTER)
        # A code that a worker has taken may be used up: only time tells that nobody is at it any more.
        waiting = connecting.filter(lost & ~dead, code__isnull=False)
        return Stranded(
            to_finish=list(waiting.values_list("pk", flat=True)),
            to_list=list(unlisted.filter(lost & ~dead).values_list("pk", flat=True)),
            stuck=[
                *connecting.filter(dead).values_list("pk", flat=True),
                *unlisted.filter(dead).values_list("pk", flat=True),
            ],
        )
