"""What the rows want of WhatsApp is said to it, and what WhatsApp has is written into the rows.

No transaction is open while WhatsApp is asked. A template is claimed by a conditional UPDATE before it is handed in;
a worker that is lost over it leaves it to the listing, which knows whether it arrived.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from tenants.models import Tenant
from whatsapp.choices import NumberStatus, OwnTemplateStatus, TemplateCategory
from whatsapp.clients import cloud, errors
from whatsapp.clients.cloud import TemplateRow
from whatsapp.clients.errors import REPEATABLE, Verdict, WhatsAppError
from whatsapp.clients.templates import shape
from whatsapp.models import WhatsAppNumber, WhatsAppTemplate
from whatsapp.queries.numbers import LOST_AFTER, number_of_account
from whatsapp.queries.templates import DELETED, default_variables
from whatsapp.services.numbers import number_stop

ACTOR = Actor.job("whatsapp.sync_templates")
# An event within these seconds before a listing may be newer than it: its moment has whole seconds, by another clock.
CLOCK_MARGIN = timedelta(seconds=5)
_COLUMNS = [
    "category", "status", "components", "variables", "quality_score", "rejected_reason", "external_id",
    "last_synced_at", "status_at", "category_at", "quality_at",
]  # fmt: skip
_OWN = (OwnTemplateStatus.QUEUED.value, OwnTemplateStatus.SENDING.value, OwnTemplateStatus.REFUSED.value)


@dataclass(slots=True)
class Synced:
    """What one run found. `error` is a sentence, '' when all went well."""

    total: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    handed_in: int = 0
    refused: int = 0
    error: str = ""

    @property
    def counts(self) -> dict[str, int]:
        names = ("total", "new", "changed", "gone", "handed_in", "refused")
        return {name: getattr(self, name) for name in names if name == "total" or getattr(self, name)}


def templates_sync() -> Synced | None:
    """Hand in, delete and list. None: there is no business account to ask. Never raises for what WhatsApp says."""
    with transaction.atomic():
        number = number_of_account()
    if number is None:
        return None
    result, began, is_dead = Synced(), timezone.now(), False
    try:
        _hand_in(number, result)
        _remove(number)
        fetched_at = timezone.now()
        rows = cloud.templates_list(number.token, number.waba_id)
    except WhatsAppError as error:
        result.error = _error_words(error)
        if error.verdict is Verdict.CONNECTION:
            number_stop(number.pk, error.code, result.error, actor=ACTOR)
            is_dead = True
    else:
        _keep_listing(number, rows, fetched_at, result)
    for number_id in _spoken_for(is_dead=is_dead):
        _keep_result(number_id, began, result)
    return result


@transaction.atomic
def _spoken_for(*, is_dead: bool) -> list[int]:
    """All numbers: they share the account, and one that was left out would be due for ever. After a dead token those
    that work are left out, since theirs may still open it."""
    rows = WhatsAppNumber.objects.order_by("pk")
    return list((rows.filter(status=NumberStatus.STOPPED) if is_dead else rows).values_list("pk", flat=True))


def _error_words(error: WhatsAppError) -> str:
    if error.verdict in (Verdict.CONNECTION, Verdict.BLOCKED):
        return errors.words(error.code)
    if error.verdict is Verdict.REFUSED:
        return _("WhatsApp does not show the templates of this business account to the token.")
    return _("WhatsApp could not be reached, or has a problem of its own. It is tried again.")


# --- Handing in and deleting ------------------------------------------------------------------------------------


def _hand_in(number: WhatsAppNumber, result: Synced) -> None:
    with transaction.atomic():
        lost = WhatsAppTemplate.objects.filter(
            status=OwnTemplateStatus.SENDING, updated_at__lt=timezone.now() - LOST_AFTER
        )
        lost.update(status=OwnTemplateStatus.QUEUED)
        queued = WhatsAppTemplate.objects.filter(status=OwnTemplateStatus.QUEUED).order_by("pk")
        waiting = list(queued.values_list("pk", flat=True))
    for template_id in waiting:
        template = _claim(template_id)
        if template is None:
            continue
        try:
            made = cloud.template_create(
                number.token,
                number.waba_id,
                name=template.name,
                language=template.language,
                category=template.category,
                components=template.components,
            )
        except WhatsAppError as error:
            result.refused += _keep_refusal(template_id, error)
            if error.verdict in (Verdict.CONNECTION, Verdict.BLOCKED) or error.verdict in REPEATABLE:
                raise
        else:
            result.handed_in += _keep_handed_in(template_id, made)


@transaction.atomic
def _claim(template_id: int) -> WhatsAppTemplate | None:
    rows = WhatsAppTemplate.objects.filter(pk=template_id, status=OwnTemplateStatus.QUEUED)
    if not rows.update(status=OwnTemplateStatus.SENDING):
        return None
    return WhatsAppTemplate.objects.get(pk=template_id)


@transaction.atomic
def _keep_handed_in(template_id: int, made: TemplateRow) -> int:
    """An event about it may have come before the answer: only what is still being sent is written."""
    mine = WhatsAppTemplate.objects.filter(pk=template_id)
    values: dict[str, Any] = {"external_id": made.external_id[:100], "rejected_reason": None}
    if made.category in TemplateCategory.values:
        values["category"] = made.category
    mine.update(**values)
    return mine.filter(status=OwnTemplateStatus.SENDING).update(status=_status(made))


@transaction.atomic
def _keep_refusal(template_id: int, error: WhatsAppError) -> int:
    """1 when WhatsApp refused it; 0 when it waits for another try, or for the listing, which knows."""
    mine = WhatsAppTemplate.objects.filter(pk=template_id, status=OwnTemplateStatus.SENDING)
    if error.verdict is Verdict.UNKNOWN:
        return 0
    if error.verdict in (Verdict.CONNECTION, Verdict.BLOCKED) or error.verdict in REPEATABLE:
        mine.update(status=OwnTemplateStatus.QUEUED)
        return 0
    reason = error.message or errors.words(error.code)
    return mine.update(status=OwnTemplateStatus.REFUSED, rejected_reason=reason)


def _remove(number: WhatsAppNumber) -> None:
    with transaction.atomic():
        removing = WhatsAppTemplate.objects.filter(status=OwnTemplateStatus.REMOVING).order_by("pk")
        waiting = list(removing.values_list("pk", "name", "external_id"))
    for template_id, name, external_id in waiting:
        try:
            cloud.template_delete(number.token, number.waba_id, name, external_id or "")
        except WhatsAppError as error:
            if error.verdict is not Verdict.REFUSED:
                raise
            # Gone already, or not to be deleted: the listing says which.
        with transaction.atomic():
            mine = WhatsAppTemplate.objects.filter(pk=template_id, status=OwnTemplateStatus.REMOVING)
            mine.update(status=DELETED, status_at=None)


# --- The listing ------------------------------------------------------------------------------------------------


@transaction.atomic
def _keep_listing(number: WhatsAppNumber, listed: Iterable[TemplateRow], fetched_at: datetime, result: Synced) -> None:
    """Upsert what is there, mark what is not. Statements: one read, at most four writes."""
    # Two syncs at once would otherwise both insert what is new.
    Tenant.objects.select_for_update(no_key=True).get()
    known = {(row.name, row.language): row for row in WhatsAppTemplate.objects.select_for_update(no_key=True)}
    rows = {(row.name, row.language): row for row in listed if row.name and 0 < len(row.language) <= 10}
    fresh: list[WhatsAppTemplate] = []
    changed: list[WhatsAppTemplate] = []
    same: list[WhatsAppTemplate] = []
    for key, row in rows.items():
        template = known.get(key) or WhatsAppTemplate(name=row.name, language=row.language)
        before = _digest(template)
        _write(template, row, fetched_at)
        if template.pk is None:
            fresh.append(template)
        else:
            (same if before == _digest(template) else changed).append(template)
    WhatsAppTemplate.objects.bulk_create(fresh)
    WhatsAppTemplate.objects.bulk_update(changed, _COLUMNS)
    as_of = Value(fetched_at - CLOCK_MARGIN, DateTimeField())
    moments = {name: Greatest(name, as_of) for name in ("status_at", "category_at", "quality_at")}
    WhatsAppTemplate.objects.filter(pk__in=[row.pk for row in same]).update(last_synced_at=fetched_at, **moments)
    gone = [row for key, row in known.items() if key not in rows and _may_be_gone(row, fetched_at)]
    WhatsAppTemplate.objects.filter(pk__in=[row.pk for row in gone]).update(
        status=DELETED, last_synced_at=fetched_at, **moments
    )
    result.total, result.new, result.changed, result.gone = len(rows), len(fresh), len(changed), len(gone)
    _record(fresh, changed, gone)


def _may_be_gone(row: WhatsAppTemplate, fetched_at: datetime) -> bool:
    """Not what is on its way to WhatsApp, or was made there after the listing."""
    if row.status in (*_OWN, DELETED):
        return False
    just_made = row.last_synced_at is None and row.updated_at is not None and row.updated_at > fetched_at - LOST_AFTER
    return not just_made


def _write(template: WhatsAppTemplate, row: TemplateRow, fetched_at: datetime) -> None:
    """The listing's values, but none that an event has overtaken."""
    as_of = fetched_at - CLOCK_MARGIN
    if _is_older(template.status_at, as_of) and template.status != OwnTemplateStatus.REMOVING:
        template.status, template.status_at = _status(row), as_of
        reason = row.rejected_reason
        told = template.rejected_reason if template.status == "REJECTED" else None
        template.rejected_reason = told if reason in ("", "NONE") else reason
    if _is_older(template.category_at, as_of):
        # A category of tomorrow is treated as the one that needs most consent.
        known = row.category if row.category in TemplateCategory.values else TemplateCategory.MARKETING.value
        template.category, template.category_at = known, as_of
    if _is_older(template.quality_at, as_of):
        template.quality_score, template.quality_at = row.quality[:20] or None, as_of
    template.components = row.components
    template.external_id = row.external_id[:100] or template.external_id
    template.variables = default_variables(shape(row.components), template.category, template.variables)
    template.last_synced_at = fetched_at


def _is_older(known: datetime | None, as_of: datetime) -> bool:
    return known is None or known <= as_of


def _status(row: TemplateRow) -> str:
    return row.status.upper()[:30] or "PENDING"


def _digest(template: WhatsAppTemplate) -> str:
    """What a person would call a change; when it was seen is none."""
    names = ("category", "status", "components", "variables", "quality_score", "rejected_reason", "external_id")
    values = [getattr(template, name) for name in names]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _record(fresh: list[WhatsAppTemplate], changed: list[WhatsAppTemplate], gone: list[WhatsAppTemplate]) -> None:
    found = {"new": fresh, "changed": changed, "gone": gone}
    named = {word: sorted(f"{row} {row.status}" for row in rows)[:50] for word, rows in found.items() if rows}
    if named:
        record(
            actor=ACTOR,
            action=AuditAction.UPDATE,
            resource=WhatsAppTemplate._meta.db_table,
            new={"operation": "templates_synced", **named},
        )


@transaction.atomic
def _keep_result(number_id: int, began: datetime, result: Synced) -> None:
    """What the page says of it. Somebody who asked while it ran is served by the next run. One number in a transaction:
    whoever reads webhooks may hold several, in another order."""
    number = WhatsAppNumber.objects.select_for_update(no_key=True).filter(pk=number_id).first()
    if number is None:
        return
    number.templates_tried_at = timezone.now()
    number.templates_result = {**result.counts, **({"error": result.error} if result.error else {})}
    if not result.error:
        number.templates_synced_at = number.templates_tried_at
    if number.templates_asked_at is not None and number.templates_asked_at <= began:
        number.templates_asked_at = None
    number.save(
        update_fields=[
            "templates_tried_at", "templates_result", "templates_synced_at", "templates_asked_at", "updated_at",
        ]
    )  # fmt: skip
