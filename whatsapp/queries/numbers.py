"""Reads of business numbers: which there are, which one sends, what is due for a check."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from tenants.context import unscoped
from whatsapp.choices import NumberStatus, OwnTemplateStatus
from whatsapp.models import WhatsAppNumber, WhatsAppTemplate

# Why a number stands still that nobody is to be told about: it is being looked at, or a person has stopped it.
CHECKING, BY_PERSON = "local.checking", "local.by_person"
CHECK_EVERY, SYNC_EVERY = timedelta(hours=24), timedelta(hours=24)
# What the review decided is told by webhook; asked for as well, since webhooks may not come in.
REVIEW_EVERY = timedelta(hours=1)
IN_REVIEW = ("PENDING", "IN_APPEAL")
# A check or a sync takes seconds: what was asked for and is not there by then has lost its worker.
LOST_AFTER = timedelta(minutes=2)
OWN_STATUSES = (OwnTemplateStatus.QUEUED.value, OwnTemplateStatus.SENDING.value, OwnTemplateStatus.REMOVING.value)


def number_rows() -> QuerySet[WhatsAppNumber]:
    """The workspace's numbers without their tokens, the default one first."""
    return WhatsAppNumber.objects.defer("token").order_by("-is_default", "name", "pk")


def default_number() -> WhatsAppNumber | None:
    """The number that the workspace sends from."""
    return WhatsAppNumber.objects.filter(is_default=True).first()


@dataclass(frozen=True, slots=True)
class StoppedNumber:
    """`code`: WhatsApp's, or one of ours; `reason`: a sentence for people."""

    id: int
    name: str
    code: str
    reason: str


def stopped_numbers() -> list[StoppedNumber]:
    """Numbers that send nothing because WhatsApp, or their token, does not let them; stopped by a person is no news."""
    rows = WhatsAppNumber.objects.filter(status=NumberStatus.STOPPED).exclude(error_code__in=(CHECKING, BY_PERSON))
    return [StoppedNumber(*row) for row in rows.order_by("pk").values_list("pk", "name", "error_code", "last_error")]


def number_of_account() -> WhatsAppNumber | None:
    """The number whose token speaks for the workspace's business account, one that works ('ok') before one that is
    stopped. Another one may be it next: what came of a sync is kept on all."""
    return WhatsAppNumber.objects.order_by("status", "-is_default", "pk").first()


@dataclass(frozen=True, slots=True)
class TemplateSync:
    """How far the workspace's templates are. `result`: total, new, changed, gone; or `error`, a sentence."""

    is_connected: bool = False
    is_running: bool = False
    synced_at: datetime | None = None
    result: dict[str, Any] | None = None


def template_sync(now: datetime) -> TemplateSync:
    number = number_of_account()
    if number is None:
        return TemplateSync()
    asked = number.templates_asked_at
    return TemplateSync(
        is_connected=True,
        is_running=asked is not None and asked > now - LOST_AFTER,
        synced_at=number.templates_synced_at,
        result=number.templates_result or None,
    )


def tenants_with_checks_due(now: datetime) -> list[int]:
    """Workspaces with a number that was not looked at for a day, or whose check was asked for and lost."""
    lost = Q(checked_at=None, updated_at__lt=now - LOST_AFTER)
    due = Q(checked_at__lt=now - CHECK_EVERY) | lost
    with unscoped("fan-out: numbers of all workspaces that are due for a check"), transaction.atomic():
        rows = WhatsAppNumber.objects.filter(due)
        return list(rows.order_by("tenant_id").values_list("tenant_id", flat=True).distinct())


def numbers_to_check(now: datetime) -> list[int]:
    """The bound workspace's numbers that are due, by the same measure, and those that wait for a first check."""
    due = Q(checked_at=None) | Q(checked_at__lt=now - CHECK_EVERY)
    return list(WhatsAppNumber.objects.filter(due).order_by("pk").values_list("pk", flat=True))


def tenants_with_templates_due(now: datetime) -> list[int]:
    """Workspaces whose templates were not fetched for a day, or for an hour while one is in review, or with something
    asked for that was lost."""
    untried = Q(templates_tried_at=None) | Q(templates_tried_at__lt=now - SYNC_EVERY)
    lost = Q(templates_asked_at__lt=now - LOST_AFTER)
    with unscoped("fan-out: templates of all workspaces that are due"), transaction.atomic():
        waiting = WhatsAppTemplate.objects.filter(status__in=OWN_STATUSES, updated_at__lt=now - LOST_AFTER)
        # Only where there is a number: without one nobody can hand anything in.
        in_review = WhatsAppTemplate.objects.filter(status__in=IN_REVIEW).values("tenant_id")
        due = untried & ~Q(error_code=CHECKING) | lost | Q(tenant_id__in=waiting.values("tenant_id"))
        due |= Q(templates_tried_at__lt=now - REVIEW_EVERY, tenant_id__in=in_review)
        numbers = WhatsAppNumber.objects.filter(due)
        return list(numbers.order_by("tenant_id").values_list("tenant_id", flat=True).distinct())
