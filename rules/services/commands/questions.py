"""Questions that are answered once: asked, bound to what was shown, used up."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from rules.choices import CodeKind
from rules.conditions.commands import CODE_ALPHABET, CODE_LENGTH, button_id
from rules.models import WhatsAppCode
from whatsapp.models import WhatsAppContact

ANSWERED_WITHIN = timedelta(minutes=10)
APPROVED_WITHIN = timedelta(hours=24)


def question_ask(
    contact: WhatsAppContact,
    kind: CodeKind,
    *,
    now: datetime,
    payload: Mapping[str, Any],
    subject_id: int | None = None,
) -> WhatsAppCode:
    """A question with buttons. Whatever was asked before is over: a typed yes must not mean two things."""
    rows = WhatsAppCode.objects.filter(contact=contact, kind__in=(CodeKind.CHOICE, CodeKind.PAUSE), used_at=None)
    rows.update(used_at=now)
    return WhatsAppCode.objects.create(
        contact=contact,
        kind=kind,
        subject_id=subject_id,
        payload=dict(payload),
        payload_hash=digest(payload),
        expires_at=now + ANSWERED_WITHIN,
    )


def approval_ask(
    contact: WhatsAppContact, *, rule_id: int, asked_since: datetime | None, shown: Mapping[str, Any], now: datetime
) -> tuple[WhatsAppCode, str]:
    """A question with a code for this contact alone, and the code, which is kept nowhere. Older ones are over."""
    older = WhatsAppCode.objects.filter(contact=contact, kind=CodeKind.APPROVAL, subject_id=rule_id, used_at=None)
    older.update(used_at=now)
    code = "".join(secrets.choice(CODE_ALPHABET) for _place in range(CODE_LENGTH))
    question = WhatsAppCode.objects.create(
        contact=contact,
        kind=CodeKind.APPROVAL,
        subject_id=rule_id,
        code_hash=_hashed(contact, code),
        payload=dict(shown),
        payload_hash=digest(shown),
        asked_since=asked_since,
        expires_at=now + APPROVED_WITHIN,
    )
    return question, code


def matches(question: WhatsAppCode, contact: WhatsAppContact, code: str) -> bool:
    return constant_time_compare(question.code_hash, _hashed(contact, code))


def question_use(question: WhatsAppCode, now: datetime) -> bool:
    """Answered now; False when it was answered already, or its time is over."""
    rows = WhatsAppCode.objects.filter(pk=question.pk, used_at=None, expires_at__gt=now)
    return bool(rows.update(used_at=now))


def digest(shown: Mapping[str, Any]) -> str:
    """64 hex characters over what was shown, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(shown, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def yes_and_no(question: WhatsAppCode, yes: str, no: str) -> list[tuple[str, str]]:
    return [(button_id(question.pk, "yes"), yes), (button_id(question.pk, "no"), no)]


def over_words() -> str:
    return _("This question is not open any more. Nothing was changed; ask again.")


def _hashed(contact: WhatsAppContact, code: str) -> str:
    """Keyed by the installation's secret and by the contact: another person's code means nothing here."""
    return salted_hmac("rules.whatsapp_codes", f"{contact.pk}:{code}", algorithm="sha256").hexdigest()
