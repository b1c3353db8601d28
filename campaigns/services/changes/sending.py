"""Telling the platforms: claim a queued change, say it, and keep what the platform shows afterwards.

No transaction and no row lock is held while a platform is asked. A change is claimed by a conditional UPDATE that
counts the try, and finished by another one that names the same try: of two workers one sends, and one that comes back
from the dead changes nothing.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import ActorKind, AuditAction
from campaigns.choices import CampaignStatus, ChangedField, ChangeOrigin, ChangeState, Platform
from campaigns.clients.base import RETRYABLE, CampaignInfo, ErrorKind, LimitScope, PlatformError
from campaigns.models import AdAccount, Campaign, CampaignChange
from campaigns.queries.changes import SENDING_AT_MOST, before, wished
from campaigns.queries.obstacles import Standing, obstacle
from campaigns.services.platforms import client_of, error_words, failure_note, wire_account
from stratum.lib.masking import mask_text
from stratum.lib.regions import language_or_default

log = structlog.get_logger(__name__)

MAX_TRIES = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
# A worker waits no longer than this for one change; then the change waits for its next try. Together with the longest
# single call it stays below SENDING_AT_MOST, after which another worker takes the change over.
PATIENCE_SECONDS = 120.0
# A task begins no further change after this, and hands the rest on: it ends well before its time limit.
TASK_SECONDS = 240.0
# A single campaign that is gone says nothing about the account it was in.
_GONE = frozenset({"local.missing", "E3003"})


@dataclass(slots=True)
class Applied:
    """What became of the changes: counts, and the ids that the time was too short for."""

    applied: int = 0
    failed: int = 0
    postponed: int = 0
    left: list[int] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        found = {"applied": self.applied, "failed": self.failed, "postponed": self.postponed, "left": len(self.left)}
        return {name: count for name, count in found.items() if count}


def changes_apply(change_ids: Iterable[int], *, clock: Callable[[], float] = time.monotonic) -> Applied:
    """Send these changes one after the other, as far as they are queued and due, and nobody else has them.

    When the platform asks for a pause, the others of the same account wait with the one that met it.
    """
    result, started, ids = Applied(), clock(), list(change_ids)
    paused: dict[int, datetime] = {}
    for position, change_id in enumerate(ids):
        if clock() - started > TASK_SECONDS:
            result.left = ids[position:]
            break
        claim = _claim(change_id, paused)
        if claim is None:
            continue
        with translation.override(language_or_default(claim.change.user.locale if claim.change.user else "")):
            _send(claim, result, paused)
    return result


@dataclass(frozen=True, slots=True)
class _Claim:
    """A change that is ours to send: `account` and `campaign` as they stood at that moment."""

    change: CampaignChange
    campaign: Campaign
    account: AdAccount | None
    superseded: bool

    @property
    def rows(self):
        """The change as long as this try is the one that counts."""
        return CampaignChange.objects.filter(
            pk=self.change.pk, state=ChangeState.SENDING, attempts=self.change.attempts
        )


@transaction.atomic
def _claim(change_id: int, paused: dict[int, datetime]) -> _Claim | None:
    """queued → sending, or taken over from a worker that is gone; None when somebody else has it or it is not due."""
    now = timezone.now()
    rows = CampaignChange.objects.filter(pk=change_id)
    account_id = rows.values_list("campaign__ad_account_id", flat=True).first()
    if account_id in paused:
        rows.filter(state=ChangeState.QUEUED, retry_at=None).update(retry_at=paused[account_id])
        return None
    due = Q(state=ChangeState.QUEUED) & (Q(retry_at=None) | Q(retry_at__lte=now))
    lost = Q(state=ChangeState.SENDING, sent_at__lt=now - SENDING_AT_MOST)
    lost_since = rows.filter(lost).values_list("sent_at", flat=True).first()
    if not rows.filter(due | lost).update(state=ChangeState.SENDING, attempts=F("attempts") + 1, sent_at=now):
        return None
    change = rows.select_related("campaign__ad_account__connection", "user").get()
    return _Claim(change, change.campaign, change.campaign.ad_account, _superseded(change, lost_since))


def _superseded(change: CampaignChange, lost_since: datetime | None) -> bool:
    """Whether something newer was done about the field since a worker was lost over this change."""
    if lost_since is None:
        return False
    newer = CampaignChange.objects.filter(campaign_id=change.campaign_id, field=change.field)
    return newer.filter(state=ChangeState.APPLIED, finished_at__gt=lost_since).exists()


def _send(claim: _Claim, result: Applied, paused: dict[int, datetime]) -> None:
    if refusal := _refusal(claim):
        result.failed += _fail(claim, *refusal)
        return
    assert claim.account is not None  # or it had been refused
    try:
        shown = _call(claim, claim.account)
    except PlatformError as error:
        _log(claim, error)
        if error.kind in RETRYABLE and claim.change.attempts < MAX_TRIES:
            until = _postpone(claim, error)
            result.postponed += 1
            if error.kind is ErrorKind.RATE and error.scope is not LimitScope.OBJECT:
                paused[claim.account.pk] = until
            return
        _fail_for_good(claim, claim.account, error)
        result.failed += 1
        return
    result.applied += _keep(claim, shown)


def _refusal(claim: _Claim) -> tuple[str, str] | None:
    """(code, sentence) when the change must not be sent: the world has moved on since it was asked for."""
    change, standing = claim.change, Standing.of(claim.campaign)
    if claim.campaign.is_deleted:
        return "gone", _("The campaign is not in this workspace any more.")
    if claim.superseded or standing.value(change.field) != before(change):
        return "changed_since", _("Somebody changed it since it was asked for. Nothing was sent.")
    found = obstacle(standing, change.field, wished(change))
    return (found.code, found.text) if found else None


def _call(claim: _Claim, account: AdAccount) -> CampaignInfo:
    client = client_of(account, sleep=_bounded_sleep(account))
    change, wire, info = claim.change, wire_account(account), _info(claim.campaign)
    if change.field == ChangedField.STATUS:
        return client.set_status(wire, info, active=change.new_status == CampaignStatus.ACTIVE)
    assert change.new_budget_cents is not None  # a change of budget has one
    return client.set_daily_budget(wire, info, minor=change.new_budget_cents)


def _bounded_sleep(account: AdAccount) -> Callable[[float], None]:
    """Waits between repeats until the patience for this change is used up."""
    deadline = time.monotonic() + PATIENCE_SECONDS

    def sleep(seconds: float) -> None:
        if time.monotonic() + seconds > deadline:
            raise PlatformError(
                "The platform did not answer in time.",
                kind=ErrorKind.TRANSIENT,
                platform=account.platform,
                code="local.too_slow",
                retry_after=seconds,
            )
        time.sleep(seconds)

    return sleep


def _info(campaign: Campaign) -> CampaignInfo:
    """The campaign as the platform described it last."""
    return CampaignInfo(
        external_id=campaign.external_id,
        name=campaign.name,
        status=campaign.status,
        objective=campaign.objective,
        daily_budget=campaign.daily_budget_cents,
        lifetime_budget=campaign.lifetime_budget_cents,
        start_date=campaign.start_date,
        end_date=campaign.end_date,
        budget_object=campaign.budget_object,
        budget_read_only=campaign.budget_lock,
    )


# --- What came of it ------------------------------------------------------------------------------------------


@transaction.atomic
def _keep(claim: _Claim, shown: CampaignInfo) -> int:
    """The platform shows what was asked for: the campaign follows it, and the change is done."""
    change = claim.change
    rows = Campaign.objects.with_deleted().select_for_update(no_key=True)
    campaign = rows.get(pk=change.campaign_id)
    done = claim.rows.update(
        state=ChangeState.APPLIED,
        finished_at=timezone.now(),
        retry_at=None,
        error="",
        error_kind="",
        error_code="",
        request_id="",
    )
    if not done:
        return 0
    # What the platform says beside it is kept too; None and '' are 'it did not say'.
    status = shown.status or (change.new_status if change.field == ChangedField.STATUS else campaign.status)
    budget = shown.daily_budget
    if budget is None:
        is_budget = change.field == ChangedField.DAILY_BUDGET
        budget = change.new_budget_cents if is_budget else campaign.daily_budget_cents
    values: dict[str, Any] = {
        "status": status,
        "daily_budget_cents": budget,
        "budget_lock": shown.budget_read_only,
        "budget_object": shown.budget_object[:255],
        "delivery_note": shown.warning[:500],
    }
    old = {name: getattr(campaign, name) for name in values}
    _note_outside(change, old, values)
    for name, value in values.items():
        setattr(campaign, name, value)
    campaign.save(update_fields=[*values, "updated_at"])
    record(
        actor=_actor(change),
        action=AuditAction.UPDATE,
        resource=campaign,
        old=old,
        new={**values, "change": change.pk, "origin": str(change.origin)},
    )
    return 1


def _note_outside(change: CampaignChange, old: dict[str, Any], new: dict[str, Any]) -> None:
    """The other field turned out to be different on the platform: that was done there, and the ledger says so."""
    column, suffix, other = (
        ("daily_budget_cents", "budget_cents", ChangedField.DAILY_BUDGET)
        if change.field == ChangedField.STATUS
        else ("status", "status", ChangedField.STATUS)
    )
    if old[column] == new[column]:
        return
    values: dict[str, Any] = {f"old_{suffix}": old[column], f"new_{suffix}": new[column]}
    CampaignChange.objects.create(
        campaign_id=change.campaign_id,
        field=other,
        origin=ChangeOrigin.OUTSIDE,
        state=ChangeState.APPLIED,
        finished_at=timezone.now(),
        **values,
    )


def _actor(change: CampaignChange) -> Actor:
    """Whoever asked for the change; a worker carries it out for them."""
    if change.user is not None:
        return Actor(kind=ActorKind.USER, user=change.user, label=change.actor_label)
    kind = ActorKind.RULE if change.origin == ChangeOrigin.RULE else ActorKind.JOB
    return Actor(kind=kind, label=change.actor_label or "campaigns.apply_changes")


def _postpone(claim: _Claim, error: PlatformError) -> datetime:
    """Back into the queue, for after the pause that the platform asked for or that grows with each try."""
    growing = min(FIRST_PAUSE * 2 ** (claim.change.attempts - 1), LONGEST_PAUSE)
    until = timezone.now() + max(growing, timedelta(seconds=error.retry_after or 0))
    with transaction.atomic():
        claim.rows.update(
            state=ChangeState.QUEUED,
            retry_at=until,
            error=_waiting_words(error),
            error_kind=error.kind.value,
            error_code=error.code[:100],
            request_id=error.request_id[:200],
        )
    return until


def _waiting_words(error: PlatformError) -> str:
    if error.code == "local.not_applied":
        platform = str(Platform(error.platform).label)
        message = _("%(platform)s accepted the change but does not show it yet. Stratum looks again by itself.")
        return message % {"platform": platform}
    return error_words(error)


def _fail_for_good(claim: _Claim, account: AdAccount, error: PlatformError) -> None:
    words = error_words(error)
    if error.kind in RETRYABLE:
        message = _("%(platform)s did not carry it out in %(tries)s tries: %(said)s")
        platform = str(Platform(error.platform).label)
        values = {"platform": platform, "tries": claim.change.attempts, "said": mask_text(str(error))[:500]}
        words = message % values
    with transaction.atomic():
        _fail(claim, error.code, words, kind=error.kind.value, request_id=error.request_id)
    if _concerns_account(error):
        failure_note(account, error)


def _concerns_account(error: PlatformError) -> bool:
    if error.kind in (ErrorKind.AUTH, ErrorKind.EXPIRED):
        return True
    return error.kind is ErrorKind.PERMISSION and error.code not in _GONE and error.status != 404


@transaction.atomic
def _fail(claim: _Claim, code: str, words: str, *, kind: str = "", request_id: str = "") -> int:
    return claim.rows.update(
        state=ChangeState.FAILED,
        finished_at=timezone.now(),
        retry_at=None,
        error=words,
        error_kind=kind,
        error_code=code[:100],
        request_id=request_id[:200],
    )


def _log(claim: _Claim, error: PlatformError) -> None:
    log.warning(
        "change.failed",
        change=claim.change.pk,
        attempt=claim.change.attempts,
        kind=error.kind.value,
        code=error.code,
        request_id=error.request_id,
    )
