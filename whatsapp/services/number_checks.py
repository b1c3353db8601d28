"""Looking at a number at WhatsApp: whether its token and it are well, and whether its webhooks come here.

No transaction is open while WhatsApp is asked. Safe twice and at the same time: what is written is what WhatsApp said.
"""

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from whatsapp.choices import NumberStatus
from whatsapp.clients import cloud, errors
from whatsapp.clients.cloud import NumberRow
from whatsapp.clients.errors import Verdict, WhatsAppError
from whatsapp.models import WhatsAppNumber
from whatsapp.queries.numbers import CHECKING, numbers_to_check

ACTOR = Actor.job("whatsapp.check_numbers")
WEBHOOK_PATH = "/webhooks/whatsapp/"
# The number itself is at fault, not the moment. An unknown id is refused as a bad parameter.
_FAULTS = frozenset({Verdict.CONNECTION, Verdict.BLOCKED, Verdict.REFUSED})
_HEALTH = ["display_phone_number", "verified_name", "quality_rating", "messaging_limit"]
_STATE = [*_HEALTH, "status", "error_code", "last_error", "checked_at", "subscribed_at"]


@dataclass(slots=True)
class Checked:
    """What came of looking at a workspace's numbers."""

    well: int = 0
    stopped: int = 0
    unreachable: int = 0

    @property
    def counts(self) -> dict[str, int]:
        found = {"well": self.well, "stopped": self.stopped, "unreachable": self.unreachable}
        return {name: count for name, count in found.items() if count}


def numbers_check(number_ids: list[int] | None = None) -> Checked:
    """Look at these numbers of the bound workspace, or at those that are due."""
    result = Checked()
    if number_ids is None:
        with transaction.atomic():
            number_ids = numbers_to_check(timezone.now())
    for number_id in number_ids:
        match number_check(number_id):
            case NumberStatus.OK:
                result.well += 1
            case NumberStatus.STOPPED:
                result.stopped += 1
            case _:
                result.unreachable += 1
    return result


def number_check(number_id: int) -> str:
    """Health of one number, and its subscription where that is missing. Returns its status now; '' when WhatsApp could
    not be asked, which changes nothing but what the page says, or when the number is gone."""
    with transaction.atomic():
        number = WhatsAppNumber.objects.filter(pk=number_id).first()
    if number is None:
        return ""
    token = number.token
    try:
        health = cloud.number_health(token, number.phone_number_id)
    except WhatsAppError as error:
        return _keep_failure(number_id, token, error)
    problem = "" if number.subscribed_at else _subscribe(number)
    return _keep_health(number_id, token, health, problem)


def _subscribe(number: WhatsAppNumber) -> str:
    """Have webhooks of the account come here. Returns what is wrong, as a sentence; '' when they come."""
    if not settings.WHATSAPP_VERIFY_TOKEN:
        return _(
            "This installation has no WHATSAPP_VERIFY_TOKEN: neither answers nor delivery reports come in. Its "
            "operator can set one."
        )
    callback = f"{settings.PUBLIC_URL}{WEBHOOK_PATH}"
    try:
        # WhatsApp takes an address of one's own only from an app that is subscribed.
        cloud.subscribe(number.token, number.waba_id)
        cloud.subscribe(number.token, number.waba_id, callback, settings.WHATSAPP_VERIFY_TOKEN)
    except WhatsAppError as error:
        if error.verdict in (Verdict.CONNECTION, Verdict.BLOCKED):
            return errors.words(error.code)
        words = _("WhatsApp could not confirm %(address)s: neither answers nor delivery reports come in.")
        return words % {"address": callback}
    return ""


@transaction.atomic
def _keep_health(number_id: int, token: str, health: NumberRow, problem: str) -> str:
    number = _same(number_id, token)
    if number is None:
        return ""
    old, now = snapshot(number, _STATE), timezone.now()
    number.display_phone_number = health.display_phone_number[:30] or number.display_phone_number
    number.verified_name = health.verified_name[:255] or number.verified_name
    number.quality_rating, number.messaging_limit = health.quality[:20], health.limit[:30]
    number.checked_at = now
    if not problem:
        number.subscribed_at = number.subscribed_at or now
    if number.error_code == CHECKING:
        number.status, number.error_code = NumberStatus.OK, ""
    # A number that WhatsApp's own words stopped keeps them: its health says nothing about being allowed to send.
    if number.status == NumberStatus.OK:
        number.last_error = problem
    _save(number, old)
    return number.status


@transaction.atomic
def _keep_failure(number_id: int, token: str, error: WhatsAppError) -> str:
    number = _same(number_id, token)
    if number is None:
        return ""
    old = snapshot(number, _STATE)
    number.checked_at = timezone.now()
    is_fault = error.verdict in _FAULTS
    if is_fault:
        number.status, number.error_code = NumberStatus.STOPPED, str(error.code)[:50]
        number.last_error = _fault_words(error)
    elif number.status == NumberStatus.OK:
        number.last_error = _("WhatsApp could not be asked about this number. It is tried again.")
    _save(number, old)
    return NumberStatus.STOPPED if is_fault else ""


def _fault_words(error: WhatsAppError) -> str:
    if error.verdict is Verdict.REFUSED:
        return _("WhatsApp does not know this number, or the token has no access to it.")
    return errors.words(error.code)


def _same(number_id: int, token: str) -> WhatsAppNumber | None:
    """The row, unless it was removed, or given another token, while WhatsApp was asked."""
    number = WhatsAppNumber.objects.select_for_update(no_key=True).filter(pk=number_id).first()
    return number if number is not None and number.token == token else None


def _save(number: WhatsAppNumber, old: dict[str, object]) -> None:
    number.save(update_fields=[*_STATE, "updated_at"])
    # When it was looked at is no change that anybody asks the trail for.
    new = {**snapshot(number, _STATE), "checked_at": old["checked_at"]}
    if new != old:
        record(actor=ACTOR, action=AuditAction.UPDATE, resource=number, old=old, new=new)
