"""Reads of Slack targets and messages: the settings page, the editor's choices, what is due."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from rules.choices import Channel, SlackState, SlackStatus
from rules.conditions.telling import parse_channel_list, parse_channels
from rules.models import NotificationPreferences, RuleExecution, SlackInstall, SlackMessage, SlackTarget
from tenants.context import unscoped

# A call takes less than this: what is being sent for longer has lost its worker.
SENDING_AT_MOST = timedelta(minutes=2)
# Tokens are renewed so long before they run out.
REFRESH_AHEAD = timedelta(minutes=30)
# A refresh takes less than this: a claim that is older has lost its worker.
REFRESH_AT_MOST = timedelta(minutes=2)
OPEN = (SlackState.PENDING.value, SlackState.SENDING.value)


def target_rows() -> QuerySet[SlackTarget]:
    """The workspace's targets with the state of their newest message (`last_state`, `last_message_at`)."""
    newest = SlackMessage.objects.filter(target=OuterRef("pk")).order_by("-pk")
    return (
        SlackTarget.objects.select_related("install")
        .annotate(
            last_state=Subquery(newest.values("state")[:1]),
            last_message_at=Subquery(newest.values("created_at")[:1]),
        )
        .order_by("name", "pk")
    )


def people_told_in() -> Counter[int]:
    """Target id → how many people chose to be told of alerts there. One statement."""
    chosen = NotificationPreferences.objects.filter(slack_target__isnull=False, user__is_active=True)
    rows = chosen.values_list("slack_target_id", "channels", "digest_channels")
    return Counter(
        target
        for target, channels, in_digest in rows
        if Channel.SLACK in parse_channel_list(in_digest).union(*parse_channels(channels).values())
    )


def installs() -> QuerySet[SlackInstall]:
    """The Slack workspaces that Stratum is installed in."""
    return SlackInstall.objects.select_related("installed_by").order_by("team_name", "pk")


def install_choices() -> list[tuple[int, str]]:
    """(id, Slack workspace) of installations that work, without the secrets."""
    working = SlackInstall.objects.filter(status=SlackStatus.OK)
    return list(working.order_by("team_name", "pk").values_list("pk", "team_name"))


def target_choices() -> list[tuple[int, str]]:
    """(id, name) for the rule editor, without the secrets."""
    return list(SlackTarget.objects.order_by("name", "pk").values_list("pk", "name"))


def target_name(target_id: Any) -> str:
    """Empty when there is no such target any more."""
    if not isinstance(target_id, int):
        return ""
    return SlackTarget.objects.filter(pk=target_id).values_list("name", flat=True).first() or ""


def message_id_of(execution: RuleExecution) -> int | None:
    """The message that an execution made; None where it wrote none."""
    result = execution.action_result if isinstance(execution.action_result, dict) else {}
    made = result.get("made")
    found = made.get("slack") if isinstance(made, dict) else None
    return found if isinstance(found, int) else None


def made_messages(rows: Iterable[RuleExecution]) -> dict[int, SlackMessage]:
    """Message id → its row, for these executions. At most one statement."""
    ids = {found for row in rows if (found := message_id_of(row)) is not None}
    return SlackMessage.objects.defer("payload").in_bulk(ids) if ids else {}


def due_messages(now: datetime) -> list[tuple[int, int]]:
    """(message, target) of what waits in the bound workspace and may be sent, the oldest first."""
    due = SlackMessage.objects.filter(_due(now)).order_by("pk")
    return list(due.values_list("pk", "target_id"))


def due_installs(now: datetime) -> QuerySet[SlackInstall]:
    """Of the bound workspace: tokens that run out soon and may be renewed now."""
    return SlackInstall.objects.filter(_expiring(now)).order_by("pk")


def tenants_with_slack_tokens_to_refresh(now: datetime) -> list[int]:
    """Workspaces with tokens that run out soon and may be renewed now."""
    with unscoped("fan-out: Slack's tokens that run out soon, of all workspaces"), transaction.atomic():
        rows = SlackInstall.objects.filter(_expiring(now))
        return list(rows.order_by("tenant_id").values_list("tenant_id", flat=True).distinct())


def refreshable(now: datetime) -> Q:
    """Installations that a worker may renew now, however long their tokens have."""
    is_free = Q(refresh_claimed_at=None) | Q(refresh_claimed_at__lt=now - REFRESH_AT_MOST)
    is_time = Q(next_refresh_at=None) | Q(next_refresh_at__lte=now)
    return Q(status=SlackStatus.OK, refresh_token__isnull=False) & is_free & is_time


def _expiring(now: datetime) -> Q:
    return refreshable(now) & Q(token_expires_at__lte=now + REFRESH_AHEAD)


def tenants_with_slack_to_do(now: datetime) -> list[int]:
    """Workspaces with messages that are due, or whose worker was lost."""
    lost = Q(state=SlackState.SENDING, claimed_at__lt=now - SENDING_AT_MOST)
    with unscoped("fan-out: messages to Slack that are due, of all workspaces"), transaction.atomic():
        rows = SlackMessage.objects.filter(state__in=OPEN).filter(_due(now) | lost)
        return list(rows.order_by("tenant_id").values_list("tenant_id", flat=True).distinct())


def _due(now: datetime) -> Q:
    return Q(state=SlackState.PENDING) & (Q(next_retry_at=None) | Q(next_retry_at__lte=now))
