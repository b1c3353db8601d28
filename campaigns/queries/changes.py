"""Reads of the ledger of changes: what is under way, who set what last, how far a batch is, what is due."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from campaigns.choices import ChangedField, ChangeOrigin, ChangeState, Platform
from campaigns.models import Campaign, CampaignChange
from tenants.context import unscoped

OPEN = (ChangeState.QUEUED.value, ChangeState.SENDING.value)
# What took another change's place, or was taken back, went wrong for nobody.
QUIET_FAILURES = ("local.replaced", "local.taken_back")
# A message needs a moment to reach a worker; what waits longer was lost, or its worker was.
STRANDED_AFTER = timedelta(seconds=60)
# Sending takes less than this, with all repeats: what takes longer has lost its worker.
SENDING_AT_MOST = timedelta(minutes=5)
# A failure is shown on the campaign's row for so long, unless something newer happened.
FAILURE_SHOWN = timedelta(days=1)
CHANGES_SHOWN = 20
MAX_SEARCH = 100

Value = str | int


def wished(change: CampaignChange) -> Value | None:
    """What the change makes of the campaign: a status, or minor units."""
    return change.new_status if change.field == ChangedField.STATUS else change.new_budget_cents


def before(change: CampaignChange) -> Value | None:
    """What the campaign had before it."""
    return change.old_status if change.field == ChangedField.STATUS else change.old_budget_cents


# --- Of campaigns ---------------------------------------------------------------------------------------------


def newest_changes(campaign_ids: Iterable[int]) -> dict[tuple[int, str], CampaignChange]:
    """(campaign, field) → the newest row of the ledger about it. One statement."""
    rows = (
        CampaignChange.objects.filter(campaign_id__in=list(campaign_ids))
        .order_by("campaign_id", "field", "-requested_at", "-pk")
        .distinct("campaign_id", "field")
    )
    return {(change.campaign_id, change.field): change for change in rows}


def last_changes(campaign_ids: Iterable[int]) -> dict[int, datetime]:
    """Campaign → when its status or budget last changed, whoever did it; absent where no change is known."""
    applied = CampaignChange.objects.filter(campaign_id__in=list(campaign_ids), state=ChangeState.APPLIED)
    moments = applied.order_by().values("campaign_id").annotate(last=Max(Coalesce("finished_at", "requested_at")))
    return dict(moments.values_list("campaign_id", "last"))


def mark(change: CampaignChange, state: str = "") -> str:
    """A short name of a change in its state, by which a page says what it has shown: '12a'."""
    return f"{change.pk}{(state or change.state)[0]}"


def is_open(change: CampaignChange | None) -> bool:
    return change is not None and change.state in OPEN


def failed_lately(change: CampaignChange | None) -> bool:
    """Whether the newest change of a field went wrong, so that its row should say so."""
    return (
        change is not None
        and change.state == ChangeState.FAILED
        and change.error_code not in QUIET_FAILURES
        and (change.finished_at or change.requested_at) > timezone.now() - FAILURE_SHOWN
    )


def open_changes(campaign_ids: Iterable[int]) -> dict[tuple[int, str], CampaignChange]:
    """(campaign, field) → the change that waits or is being sent."""
    rows = CampaignChange.objects.filter(campaign_id__in=list(campaign_ids), state__in=OPEN)
    return {(change.campaign_id, change.field): change for change in rows}


def campaign_changes(campaign: Campaign) -> list[CampaignChange]:
    """The campaign's newest rows of the ledger, with their people and whether they were undone."""
    rows = CampaignChange.objects.filter(campaign=campaign).select_related("user")
    return list(rows.annotate(is_undone=undone_with_others()).order_by("-requested_at", "-pk")[:CHANGES_SHOWN])


def set_last(campaign: Campaign) -> dict[str, CampaignChange]:
    """Field → the change that made it what it is: who set the status and the budget last, and when."""
    rows = (
        CampaignChange.objects.filter(campaign=campaign, state=ChangeState.APPLIED)
        .select_related("user")
        .order_by("field", F("finished_at").desc(nulls_last=True), "-pk")
        .distinct("field")
    )
    return {change.field: change for change in rows}


def undone() -> Exists:
    """Whether a change has been undone by itself, or is being undone."""
    again = CampaignChange.objects.filter(undoes=OuterRef("pk")).exclude(state=ChangeState.FAILED)
    return Exists(again)


def undone_with_others() -> Exists:
    """The same, or together with an earlier change of the field, to whose beginning the campaign went back
    (services.changes.unwinding). For single rows and pages: each row is looked up by its campaign."""
    again = CampaignChange.objects.filter(
        campaign=OuterRef("campaign"), field=OuterRef("field"), undoes__lte=OuterRef("pk"), pk__gt=OuterRef("pk")
    )
    return Exists(again.exclude(state=ChangeState.FAILED))


def over_limit_count() -> int:
    """How many campaigns of the workspace are over what its plan allows."""
    return Campaign.objects.filter(over_limit=True).count()


# --- Of batches -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is. `reasons`: (sentence, how many campaigns), the most frequent first."""

    batch: uuid.UUID
    field: str
    total: int
    applied: int
    failed: int
    undone: int
    statuses: frozenset[str] = frozenset()
    undoes: bool = False
    reasons: tuple[tuple[str, int], ...] = ()

    @property
    def settled(self) -> int:
        return self.applied + self.failed

    @property
    def is_running(self) -> bool:
        return self.settled < self.total

    @property
    def can_undo(self) -> bool:
        """Whether there is anything left to take back."""
        return self.is_running or self.applied > self.undone


def batch_progress(batch: uuid.UUID) -> BatchProgress | None:
    """Two statements; None when this workspace has no such batch."""
    rows = CampaignChange.objects.filter(batch=batch)
    applied = Q(state=ChangeState.APPLIED)
    counted: dict[str, Any] = rows.annotate(is_undone=undone()).aggregate(
        total=Count("pk"),
        applied=Count("pk", filter=applied),
        failed=Count("pk", filter=Q(state=ChangeState.FAILED)),
        undone=Count("pk", filter=applied & Q(is_undone=True)),
        undoing=Count("undoes"),
    )
    if not counted["total"]:
        return None
    kinds = list(rows.order_by("field", "new_status").values_list("field", "new_status").distinct())
    failures = rows.filter(state=ChangeState.FAILED).order_by().values_list("error").annotate(count=Count("pk"))
    return BatchProgress(
        batch=batch,
        field=kinds[0][0],
        total=counted["total"],
        applied=counted["applied"],
        failed=counted["failed"],
        undone=counted["undone"],
        statuses=frozenset(status for _field, status in kinds if status),
        undoes=bool(counted["undoing"]),
        reasons=tuple(failures.order_by("-count")[:5]) if counted["failed"] else (),
    )


# --- The list -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """What the ledger is narrowed to. Empty values do not narrow; unknown ones are taken as empty."""

    q: str = ""
    origin: str = ""
    state: str = ""
    field: str = ""
    platform: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "ChangeFilter":
        def one_of(name: str, values: Iterable[str]) -> str:
            return query.get(name, "") if query.get(name, "") in values else ""

        return cls(
            q=query.get("q", "").replace("\0", "").strip()[:MAX_SEARCH],
            origin=one_of("origin", ChangeOrigin.values),
            state=one_of("state", ChangeState.values),
            field=one_of("field", ChangedField.values),
            platform=one_of("platform", Platform.values),
        )

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.origin or self.state or self.field or self.platform)


def change_rows(where: ChangeFilter) -> QuerySet[CampaignChange]:
    """The ledger of the bound workspace with its campaigns, accounts and people."""
    rows = CampaignChange.objects.select_related("campaign__ad_account", "user").defer(
        "campaign__raw_data", "campaign__labels"
    )
    rows = rows.annotate(is_undone=undone())
    if where.q:
        rows = rows.filter(Q(campaign__name__icontains=where.q) | Q(campaign__external_id__icontains=where.q))
    if where.origin:
        rows = rows.filter(origin=where.origin)
    if where.state:
        rows = rows.filter(state=where.state)
    if where.field:
        rows = rows.filter(field=where.field)
    if where.platform:
        rows = rows.filter(campaign__platform=where.platform)
    return rows


# --- What is to be done ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DueChanges:
    """Changes of one account that nobody seems to be at."""

    tenant_id: int
    account_id: int | None
    change_ids: list[int]


def due_changes(now: datetime) -> list[DueChanges]:
    """What waits and is due, or has lost its worker, over all workspaces; one read of the index of open changes.

    An account with something in flight is left out: whoever sends that goes on by themselves.
    """
    with unscoped("fan-out: changes that are due, of all workspaces"), transaction.atomic():
        rows = list(
            CampaignChange.objects.filter(state__in=OPEN)
            .order_by("tenant_id", "campaign__ad_account_id", "requested_at", "pk")
            .values_list("tenant_id", "campaign__ad_account_id", "pk", "state", "retry_at", "requested_at", "sent_at")
        )
    in_flight = {row[:2] for row in rows if row[3] == ChangeState.SENDING and not _is_lost(row[6], now)}
    found: dict[tuple[int, int | None], list[int]] = {}
    for tenant_id, account_id, pk, state, retry_at, requested_at, sent_at in rows:
        if (tenant_id, account_id) in in_flight:
            continue
        lost = state == ChangeState.SENDING and _is_lost(sent_at, now)
        if lost or (state == ChangeState.QUEUED and _is_due(retry_at, requested_at, now)):
            found.setdefault((tenant_id, account_id), []).append(pk)
    return [DueChanges(tenant_id, account_id, ids) for (tenant_id, account_id), ids in found.items()]


def _is_lost(sent_at: datetime | None, now: datetime) -> bool:
    return sent_at is None or sent_at < now - SENDING_AT_MOST


def _is_due(retry_at: datetime | None, requested_at: datetime, now: datetime) -> bool:
    return requested_at < now - STRANDED_AFTER if retry_at is None else retry_at <= now


def tenants_with_due_reverts(now: datetime) -> list[int]:
    """Workspaces with changes whose time to be taken back has come; one read of the index of such changes."""
    with unscoped("fan-out: changes that take themselves back, of all workspaces"), transaction.atomic():
        due = CampaignChange.objects.filter(revert_at__lte=now).order_by("tenant_id")
        return list(due.values_list("tenant_id", flat=True).distinct())
