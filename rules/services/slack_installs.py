"""Stratum installed in Slack workspaces: asked for on Slack's consent page, kept, installed anew, removed.

What the consent page sends back is kept for a quarter of an hour beside the database, its code encrypted, for the
person and workspace that began it. The exchange is a worker's: no request waits for Slack, and no transaction is open.
"""

import secrets
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import ActorKind, AuditAction
from accounts.models import User
from rules.actions.alert_rows import cause_resolve
from rules.choices import SlackKind
from rules.clients.slack import Verdict, webhook_is_allowed
from rules.clients.slack_oauth import Grant, Hook, OAuthError, authorize_url, code_exchange, missing_settings
from rules.models import SlackInstall, SlackTarget
from rules.services.slack_targets import MENDED_FIELDS, target_close, target_mend, targets_are_full
from rules.services.slack_tokens import TOKEN_FIELDS, install_cause, install_mend, tokens_set
from rules.services.slack_words import error_words
from stratum.lib.consent import Consent
from stratum.lib.encryption import decrypt, encrypt
from stratum.lib.errors import DomainError
from tenants.context import bound_tenant_id
from tenants.models import Tenant

KEEP_SECONDS = 900
# The exchange takes less: an attempt that is asking for longer has lost its worker.
ASKING_SECONDS = 120.0
ASKING, DONE, FAILED = "asking", "done", "failed"
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class InstallAttempt:
    """`state`: asking, done (`words` say what there is now), or failed (`words` say why)."""

    id: str
    user_id: int
    began_at: float
    redirect_uri: str
    state: str = ASKING
    words: str = ""
    # Encrypted; empty once a worker has used it.
    code: str = field(default="", repr=False)


def slack_install_ask() -> Consent:
    """The address to send a person to. Nothing is stored and nobody is called. DomainError without a registration."""
    if missing_settings():
        raise DomainError(
            _("This installation is not registered at Slack. Ask whoever operates it."), code="not_registered"
        )
    redirect_uri, state = slack_redirect_uri(), secrets.token_urlsafe(32)
    return Consent(authorize_url(redirect_uri=redirect_uri, state=state), state, "", redirect_uri)


def slack_redirect_uri() -> str:
    """Where Slack sends a person back to: the address that is registered there, whatever host they came by."""
    return settings.PUBLIC_URL + reverse("rules:slack_install_callback")


# --- The exchange ---------------------------------------------------------------------------------------------


def slack_install_request(*, code: str, redirect_uri: str, user: User) -> InstallAttempt:
    """Keep what the consent page sent back, for `slack_install_finish`."""
    return _remember(
        InstallAttempt(secrets.token_urlsafe(16), user.pk, timezone.now().timestamp(), redirect_uri, code=encrypt(code))
    )


def slack_install_read(attempt_id: str, user: User) -> InstallAttempt | None:
    """None when it is over, or not this person's."""
    found = _recall(attempt_id)
    if found is None or found.user_id != user.pk:
        return None
    if found.state == ASKING and timezone.now().timestamp() - found.began_at > ASKING_SECONDS:
        # A code works once, and whether Slack has taken it nobody knows.
        return replace(found, state=FAILED, words=_("The installation was not finished in time. Begin again."))
    return found


def slack_install_finish(attempt_id: str) -> str:
    """Exchange the code and keep what Slack gives. Returns the state that came of it, empty when there was nothing to
    do. A code is used once, however many workers come by."""
    attempt = _recall(attempt_id)
    if attempt is None or attempt.state != ASKING or not cache.add(f"{_key(attempt_id)}:taken", 1, KEEP_SECONDS):
        return ""
    try:
        grant = code_exchange(decrypt(attempt.code), attempt.redirect_uri)
        words = _installed(grant, attempt.user_id)
    except OAuthError as error:
        return _remember(replace(attempt, state=FAILED, words=_refusal_words(error), code="")).state
    return _remember(replace(attempt, state=DONE, words=words, code="")).state


def _refusal_words(error: OAuthError) -> str:
    if error.answer.verdict is Verdict.UNKNOWN:
        return _("Slack did not finish the installation in time. Begin again.")
    return error_words(error.answer.code)


@transaction.atomic
def _installed(grant: Grant, user_id: int) -> str:
    """Store the installation and its channel; what there is now, in a sentence."""
    actor = Actor(kind=ActorKind.USER, user=User.objects.get(pk=user_id))
    # One at a time in a workspace: two that install in the same Slack workspace make one row, and names stay unique.
    Tenant.objects.select_for_update(no_key=True).get()
    install = _keep(grant, actor)
    target = _channel(install, grant.hook, actor) if grant.hook else None
    if target is None:
        text = _("Stratum is installed in %(team)s. Add the channels that it may write to below.")
        return text % {"team": install.team_name}
    text = _("Stratum is installed in %(team)s, and rules can write to “%(channel)s”.")
    return text % {"team": install.team_name, "channel": target.name}


def _keep(grant: Grant, actor: Actor) -> SlackInstall:
    """One row for a Slack workspace: installing again renews it."""
    known = SlackInstall.objects.filter(team_id=grant.team_id).select_for_update(no_key=True).first()
    install = known or SlackInstall(team_id=grant.team_id)
    install_mend(install, actor=actor)
    old = snapshot(known) if known else None
    install.team_name, install.bot_user_id, install.app_id = grant.team_name, grant.bot_user_id, grant.app_id
    install.installed_by = actor.user
    tokens_set(install, grant, timezone.now())
    shown = ("team_name", "bot_user_id", "app_id", "installed_by", "updated_at")
    install.save(update_fields=[*TOKEN_FIELDS, *shown] if known else None)
    action = AuditAction.UPDATE if known else AuditAction.CREATE
    record(actor=actor, action=action, resource=install, old=old, new=snapshot(install))
    return install


def _channel(install: SlackInstall, hook: Hook, actor: Actor) -> SlackTarget | None:
    """The channel that was chosen on the consent page, as a target; None where it cannot be one."""
    if not webhook_is_allowed(hook.url):
        return None
    known = SlackTarget.objects.filter(install=install, kind=SlackKind.WEBHOOK, channel=hook.channel_id)
    target = known.select_for_update(no_key=True).order_by("pk").first()
    if target is None and targets_are_full():
        return None
    if target is None:
        name = _free_name(hook.channel or hook.channel_id)
        made = SlackTarget.objects.create(
            name=name, kind=SlackKind.WEBHOOK, url=hook.url, channel=hook.channel_id, install=install
        )
        record(actor=actor, action=AuditAction.CREATE, resource=made, new=snapshot(made))
        return made
    target_mend(target, actor=actor)
    old = snapshot(target)
    target.url = hook.url
    target.save(update_fields=["url", *MENDED_FIELDS])
    record(actor=actor, action=AuditAction.UPDATE, resource=target, old=old, new=snapshot(target))
    return target


def _free_name(wanted: str) -> str:
    """'#ads', or '#ads (2)' where another channel has that name."""
    taken = set(SlackTarget.objects.values_list("name", flat=True))
    name, number = wanted[:_LONGEST_NAME], 1
    while name in taken:
        number += 1
        ending = f" ({number})"
        name = wanted[: _LONGEST_NAME - len(ending)] + ending
    return name


# --- The end --------------------------------------------------------------------------------------------------


@transaction.atomic
def slack_install_remove(*, install: SlackInstall, actor: Actor) -> SlackInstall:
    """Hide it, destroy its tokens, and remove the channels that hang on it. In Slack the app stays installed."""
    locked = SlackInstall.objects.select_for_update(no_key=True).get(pk=install.pk)
    old = snapshot(locked)
    locked.is_deleted, locked.access_token, locked.refresh_token = True, "", None
    locked.save(update_fields=["is_deleted", "access_token", "refresh_token", "updated_at"])
    record(actor=actor, action=AuditAction.DELETE, resource=locked, old=old)
    for target in SlackTarget.objects.filter(install=locked).select_for_update(no_key=True).order_by("pk"):
        target_close(target, actor=actor)
    cause_resolve(install_cause(locked), actor=actor)
    return locked


# --- Where attempts are kept -------------------------------------------------------------------------------------


def _key(attempt_id: str) -> str:
    # The workspace is part of it: an id alone would let a mix-up show another workspace's attempt.
    return f"slack:install:{bound_tenant_id()}:{attempt_id}"


def _remember(attempt: InstallAttempt) -> InstallAttempt:
    cache.set(_key(attempt.id), asdict(attempt), KEEP_SECONDS)
    return attempt


def _recall(attempt_id: str) -> InstallAttempt | None:
    found: dict[str, Any] | None = cache.get(_key(attempt_id))
    return None if found is None else InstallAttempt(**found)
