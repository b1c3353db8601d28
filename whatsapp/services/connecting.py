"""Attempts to connect a number: a token is typed in, WhatsApp lists the account's numbers, one is chosen.

An attempt is kept for a quarter of an hour beside the database, its token encrypted, for the person and workspace that
began it. Listing is a worker's: no request waits for WhatsApp.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.choices import ActorKind
from accounts.models import User
from stratum.lib.encryption import decrypt, encrypt
from stratum.lib.errors import DomainError
from tenants.context import bound_tenant_id
from whatsapp.clients import cloud, errors, sandbox
from whatsapp.clients.cloud import NumberRow
from whatsapp.clients.errors import Verdict, WhatsAppError
from whatsapp.clients.sandbox import SandboxBusiness
from whatsapp.models import WhatsAppNumber
from whatsapp.services.numbers import NumberDraft, number_connect

KEEP_SECONDS = 900
ASKING, LISTED, CONNECTED, FAILED = "asking", "listed", "connected", "failed"


@dataclass(frozen=True, slots=True)
class ConnectAttempt:
    """`state`: asking, listed (choose one of `numbers`), connected (`number_id`), or failed (`error`, a sentence)."""

    id: str
    user_id: int
    waba_id: str
    state: str = ASKING
    error: str = ""
    is_sandbox: bool = False
    number_id: int | None = None
    numbers: tuple[NumberRow, ...] = ()
    # Encrypted.
    token: str = field(default="", repr=False)


def connect_ask(*, token: str, waba_id: str, user: User) -> ConnectAttempt:
    """A new attempt, to be listed by `connect_list`."""
    return _keep(ConnectAttempt(secrets.token_urlsafe(16), user.pk, waba_id, token=encrypt(token)))


def connect_ask_sandbox(*, user: User) -> ConnectAttempt:
    """An attempt that connects the first simulated number that is free. DomainError where there is no sandbox."""
    if not sandbox.is_offered():
        raise DomainError(_("There is no sandbox in this installation."), code="no_sandbox")
    return _keep(ConnectAttempt(secrets.token_urlsafe(16), user.pk, "", is_sandbox=True))


def connect_read(attempt_id: str, user: User) -> ConnectAttempt | None:
    """None when it is over, or not this person's."""
    found = _read(attempt_id)
    return found if found is not None and found.user_id == user.pk else None


def connect_list(attempt_id: str) -> str:
    """Ask WhatsApp for the account's numbers, or connect the sandbox. Returns the state that came of it."""
    attempt = _read(attempt_id)
    if attempt is None or attempt.state != ASKING:
        return "" if attempt is None else attempt.state
    return _keep(_connect_sandbox(attempt) if attempt.is_sandbox else _listed(attempt)).state


def _listed(attempt: ConnectAttempt) -> ConnectAttempt:
    try:
        rows = cloud.numbers_list(decrypt(attempt.token), attempt.waba_id)
    except WhatsAppError as error:
        return replace(attempt, state=FAILED, error=_refusal_words(error), token="")
    if not rows:
        return replace(attempt, state=FAILED, error=_("This WhatsApp Business account has no numbers yet."), token="")
    return replace(attempt, state=LISTED, numbers=tuple(rows))


def _refusal_words(error: WhatsAppError) -> str:
    if error.verdict is Verdict.REFUSED:
        return _("WhatsApp does not know this business account, or the token has no access to it. Check both.")
    if error.code in (0, 190, errors.BAD_TOKEN):
        return _("WhatsApp does not accept this token. Copy it once more from Meta Business Settings.")
    if error.verdict in (Verdict.CONNECTION, Verdict.BLOCKED):
        return errors.words(error.code)
    return _("WhatsApp could not be reached, or has a problem of its own. Try again in a moment.")


def _connect_sandbox(attempt: ConnectAttempt) -> ConnectAttempt:
    found = sandbox.businesses()
    if not found:
        return replace(attempt, state=FAILED, error=_("The sandbox does not answer."))
    try:
        with transaction.atomic():
            person = User.objects.get(pk=attempt.user_id)
            number = connect_simulated(found, actor=Actor(kind=ActorKind.USER, user=person))
    except DomainError as error:
        return replace(attempt, state=FAILED, error=str(error))
    return replace(attempt, state=CONNECTED, number_id=number.pk)


def connect_simulated(businesses: Sequence[SandboxBusiness], *, actor: Actor) -> WhatsAppNumber:
    """Connect the first of these numbers that is free; those of another account than the workspace's own are refused,
    and passed over. DomainError when there is none."""
    own = set(WhatsAppNumber.objects.values_list("phone_number_id", flat=True))
    free = [(business, row) for business in businesses for row in business.numbers if row.phone_number_id not in own]
    for business, row in free:
        draft = NumberDraft(
            business.token, business.waba_id, row.phone_number_id, row.display_phone_number, business.name
        )
        try:
            return number_connect(draft=draft, actor=actor)
        except DomainError as error:
            if error.code not in ("number_taken", "other_account"):
                raise
    words = _("All simulated numbers that this workspace could have are connected, here or in another workspace.")
    raise DomainError(words, code="none_free")


def connect_finish(*, attempt: ConnectAttempt, phone_number_id: str, actor: Actor) -> WhatsAppNumber:
    """Connect the chosen number of a listed attempt. DomainError when it is none of them, or cannot be had."""
    row = next((one for one in attempt.numbers if one.phone_number_id == phone_number_id), None)
    if attempt.state != LISTED or row is None:
        raise DomainError(_("Choose one of the numbers."), code="not_listed", field="phone_number_id")
    draft = NumberDraft(
        decrypt(attempt.token), attempt.waba_id, row.phone_number_id, row.display_phone_number, row.verified_name
    )
    number = number_connect(draft=draft, actor=actor)
    # The key is read now: no workspace is bound any more when the transaction is in.
    key = _key(attempt.id)
    transaction.on_commit(lambda: cache.delete(key))
    return number


# --- Where attempts are kept -------------------------------------------------------------------------------------


def _key(attempt_id: str) -> str:
    # The workspace is part of it: an id alone would let a mix-up show another workspace's attempt.
    return f"whatsapp:connect:{bound_tenant_id()}:{attempt_id}"


def _keep(attempt: ConnectAttempt) -> ConnectAttempt:
    cache.set(_key(attempt.id), asdict(attempt), KEEP_SECONDS)
    return attempt


def _read(attempt_id: str) -> ConnectAttempt | None:
    found: dict[str, Any] | None = cache.get(_key(attempt_id))
    if found is None:
        return None
    return ConnectAttempt(**{**found, "numbers": tuple(NumberRow(**row) for row in found["numbers"])})
