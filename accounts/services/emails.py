"""What is to be sent by e-mail, and who does not want it.

A message is queued in the transaction of whatever it tells of; `accounts.tasks.send_email` sends it afterwards
(`send_email.delay_on_commit(tenant_id=…)` right after queueing, or the beat within a minute).
"""

import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail.message import sanitize_address
from django.core.validators import validate_email
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction, EmailKind, EmailState, SuppressionWay
from accounts.emails import email_render
from accounts.models import EmailAttachment, EmailMessage, EmailSuppression, User
from accounts.queries import email_suppression
from stratum.lib.encryption import email_hash
from stratum.lib.errors import DomainError
from stratum.lib.regions import language_or_default

# All files of one message together; mail servers take 20 MB or so, and the mail's own encoding adds a third.
MAX_ATTACHED_BYTES = 10 * 1024 * 1024
LONGEST_SUBJECT, LONGEST_NAME = 200, 150
# RFC 2045: type/subtype, without parameters.
_CONTENT_TYPE = re.compile(r"[A-Za-z0-9][\w.+-]*/[A-Za-z0-9][\w.+-]*", re.ASCII)
# Whatever any mail program may take for the end of a header's line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message. `content_type` such as text/csv."""

    name: str
    content_type: str
    content: bytes


@transaction.atomic
def email_queue(
    *,
    address: str | None = None,
    user: User | None = None,
    kind: EmailKind,
    subject: str,
    text: str,
    html: str = "",
    dedupe_key: str | None = None,
    attachments: Sequence[Attachment] = (),
    actor: Actor,
) -> EmailMessage:
    """Put a message on the list of what is to be sent from the bound workspace: to a person, or to any address.

    The same `dedupe_key` (200 characters at most) again gives the row that is there, whatever else was passed. An
    address that does not want this kind, and a person who cannot log in, get a row in state suppressed that says why.
    DomainError: no address, an invalid one, a subject or file name of several lines, files that are too large.
    """
    target = _checked_address(user.email if user is not None else address)
    email = EmailMessage(
        user=user,
        address=target,
        address_hash=email_hash(target),
        kind=EmailKind(kind).value,
        subject=_checked_subject(subject),
        text=text,
        html=html,
        dedupe_key=dedupe_key,
        message_id=_new_message_id(),
    )
    for attachment in attachments:
        _check_attachment(attachment)
    if sum(len(attachment.content) for attachment in attachments) > MAX_ATTACHED_BYTES:
        raise DomainError(
            _("The files are too large for an e-mail: 10 MB are allowed."), code="too_large", field="attachments"
        )
    if code := email_obstacle(email):
        email.state, email.error_code, email.error = EmailState.SUPPRESSED, code, suppressed_words(code)
    return _insert(email, attachments, actor)


def _insert(email: EmailMessage, attachments: Sequence[Attachment], actor: Actor) -> EmailMessage:
    if email.dedupe_key is None:
        email.save()
    else:
        # Waits for a transaction that inserts the same key, and does nothing if that one comes through.
        EmailMessage.objects.bulk_create([email], ignore_conflicts=True)
        found = EmailMessage.objects.get(dedupe_key=email.dedupe_key)
        if found.message_id != email.message_id:
            return found
        email = found
    EmailAttachment.objects.bulk_create(
        EmailAttachment(
            email=email,
            name=attachment.name,
            content_type=attachment.content_type,
            content=attachment.content,  # type: ignore[misc]  # the stubs take the field for one of text
            size_bytes=len(attachment.content),
        )
        for attachment in attachments
    )
    record(
        actor=actor,
        action=AuditAction.CREATE,
        resource=email,
        new={"kind": str(email.kind), "state": str(email.state), "user": email.user_id, "files": len(attachments)},
    )
    return email


def email_obstacle(email: EmailMessage) -> str:
    """Why a message is not to be sent at this moment, as a code of `suppressed_words`; empty when it is."""
    person = email.user
    if person is not None and (person.is_deleted or not person.is_active or person.gdpr_anonymized_at is not None):
        return "local.person_gone"
    found = email_suppression(email.address_hash, email.kind)
    if found is None:
        return ""
    return "local.bounced" if found.way == SuppressionWay.BOUNCE else "local.unsubscribed"


def suppressed_words(code: str) -> str:
    """The sentence of a code of `email_obstacle`."""
    return {
        "local.person_gone": _("This person cannot log in any more, so nothing is sent to them."),
        "local.bounced": _("An earlier message came back: there is no such mailbox."),
        "local.unsubscribed": _("This address has unsubscribed."),
    }[code]


@transaction.atomic
def email_unsubscribe(
    *, address_hash: str, kind: str, way: SuppressionWay, actor: Actor, email_id: int | None = None
) -> EmailSuppression:
    """Write nothing more of this kind (an EmailKind, or '' for all) to an address of the bound workspace.

    The row is the evidence: when, how, after which message. Doing it twice keeps the first row.
    """
    email = EmailMessage.objects.filter(pk=email_id, address_hash=address_hash).first() if email_id else None
    row, is_new = EmailSuppression.objects.get_or_create(
        address_hash=address_hash, kind=kind, defaults={"way": way, "email": email}
    )
    if is_new:
        record(
            actor=actor,
            action=AuditAction.CREATE,
            resource=row,
            new={"address_hash": address_hash, "kind": kind or "all", "way": str(row.way), "email": row.email_id},
        )
    return row


@transaction.atomic
def email_resubscribe(*, address_hash: str, actor: Actor, kinds: Collection[str] | None = None) -> int:
    """Write to an address again: of these kinds ('' for what was 'everything'), or of all. How many rows went.

    Only what people asked for themselves: a mailbox that is not there, and what staff closed, staff opens again.
    """
    rows = EmailSuppression.objects.filter(
        address_hash=address_hash, way__in=(SuppressionWay.LINK, SuppressionWay.HEADER)
    )
    if kinds is not None:
        rows = rows.filter(kind__in=kinds)
    found = list(rows.select_for_update().order_by("pk"))
    for row in found:
        suppression_remove(row=row, actor=actor)
    return len(found)


@transaction.atomic
def email_test(*, user: User, actor: Actor) -> EmailMessage:
    """Queue a message to a person that only says that e-mail arrives."""
    with translation.override(language_or_default(user.locale)):
        subject = _("E-mail from Stratum arrives")
    text, html = email_render("emails/test", {}, kind=EmailKind.NOTICE, user=user)
    return email_queue(user=user, kind=EmailKind.NOTICE, subject=subject, text=text, html=html, actor=actor)


@transaction.atomic
def email_send_again(*, email: EmailMessage, actor: Actor) -> None:
    """Let a message that failed be sent after all, with all its tries. DomainError when it did not fail."""
    failed = EmailMessage.objects.filter(pk=email.pk, state=EmailState.FAILED)
    waits = {"state": EmailState.PENDING, "attempts": 0, "next_retry_at": None, "error_code": "", "error": ""}
    if not failed.update(**waits):
        # What may have arrived would arrive twice.
        raise DomainError(_("Only an e-mail that failed can be sent again."), code="not_failed")
    old, new = {"state": EmailState.FAILED.value}, {"state": EmailState.PENDING.value}
    record(actor=actor, action=AuditAction.UPDATE, resource=email, old=old, new=new)


@transaction.atomic
def suppression_remove(*, row: EmailSuppression, actor: Actor) -> None:
    """Allow an address again; the trail keeps how long it was not."""
    record(
        actor=actor,
        action=AuditAction.DELETE,
        resource=row,
        old={
            "address_hash": row.address_hash,
            "kind": row.kind or "all",
            "way": str(row.way),
            "at": row.at.isoformat(),
            "email": row.email_id,
        },
    )
    row.delete()


def _checked_address(address: str | None) -> str:
    address = (address or "").strip()
    if not address:
        raise DomainError(_("There is no e-mail address to write to."), code="no_address", field="address")
    try:
        validate_email(address)
    except ValidationError as error:
        raise DomainError(_("This is not an e-mail address."), code="bad_address", field="address") from error
    return address


def _checked_subject(subject: str) -> str:
    subject = subject.strip()
    if not subject or _CONTROL.search(subject):
        raise DomainError(_("The subject of an e-mail is one line of text."), code="bad_subject", field="subject")
    return subject if len(subject) <= LONGEST_SUBJECT else subject[: LONGEST_SUBJECT - 1] + "…"


def _check_attachment(attachment: Attachment) -> None:
    name = attachment.name
    named = 0 < len(name) <= LONGEST_NAME and not _CONTROL.search(name) and not set('/\\"') & set(name)
    if not named or not _CONTENT_TYPE.fullmatch(attachment.content_type) or len(attachment.content_type) > 100:
        raise DomainError(
            _("The name or type of an attached file cannot be used."), code="bad_attachment", field="attachments"
        )


def _new_message_id() -> str:
    sender = sanitize_address(settings.DEFAULT_FROM_EMAIL, "utf-8")
    return f"<{uuid.uuid4().hex}@{sender.rpartition('@')[2].rstrip('>') or 'localhost'}>"
