"""The tokens of installations: writing with them, renewing them before they run out, and saying when they are dead.

A refresh token works once, and nothing is held while Slack is asked: whoever wants to use it claims it by a conditional
UPDATE. A claim lapses when its worker died; the refresh token may then have been used, which the next try finds out.
What comes of a token is kept only while the row still has that token (`token_since`).
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from rules.actions.alert_rows import AlertRow, alerts_raise, cause_resolve
from rules.choices import Severity, SlackKind, SlackStatus
from rules.clients.slack import Answer, Verdict, message_post
from rules.clients.slack_oauth import Grant, OAuthError, token_refresh
from rules.models import SlackInstall, SlackTarget
from rules.queries.slack import REFRESH_AHEAD, due_installs, refreshable
from rules.services.slack_targets import MENDED_FIELDS, status_record, target_mend
from rules.services.slack_words import error_words

# A first pause of a minute, which doubles; after so many tries it is over.
MAX_REFRESH_TRIES = 8
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=15)
# Words for a bot's token that is dead for good.
_DEAD = frozenset({"invalid_auth", "token_revoked", "account_inactive"})
_RUN_OUT = "token_expired"
# What an answer says of the installation rather than of the channel: the installation tells people.
OF_INSTALL = _DEAD | {"local.install_broken"}
# What is wrong with this installation of Stratum, not with that in Slack: it may be mended meanwhile.
_OURS = frozenset({"bad_client_secret", "invalid_client_id", "local.other_kind"})
ACTOR = Actor.job("rules.refresh_slack")
# What `tokens_set` changes.
TOKEN_FIELDS = (
    "access_token", "refresh_token", "token_expires_at", "token_since", "scope", "refresh_claimed_at", "refresh_tries",
    "next_refresh_at", "status", "last_error",
)  # fmt: skip


# --- Writing --------------------------------------------------------------------------------------------------


def install_post(install_id: int, channel: str, payload: dict[str, Any]) -> Answer:
    """chat.postMessage as the bot of an installation. A token that runs out is renewed before, and one that has run out
    for Slack once more; no transaction is open."""
    install = _fresh(install_id)
    if not _counts(install):
        return Answer(Verdict.TARGET, code="local.install_broken")
    if _has_run_out(install):
        return _not_yet(install)
    answer = message_post(install.access_token, channel, payload)
    if answer.code == _RUN_OUT and install.refresh_token is not None:
        spent, install = install, _renewed(install)
        if not _counts(install):
            return answer
        if install.token_since == spent.token_since:
            return _not_yet(install)
        answer = message_post(install.access_token, channel, payload)
    if answer.code in _DEAD or (answer.code == _RUN_OUT and install.refresh_token is None):
        _found_dead(install, answer.code)
    return answer


def _fresh(install_id: int) -> SlackInstall:
    install = _load(install_id)
    return _renewed(install) if _runs_out_soon(install) else install


def _renewed(install: SlackInstall) -> SlackInstall:
    """The installation as it is after a try to renew the tokens that it has here."""
    install_refresh(install)
    return _load(install.pk)


@transaction.atomic
def _load(install_id: int) -> SlackInstall:
    return SlackInstall.objects.with_deleted().get(pk=install_id)


def _counts(install: SlackInstall) -> bool:
    return install.status == SlackStatus.OK and not install.is_deleted


def _runs_out_soon(install: SlackInstall) -> bool:
    return install.token_expires_at is not None and install.token_expires_at <= timezone.now() + REFRESH_AHEAD


def _has_run_out(install: SlackInstall) -> bool:
    """By our clock, and it can be renewed. Where it cannot, Slack has the last word."""
    if install.token_expires_at is None or install.refresh_token is None:
        return False
    return install.token_expires_at <= timezone.now()


def _not_yet(install: SlackInstall) -> Answer:
    """Nothing was posted: another worker is renewing the token, or it could not be renewed."""
    wait = (install.next_refresh_at - timezone.now()).total_seconds() if install.next_refresh_at else None
    return Answer(Verdict.LATER, code="local.token_renewal", retry_after=wait)


# --- Renewing -------------------------------------------------------------------------------------------------


def slack_installs_refresh() -> int:
    """Renew what runs out soon in the bound workspace; how many tries there were."""
    with transaction.atomic():
        due = list(due_installs(timezone.now()))
    return sum(install_refresh(install) for install in due)


def install_refresh(install: SlackInstall) -> bool:
    """Trade the refresh token for new tokens. False, without asking Slack: the tokens are not those of `install` any
    more, another worker is at it, or it is too early for another try."""
    claimed = _claim(install)
    if claimed is None:
        return False
    assert claimed.refresh_token is not None  # or it could not have been claimed
    try:
        grant = token_refresh(claimed.refresh_token)
    except OAuthError as error:
        _refused(claimed, error.answer)
    else:
        _keep(claimed, grant)
    return True


@transaction.atomic
def _claim(install: SlackInstall) -> SlackInstall | None:
    """The try is counted here, so that tries of workers that die count too."""
    now = timezone.now()
    mine = SlackInstall.objects.filter(refreshable(now), pk=install.pk, token_since=install.token_since)
    if not mine.update(refresh_claimed_at=now, refresh_tries=F("refresh_tries") + 1):
        return None
    return SlackInstall.objects.get(pk=install.pk)


@transaction.atomic
def _keep(claimed: SlackInstall, grant: Grant) -> None:
    """Store the new tokens, even where the claim has lapsed: the old refresh token is used up, and these are all
    there is. Not where others came by installing anew, nor where the installation was removed."""
    same = SlackInstall.objects.filter(pk=claimed.pk, token_since=claimed.token_since)
    locked = same.select_for_update(no_key=True).first()
    if locked is None:
        return
    tokens_set(locked, grant, timezone.now())
    # Another worker may have been refused meanwhile, for the refresh token that was used here.
    install_mend(locked, actor=ACTOR)
    locked.save(update_fields=[*TOKEN_FIELDS, "updated_at"])


def tokens_set(install: SlackInstall, grant: Grant, now: datetime) -> None:
    """Write new tokens onto a locked installation; the caller saves TOKEN_FIELDS."""
    install.access_token, install.refresh_token = grant.access_token, grant.refresh_token
    install.token_expires_at = now + timedelta(seconds=grant.expires_in) if grant.expires_in else None
    install.token_since, install.scope = now, grant.scope
    install.refresh_claimed_at = install.next_refresh_at = None
    install.refresh_tries, install.last_error = 0, ""


@transaction.atomic
def _refused(claimed: SlackInstall, answer: Answer) -> None:
    mine = SlackInstall.objects.filter(pk=claimed.pk, refresh_claimed_at=claimed.refresh_claimed_at)
    locked = mine.filter(token_since=claimed.token_since).select_for_update(no_key=True).first()
    if locked is None:
        return
    passes = answer.verdict in (Verdict.LATER, Verdict.UNKNOWN) or answer.code in _OURS
    if not passes or locked.refresh_tries >= MAX_REFRESH_TRIES:
        _break(locked, "local.refresh_given_up" if passes else answer.code)
        return
    locked.refresh_claimed_at = None
    locked.next_refresh_at = timezone.now() + _pause(locked.refresh_tries, answer)
    locked.last_error = _refusal_words(answer)
    locked.save(update_fields=["refresh_claimed_at", "next_refresh_at", "last_error", "updated_at"])
    new = {"refresh": "failed", "reason": answer.code, "tries": locked.refresh_tries}
    record(actor=ACTOR, action=AuditAction.UPDATE, resource=locked, old={}, new=new)


def _pause(tries: int, answer: Answer) -> timedelta:
    growing = min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE)
    return max(growing, timedelta(seconds=answer.retry_after or 0))


def _refusal_words(answer: Answer) -> str:
    if answer.verdict is Verdict.UNKNOWN:
        return _("Slack did not say whether it renewed the bot’s token. Stratum tries again by itself.")
    words = _("The bot’s token could not be renewed: %(error)s Stratum tries again by itself.")
    return words % {"error": error_words(answer.code)}


# --- Dead tokens ----------------------------------------------------------------------------------------------


@transaction.atomic
def _found_dead(used: SlackInstall, code: str) -> None:
    """Slack refused the token that was used."""
    same = SlackInstall.objects.filter(pk=used.pk, token_since=used.token_since, status=SlackStatus.OK)
    locked = same.select_for_update(no_key=True).first()
    if locked is not None:
        _break(locked, code)


def _break(install: SlackInstall, code: str) -> None:
    """Only installing again helps: says so on the installation, on its bot's channels, and to people."""
    again = _("%(error)s Install Stratum in Slack again.") % {"error": error_words(code)}
    install.status, install.last_error, install.refresh_claimed_at = SlackStatus.BROKEN, again, None
    install.save(update_fields=["status", "last_error", "refresh_claimed_at", "updated_at"])
    new = {"status": SlackStatus.BROKEN.value, "reason": code}
    record(actor=ACTOR, action=AuditAction.UPDATE, resource=install, old={"status": SlackStatus.OK.value}, new=new)
    for target in _bot_targets(install).filter(status=SlackStatus.OK):
        target.status, target.last_error = SlackStatus.BROKEN, again
        target.save(update_fields=["status", "last_error", "updated_at"])
        status_record(target, SlackStatus.OK, actor=ACTOR)
    alerts_raise([_alert(install)], now=timezone.now(), actor=ACTOR)


def install_mend(install: SlackInstall, *, actor: Actor) -> None:
    """A locked installation that was broken has good tokens again, and its bot's channels with it. The caller saves
    TOKEN_FIELDS."""
    if install.status == SlackStatus.OK:
        return
    install.status = SlackStatus.OK
    old, new = {"status": SlackStatus.BROKEN.value}, {"status": SlackStatus.OK.value}
    record(actor=actor, action=AuditAction.UPDATE, resource=install, old=old, new=new)
    for target in _bot_targets(install).filter(status=SlackStatus.BROKEN):
        target_mend(target, actor=actor)
        target.save(update_fields=MENDED_FIELDS)
    cause_resolve(install_cause(install), actor=actor)


def _bot_targets(install: SlackInstall) -> QuerySet[SlackTarget]:
    """The channels that stand and fall with the installation, locked. A webhook works without its tokens."""
    return SlackTarget.objects.filter(install=install, kind=SlackKind.BOT).select_for_update(no_key=True).order_by("pk")


def _alert(install: SlackInstall) -> AlertRow:
    body = _("%(error)s Rules that write to its channels as Stratum’s bot fail until then.")
    return AlertRow(
        cause=install_cause(install),
        severity=Severity.WARNING.value,
        title=_("Stratum cannot write to Slack any more: %(name)s") % {"name": install.team_name},
        body=body % {"error": install.last_error},
    )


def install_cause(install: SlackInstall) -> str:
    return f"slack-install:{install.pk}:broken"
