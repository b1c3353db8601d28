"""Asking for a change: everything that can be known here is checked while the campaign's row is held.

People and rules come through the same door. What is asked for is a queued row of the ledger; a worker sends it.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import ActorKind, AuditAction
from campaigns.choices import ChangedField, ChangeOrigin, ChangeState
from campaigns.models import Campaign, CampaignChange
from campaigns.queries.changes import OPEN, wished
from campaigns.queries.obstacles import Standing, obstacle
from stratum.lib.errors import DomainError
from stratum.lib.regions import next_midnight, zone_or_utc
from tenants.models import Tenant

Value = str | int
Wanted = Callable[[Standing], Value]


class Wish(Protocol):
    """A value that depends on the campaign as it stands while its row is held."""

    def of(self, standing: Standing) -> Value:
        """DomainError when the campaign must stay as it is."""


# More than this is narrowed first, as with labels.
MAX_BULK = 10_000
ROWS_PER_STATEMENT = 2_000
REPLACED, TAKEN_BACK = "local.replaced", "local.taken_back"


@dataclass(frozen=True, slots=True)
class Refused:
    """A campaign that was asked for and stays as it is."""

    campaign_id: int
    name: str
    code: str
    text: str


@dataclass(slots=True)
class RequestResult:
    """What became of a wish for many campaigns. `already`: in the wanted state, or on the way there; `withdrawn`:
    a waiting change was taken back and nothing else had to be sent."""

    batch: uuid.UUID | None
    asked: list[CampaignChange] = field(default_factory=list)
    waiting: list[CampaignChange] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    already: int = 0
    withdrawn: int = 0
    # Campaigns that exist, and those of them that are in the wanted state or on the way there.
    found: list[int] = field(default_factory=list)
    standing: list[int] = field(default_factory=list)
    # Change id → ad account: calls for one account are made one after the other.
    accounts: dict[int, int] = field(default_factory=dict)

    def add(self, more: "RequestResult") -> None:
        self.asked += more.asked
        self.waiting += more.waiting
        self.refused += more.refused
        self.already += more.already
        self.withdrawn += more.withdrawn
        self.found += more.found
        self.standing += more.standing
        self.accounts |= more.accounts

    @property
    def by_account(self) -> dict[int, list[int]]:
        """Ids of what was asked for, by ad account: a task for each."""
        found: defaultdict[int, list[int]] = defaultdict(list)
        for change in self.asked:
            found[self.accounts[change.pk]].append(change.pk)
        return dict(found)

    @property
    def reasons(self) -> list[tuple[str, str, int]]:
        """(code, sentence, how many campaigns), the most frequent first."""
        counted = Counter((one.code, one.text) for one in self.refused)
        return [(code, text, count) for (code, text), count in counted.most_common()]


@dataclass(frozen=True, slots=True)
class Order:
    """One wish for a set of campaigns, and under which conditions."""

    field: str
    wanted: Wanted
    actor: Actor
    origin: str
    batch: uuid.UUID | None
    # Campaign → the value that it must still have, and the change that is undone.
    expected: Mapping[int, Value | None] | None = None
    undoes: Mapping[int, int] | None = None
    # Campaign → the waiting change that is taken back, and no other. Campaigns without one have none to take back.
    withdraws: Mapping[int, int] | None = None
    # It takes itself back when the day of this moment ends in the account's zone.
    today: datetime | None = None


@transaction.atomic
def change_request(
    *,
    campaign: Campaign,
    field: str,
    value: Value | Wish,
    actor: Actor,
    origin: str = ChangeOrigin.PERSON,
    batch: uuid.UUID | None = None,
    undoes: CampaignChange | None = None,
) -> CampaignChange | None:
    """Queue a change: `value` is 'active' or 'paused', or a daily budget (minor units, or a Wish such as a BudgetWish).

    Returns the queued change, or the open one that asks for the same; None when the campaign is in that state already
    (a waiting change the other way is taken back then). DomainError with one sentence and a code when it cannot be.
    The caller sends `campaigns.apply_changes` once the transaction is in.
    """
    order = Order(field, _wanted(value), actor, origin, batch, undoes={campaign.pk: undoes.pk} if undoes else None)
    return only_one(order_place([campaign.pk], order))


@transaction.atomic
def changes_request(
    *,
    campaign_ids: Iterable[int],
    field: str,
    value: Value | Wish,
    actor: Actor,
    origin: str = ChangeOrigin.PERSON,
    batch: uuid.UUID | None = None,
    today: datetime | None = None,
) -> RequestResult:
    """Queue one change for each of these campaigns; a bounded number of statements for any number of them.

    Campaigns of other workspaces are not found. Those that cannot be changed are counted by reason, the others go on.
    `today`: a moment; the changes take themselves back when its day ends in the zone of the campaign's account.
    """
    ids = sorted(set(campaign_ids))
    if not ids:
        raise DomainError(_("Select at least one campaign."), code="nothing_selected")
    if len(ids) > MAX_BULK:
        message = _("At most %(most)s campaigns can be changed at once. Narrow the list first.") % {"most": MAX_BULK}
        raise DomainError(message, code="too_many")
    return order_place(ids, Order(field, _wanted(value), actor, origin, batch or uuid.uuid4(), today=today))


def only_one(result: RequestResult) -> CampaignChange | None:
    """The outcome for a single campaign; DomainError for a refusal."""
    if result.refused:
        raise DomainError(result.refused[0].text, code=result.refused[0].code)
    return next(iter([*result.asked, *result.waiting]), None)


def _wanted(value: Value | Wish) -> Wanted:
    return (lambda _standing: value) if isinstance(value, str | int) else value.of


def order_place(ids: list[int], order: Order) -> RequestResult:
    """Hold the campaigns in the order of their ids, as every writer of several does, judge each, write the rows."""
    rows = Campaign.objects.select_for_update(no_key=True, of=("self",)).select_related("ad_account")
    campaigns = list(rows.defer("raw_data", "labels").filter(pk__in=ids).order_by("pk"))
    pending = {
        change.campaign_id: change
        for change in CampaignChange.objects.select_for_update().filter(
            campaign_id__in=ids, field=order.field, state__in=OPEN
        )
    }
    result = RequestResult(order.batch, found=[campaign.pk for campaign in campaigns])
    replaced: list[CampaignChange] = []
    for campaign in campaigns:
        waiting = pending.get(campaign.pk)
        change = _judge(campaign, waiting, order, result, replaced)
        if change is not None:
            result.asked.append(change)
    _replace(replaced, REPLACED if order.withdraws is None else TAKEN_BACK)
    result.asked = CampaignChange.objects.bulk_create(result.asked, batch_size=ROWS_PER_STATEMENT)
    accounts = {campaign.pk: campaign.ad_account_id for campaign in campaigns}
    result.accounts = {change.pk: accounts[change.campaign_id] for change in result.asked}
    _record(order, result)
    _keep_for_good(order, result)
    return result


def _judge(
    campaign: Campaign,
    waiting: CampaignChange | None,
    order: Order,
    result: RequestResult,
    replaced: list[CampaignChange],
) -> CampaignChange | None:
    """The row to add for this campaign; None when there is none, which the result then says."""
    standing = Standing.of(campaign)
    current = standing.value(order.field)
    try:
        value = order.wanted(standing)
        _check_guard(campaign, waiting, current, order)
        is_withdrawn = waiting is not None and waiting.pk == (order.withdraws or {}).get(campaign.pk)
        if waiting is not None and wished(waiting) == value and not is_withdrawn:
            result.already += 1
            result.standing.append(campaign.pk)
            result.waiting.append(waiting)
            return None
        if waiting is not None and waiting.state == ChangeState.SENDING:
            message = _("A change is just being sent to the platform. Wait until it is through.")
            raise DomainError(message, code="being_sent")
        if waiting is not None and value == current and waiting.attempts == 0:
            replaced.append(waiting)
            result.withdrawn += 1
            return None
        if found := obstacle(standing, order.field, value):
            raise DomainError(found.text, code=found.code)
    except DomainError as refusal:
        result.refused.append(Refused(campaign.pk, campaign.name, refusal.code, str(refusal)))
        return None
    if waiting is not None:
        # One that was tried may have arrived: what is asked for now is sent even where it is what we believe to be so.
        replaced.append(waiting)
    elif current == value:
        result.already += 1
        result.standing.append(campaign.pk)
        return None
    return _row(campaign, current, value, order)


def _check_guard(campaign: Campaign, waiting: CampaignChange | None, current: Value | None, order: Order) -> None:
    withdrawn = (order.withdraws or {}).get(campaign.pk)
    is_foreign = waiting is not None and waiting.pk != withdrawn
    if order.expected is not None and (is_foreign or current != order.expected[campaign.pk]):
        message = _("Somebody changed it since: it is not what this change made of it any more.")
        raise DomainError(message, code="changed_since")
    if withdrawn is not None and (waiting is None or is_foreign):
        raise DomainError(_("It is not waiting any more. Look at the campaign again."), code="not_waiting")


def _row(campaign: Campaign, current: Value | None, value: Value, order: Order) -> CampaignChange:
    user, label = _named(order.actor)
    column = "status" if order.field == ChangedField.STATUS else "budget_cents"
    values: dict[str, Any] = {f"old_{column}": current, f"new_{column}": value}
    return CampaignChange(
        campaign_id=campaign.pk,
        field=order.field,
        origin=order.origin,
        actor_label=label,
        user_id=user,
        batch=order.batch,
        undoes_id=(order.undoes or {}).get(campaign.pk),
        revert_at=_end_of_day(campaign, order.today) if order.today else None,
        **values,
    )


def _end_of_day(campaign: Campaign, moment: datetime) -> datetime:
    account = campaign.ad_account
    zone = account.timezone if account else Tenant.objects.values_list("timezone", flat=True).get()
    return next_midnight(zone_or_utc(zone), moment)


def _keep_for_good(order: Order, result: RequestResult) -> None:
    """A person wants what a change made for today only: it does not take itself back any more."""
    if order.origin != ChangeOrigin.PERSON or order.expected is not None or order.withdraws is not None:
        return
    rows = CampaignChange.objects.filter(
        campaign_id__in=result.standing, field=order.field, revert_at__isnull=False
    ).exclude(state=ChangeState.FAILED)
    ids = sorted(rows.values_list("pk", flat=True)) if result.standing else []
    if ids:
        CampaignChange.objects.filter(pk__in=ids).update(revert_at=None)
        record(
            actor=order.actor,
            action=AuditAction.UPDATE,
            resource=CampaignChange._meta.db_table,
            new={"operation": "kept_for_good", "changes": ids},
        )


def _named(actor: Actor) -> tuple[int | None, str]:
    """(person, label): staff are not people of this workspace."""
    if actor.kind == ActorKind.STAFF:
        return None, _("Stratum staff")
    if actor.kind == ActorKind.RULE:
        # A person may have asked for the pass; it is the rule that decided.
        return None, actor.label[:255]
    # Of a person the label says through what they asked, where that is no page.
    return (actor.user.pk if actor.user else None), actor.label[:255]


def _replace(changes: list[CampaignChange], code: str) -> None:
    if changes:
        words = {
            REPLACED: _("A newer change took its place before it was sent."),
            TAKEN_BACK: _("It was taken back before it was sent."),
        }
        CampaignChange.objects.filter(pk__in=[change.pk for change in changes]).update(
            state=ChangeState.FAILED,
            finished_at=timezone.now(),
            error=words[code],
            error_kind="",
            error_code=code,
            request_id="",
            retry_at=None,
        )


def _record(order: Order, result: RequestResult) -> None:
    """Who asked, from where. What came of it is a further entry, on the campaign, once the platform has taken it."""
    asked = result.asked
    if not asked and not result.withdrawn:
        return
    new: dict[str, Any] = {"field": str(order.field), "count": len(asked), "withdrawn": result.withdrawn}
    if order.batch is None and len(asked) == 1:
        change = asked[0]
        new = {"campaign": change.campaign_id, "field": str(order.field), "wanted": wished(change)}
        if change.undoes_id:
            new["undoes"] = change.undoes_id
        record(actor=order.actor, action=AuditAction.CREATE, resource=change, new=new)
        return
    new |= {"batch": str(order.batch or ""), "campaign_ids": [change.campaign_id for change in asked]}
    record(actor=order.actor, action=AuditAction.CREATE, resource=CampaignChange._meta.db_table, new=new)
