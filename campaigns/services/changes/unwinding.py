"""Taking back many changes at once: rules act on a campaign more than once, and people act in between.

Of each campaign and field the ledger is read from the newest row down, as a stack. What was taken back already, and the
taking back of it, count for nothing. As long as the rows are among those to take back, and each began where the one
before it had ended, they form one unbroken chain: the campaign goes back in a single change to the value before the
chain's first, and that change undoes the first (`queries.changes.undone_with_others` counts the later ones too). So
two steps 100 → 120 → 144 end at 100, and the platform is told once. A row of anybody else ends the chain: what lies
under it stays, even where the value happens to be the same again. A change that still waits is not sent; what was
tried may have arrived, so the value before it is sent once more.

Everything is decided while the campaigns' rows are held, and `order_place` compares once more before it writes.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor
from campaigns.choices import ChangedField, ChangeOrigin, ChangeState
from campaigns.models import Campaign, CampaignChange
from campaigns.queries.changes import OPEN, Value, before, wished
from campaigns.queries.obstacles import Standing, obstacle
from campaigns.services.changes.requests import MAX_BULK, Order, RequestResult, order_place
from campaigns.services.changes.undo import undo_obstacle
from stratum.lib.errors import DomainError


@dataclass(frozen=True, slots=True)
class Step:
    """One campaign's field goes back to `value`. `chain` are the changes that are taken back with it, newest first;
    `waiting` is the first of them where it has not been sent yet."""

    standing: Standing
    field: str
    value: Value | None
    chain: tuple[CampaignChange, ...]

    @property
    def present(self) -> Value | None:
        return self.standing.value(self.field)

    @property
    def waiting(self) -> CampaignChange | None:
        return self.chain[0] if self.chain[0].state in OPEN else None

    @property
    def undone(self) -> CampaignChange | None:
        """The change to whose beginning it goes back; None where it only takes back what waits."""
        return self.chain[-1] if self.chain[-1].state not in OPEN else None

    @property
    def is_sent(self) -> bool:
        """Whether a platform has to be told."""
        return self.value != self.present or self.chain[0].attempts > 0


@dataclass(frozen=True, slots=True)
class Stays:
    """A change that is not taken back, and why."""

    change_id: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Unwinding:
    """What taking back would do, or did: `result` is None for a preview."""

    steps: Sequence[Step]
    stays: Sequence[Stays]
    result: RequestResult | None = None

    @property
    def reasons(self) -> list[tuple[str, str, int]]:
        """(code, sentence, how many changes), the most frequent first."""
        counted = Counter((one.code, one.text) for one in self.stays)
        return [(code, text, count) for (code, text), count in counted.most_common()]


def unwinding_preview(*, change_ids: Collection[int]) -> Unwinding:
    """What `changes_unwind` would do now. Three statements, however many changes; nothing is held or written."""
    return _plan(change_ids, hold=False)


@transaction.atomic
def changes_unwind(*, change_ids: Collection[int], actor: Actor) -> Unwinding:
    """Take back what still stands of these changes as they left it, in a bounded number of statements; the caller
    sends what was queued. The others stay, each with its reason: changed since, taken back already, not undoable."""
    plan = _plan(change_ids, hold=True)
    result = RequestResult(uuid.uuid4() if len(plan.steps) > 1 else None)
    for name in ChangedField.values:
        steps = [step for step in plan.steps if step.field == name]
        if steps:
            result.add(order_place([step.standing.id for step in steps], _order(name, steps, actor, result.batch)))
    refused = {one.campaign_id: one for one in result.refused}
    late = [
        Stays(change.pk, refused[step.standing.id].code, refused[step.standing.id].text)
        for step in plan.steps
        if step.standing.id in refused
        for change in step.chain
    ]
    return Unwinding([step for step in plan.steps if step.standing.id not in refused], [*plan.stays, *late], result)


def _order(name: str, steps: Sequence[Step], actor: Actor, batch: uuid.UUID | None) -> Order:
    values = {step.standing.id: step.value for step in steps}
    return Order(
        name,
        lambda standing: values[standing.id],  # type: ignore[arg-type,return-value]  # None is refused by its obstacle
        actor,
        ChangeOrigin.PERSON,
        batch,
        expected={step.standing.id: step.present for step in steps},
        undoes={step.standing.id: step.undone.pk for step in steps if step.undone is not None},
        withdraws={step.standing.id: step.waiting.pk for step in steps if step.waiting is not None},
    )


# --- The plan -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Plan:
    """Collected while the fields of the campaigns are gone through."""

    asked: frozenset[int]
    steps: list[Step] = field(default_factory=list)
    stays: list[Stays] = field(default_factory=list)

    def keep(self, changes: Iterable[CampaignChange], code: str, text: str) -> None:
        self.stays += [Stays(change.pk, code, text) for change in changes]


def _plan(change_ids: Collection[int], *, hold: bool) -> Unwinding:
    asked = frozenset(change_ids)
    if len(asked) > MAX_BULK:
        message = _("At most %(most)s changes can be taken back at once. Choose a shorter time.") % {"most": MAX_BULK}
        raise DomainError(message, code="too_many")
    plan = _Plan(asked)
    if not asked:
        return Unwinding([], [])
    campaigns = _campaigns(asked, hold=hold)
    rows = _ledger(asked, campaigns, hold=hold)
    by_field: defaultdict[tuple[int, str], list[CampaignChange]] = defaultdict(list)
    for row in rows:
        by_field[row.campaign_id, row.field].append(row)
    for (campaign_id, name), changes in by_field.items():
        if any(row.pk in asked for row in changes):
            _judge_field(campaigns[campaign_id], name, changes, plan)
    gone = asked - {row.pk for row in rows}
    text = _("The campaign is not here any more.")
    plan.stays += [Stays(change_id, "gone", text) for change_id in sorted(gone)]
    return Unwinding(plan.steps, plan.stays)


def _campaigns(asked: frozenset[int], *, hold: bool) -> dict[int, Standing]:
    """Held in the order of their ids, as every writer of several does, before the ledger is read."""
    rows = Campaign.objects.select_related("ad_account").defer("raw_data", "labels")
    ids = set(CampaignChange.objects.filter(pk__in=asked).values_list("campaign_id", flat=True))
    rows = rows.filter(pk__in=ids).order_by("pk")
    if hold:
        rows = rows.select_for_update(no_key=True, of=("self",))
    return {campaign.pk: Standing.of(campaign) for campaign in rows}


def _ledger(asked: frozenset[int], campaigns: Collection[int], *, hold: bool) -> list[CampaignChange]:
    """All that happened to these campaigns since the first of the changes, the oldest first."""
    rows = CampaignChange.objects.filter(campaign_id__in=list(campaigns), pk__gte=min(asked)).order_by("pk")
    return list(rows.select_for_update(of=("self",)) if hold else rows)


def _judge_field(standing: Standing, name: str, rows: Sequence[CampaignChange], plan: _Plan) -> None:
    """Add the step of one campaign's field, and of each change that is not part of it the reason."""
    live = _live(rows)
    for row in rows:
        if row.pk in plan.asked and row not in live:
            plan.keep([row], *_why_over(row))
    left = [row for row in live if row.pk in plan.asked]
    if left and live[-1].state == ChangeState.SENDING:
        message = _("A change is just being sent to the platform. Wait until it is through.")
        plan.keep(left, "being_sent", message)
        return
    chain = _chain(standing.value(name), live, plan.asked)
    for row in left:
        if row not in chain:
            plan.keep([row], *_why_rest(row))
    if not chain:
        return
    value = standing.value(name) if chain[-1].state in OPEN else before(chain[-1])
    step = Step(standing, name, value, tuple(chain))
    if step.waiting is None and value == standing.value(name):
        plan.keep(chain, "already", _("It is as it was before already."))
    elif step.is_sent and (found := obstacle(standing, name, value)):
        plan.keep(chain, found.code, found.text)
    else:
        plan.steps.append(step)


def _live(rows: Sequence[CampaignChange]) -> list[CampaignChange]:
    """What still counts: what happened, was not taken back, and is not the taking back of one of these."""
    happened = [row for row in rows if row.state != ChangeState.FAILED]
    backs = [(row.undoes_id, row.pk) for row in happened if row.undoes_id is not None]
    numbers = {row.pk for row in rows}
    return [
        row
        for row in happened
        if row.undoes_id not in numbers and not any(first <= row.pk < last for first, last in backs)
    ]


def _chain(present: Value | None, live: Sequence[CampaignChange], asked: frozenset[int]) -> list[CampaignChange]:
    """The unbroken run of asked changes at the end of the ledger, newest first, where the campaign still shows it."""
    chain: list[CampaignChange] = []
    for row in reversed(live):
        if row.pk not in asked:
            break
        if row.state in OPEN:
            if chain:
                break
            chain.append(row)
            continue
        # Under one that waits, the campaign must still be where that one was to begin.
        shown = present if not chain or (len(chain) == 1 and chain[0].state in OPEN) else before(chain[-1])
        if wished(row) != shown or undo_obstacle(row, is_undone=False):
            break
        chain.append(row)
    return chain


def _why_rest(row: CampaignChange) -> tuple[str, str]:
    """Why a change outside the chain stays: no platform can go back beyond it, or somebody came in between."""
    found = None if row.state in OPEN else undo_obstacle(row, is_undone=False)
    message = _("Somebody changed it since: it is not what this change made of it any more.")
    return (found.code, str(found)) if found is not None else ("changed_since", message)


def _why_over(row: CampaignChange) -> tuple[str, str]:
    """Of a change that counts no more: it did not happen, or was taken back."""
    found = undo_obstacle(row, is_undone=True)
    assert found is not None  # either is one
    return found.code, str(found)
