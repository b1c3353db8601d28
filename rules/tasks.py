"""Celery entry points of the rules."""

from collections.abc import Sequence

from celery import shared_task
from django.utils import timezone

from accounts.audit import Actor
from accounts.tasks import send_email
from campaigns.queries.changes import tenants_with_due_reverts
from campaigns.tasks import send_changes
from rules import services
from rules.choices import Outcome
from rules.models import Rule
from rules.queries.commands import tenants_with_commands, tenants_with_outcomes
from rules.queries.reports.schedules import tenants_with_due_reports
from rules.queries.slack import tenants_with_slack_to_do, tenants_with_slack_tokens_to_refresh
from rules.queries.telling import tenants_with_alerts_to_tell, tenants_with_due_digests
from rules.services import reports
from tenants.queries import active_tenant_ids
from whatsapp.tasks import send_messages

# How long a platform usually takes: the outcome is looked for then, and by the beat from there on.
OUTCOME_AFTER_SECONDS = 4


@shared_task(name="rules.evaluate_all")
def evaluate_all() -> dict[str, int]:
    """Beat: one task for each workspace, so that one workspace's failure stops no other."""
    tenant_ids = active_tenant_ids()
    for tenant_id in tenant_ids:
        evaluate_tenant.delay(tenant_id=tenant_id)
    return {"tenants": len(tenant_ids)}


@shared_task(name="rules.evaluate_tenant")
def evaluate_tenant(
    *, tenant_id: int, rule_ids: Sequence[int] | None = None, actor: Actor | None = None
) -> dict[str, int] | None:
    """One pass over a workspace's active rules. None (no row among the job runs): nothing to do, or another worker
    is at it. `actor` is passed in-process only, by 'evaluate now'."""
    counts = services.rules_evaluate(rule_ids=rule_ids, actor=actor)
    if counts is not None:
        send_what_was_asked(tenant_id, counts)
        if counts.outcomes.get(Outcome.AWAITING_APPROVAL):
            ask_whatsapp.delay_on_commit(tenant_id=tenant_id)
    return counts.as_json() if counts is not None and counts.rules else None


def approve_rule(*, tenant_id: int, rule: Rule, actor: Actor) -> dict[str, int] | None:
    """In-process, for the button: a rule acts on what it asked for, and its changes are sent. None: a pass is running.

    DomainError when nothing waits any more.
    """
    counts = services.rule_approve(rule=rule, actor=actor)
    if counts is None:
        return None
    send_what_was_asked(tenant_id, counts)
    return counts.as_json()


def send_what_was_asked(tenant_id: int, counts: services.EvaluationCounts) -> None:
    """Once the pass's transaction is in: changes to their platforms, messages, alerts to people."""
    send_changes(tenant_id, counts.to_send)
    if counts.slack:
        send_slack.delay_on_commit(tenant_id=tenant_id)
    if counts.whatsapp:
        send_messages.delay_on_commit(tenant_id=tenant_id)
    if counts.rules:
        deliver_tenant_alerts.delay_on_commit(tenant_id=tenant_id)


@shared_task(name="rules.replay")
def run_replay(*, tenant_id: int, replay_id: str) -> dict[str, int] | None:
    """A replay too large for a request. None: nobody asks for it any more, or it is done."""
    found = services.replay_run(replay_id)
    return None if found is None else {"days": len(found.days), "acted": found.acted, "wrong": found.wrong}


@shared_task(name="rules.revert_due_changes")
def revert_due_changes() -> dict[str, int] | None:
    """Beat: one task for each workspace in which something was changed for a day that is over."""
    tenant_ids = tenants_with_due_reverts(timezone.now())
    for tenant_id in tenant_ids:
        revert_tenant_changes.delay(tenant_id=tenant_id)
    return {"tenants": len(tenant_ids)} if tenant_ids else None


@shared_task(name="rules.revert_tenant_changes")
def revert_tenant_changes(*, tenant_id: int) -> dict[str, int] | None:
    """Take back what is due. Sending it twice is harmless: whoever comes second finds nothing due."""
    reverted = services.changes_revert()
    if reverted is None:
        return None
    send_changes(tenant_id, reverted.by_account)
    return reverted.counts or None


@shared_task(name="rules.send_slack")
def send_slack(*, tenant_id: int) -> dict[str, int] | None:
    """Send a workspace's messages to Slack that are due. Sending this twice is harmless: each message is claimed."""
    return services.slack_send().counts or None


@shared_task(name="rules.send_due_slack")
def send_due_slack() -> dict[str, int] | None:
    """Beat: messages whose next try is due, whose task was lost, or whose worker is gone."""
    tenant_ids = tenants_with_slack_to_do(timezone.now())
    for tenant_id in tenant_ids:
        send_slack.delay(tenant_id=tenant_id)
    return {"tenants": len(tenant_ids)} if tenant_ids else None


@shared_task(name="rules.install_slack")
def install_slack(*, tenant_id: int, attempt_id: str) -> None:
    """What a person waits for who adds Stratum to Slack. Leaves no job row: the page says what came of it."""
    services.slack_install_finish(attempt_id)


@shared_task(name="rules.refresh_slack")
def refresh_slack() -> dict[str, int] | None:
    """Beat: tokens of Slack that run out soon, or whose last try to renew them failed."""
    tenant_ids = tenants_with_slack_tokens_to_refresh(timezone.now())
    for tenant_id in tenant_ids:
        refresh_tenant_slack.delay(tenant_id=tenant_id)
    return {"tenants": len(tenant_ids)} if tenant_ids else None


@shared_task(name="rules.refresh_tenant_slack")
def refresh_tenant_slack(*, tenant_id: int) -> dict[str, int] | None:
    """Renew a workspace's tokens of Slack. Twice, or at the same time, uses no refresh token twice."""
    tried = services.slack_installs_refresh()
    return {"tried": tried} if tried else None


@shared_task(name="rules.deliver_alerts")
def deliver_alerts() -> dict[str, int] | None:
    """Beat: alerts nobody was told of yet, messages whose time has come, and alerts that nobody answered in time."""
    tenant_ids = tenants_with_alerts_to_tell(timezone.now())
    for tenant_id in tenant_ids:
        deliver_tenant_alerts.delay(tenant_id=tenant_id)
    return {"tenants": len(tenant_ids)} if tenant_ids else None


@shared_task(name="rules.deliver_tenant_alerts")
def deliver_tenant_alerts(*, tenant_id: int) -> dict[str, int] | None:
    """Decide who is told, and hand over what is due. Twice, or at the same time, tells nobody twice."""
    now = timezone.now()
    told, escalated = services.alerts_tell(now=now), services.alerts_escalate(now=now)
    sent = services.deliveries_send(now=now)
    if sent.messages:
        send_what_was_queued(tenant_id)
    counts = {name: count for name, count in (("told", told), ("escalated", escalated)) if count}
    return {**counts, **sent.counts} or None


def send_what_was_queued(tenant_id: int) -> None:
    """Once the transaction is in, without waiting for the beat: what waits in the outbox of each channel."""
    send_email.delay_on_commit(tenant_id=tenant_id)
    send_slack.delay_on_commit(tenant_id=tenant_id)
    send_messages.delay_on_commit(tenant_id=tenant_id)


@shared_task(name="rules.send_alert_digests")
def send_alert_digests() -> dict[str, int] | None:
    """Beat: people whose time of day for their digest has come."""
    tenant_ids = tenants_with_due_digests(timezone.now())
    for tenant_id in tenant_ids:
        send_tenant_digests.delay(tenant_id=tenant_id)
    return {"tenants": len(tenant_ids)} if tenant_ids else None


@shared_task(name="rules.send_tenant_digests")
def send_tenant_digests(*, tenant_id: int) -> dict[str, int] | None:
    sent = services.digests_send(now=timezone.now())
    if sent.messages:
        send_what_was_queued(tenant_id)
    return sent.counts or None


@shared_task(name="rules.send_reports")
def send_reports() -> dict[str, int] | None:
    """Beat: one task for each workspace in which a report is due."""
    tenant_ids = tenants_with_due_reports(timezone.now())
    for tenant_id in tenant_ids:
        send_tenant_reports.delay(tenant_id=tenant_id)
    return {"tenants": len(tenant_ids)} if tenant_ids else None


@shared_task(name="rules.send_tenant_reports")
def send_tenant_reports(*, tenant_id: int) -> dict[str, int] | None:
    """Make what is due and hand it to its channels. Sending this twice is harmless: each report is made once."""
    counts = reports.reports_send().counts
    if counts.get("messages"):
        send_what_was_queued(tenant_id)
    return counts or None


# --- Commands by WhatsApp ---------------------------------------------------------------------------------------


@shared_task(name="rules.answer_whatsapp")
def answer_whatsapp(*, tenant_id: int) -> dict[str, int] | None:
    """Obey and answer what people wrote to a workspace. Twice, or at once, does nothing twice: messages are claimed."""
    done = services.commands_answer()
    send_changes(tenant_id, done.to_send)
    if done.slack:
        send_slack.delay_on_commit(tenant_id=tenant_id)
    if done.answers:
        send_messages.delay_on_commit(tenant_id=tenant_id)
    if done.follows:
        tell_whatsapp.apply_async(kwargs={"tenant_id": tenant_id}, countdown=OUTCOME_AFTER_SECONDS)
    return done.as_json() or None


@shared_task(name="rules.tell_whatsapp")
def tell_whatsapp(*, tenant_id: int) -> dict[str, int] | None:
    """Tell people what platforms made of what they asked for. Sending it twice is harmless: each outcome is claimed."""
    told = services.outcomes_tell()
    if told:
        send_messages.delay_on_commit(tenant_id=tenant_id)
    return {"told": told} if told else None


@shared_task(name="rules.ask_whatsapp")
def ask_whatsapp(*, tenant_id: int) -> dict[str, int] | None:
    """Ask people about rules that began to wait for approval. The next pass asks again if this task is lost."""
    asked = services.approvals_ask(now=timezone.now())
    if asked:
        send_messages.delay_on_commit(tenant_id=tenant_id)
    return {"asked": asked} if asked else None


@shared_task(name="rules.answer_due_whatsapp")
def answer_due_whatsapp() -> dict[str, int] | None:
    """Beat: messages whose task was lost, and outcomes that nobody was told yet."""
    waiting, settled = tenants_with_commands(timezone.now()), tenants_with_outcomes()
    for tenant_id in waiting:
        answer_whatsapp.delay(tenant_id=tenant_id)
    for tenant_id in settled:
        tell_whatsapp.delay(tenant_id=tenant_id)
    return {"waiting": len(waiting), "settled": len(settled)} if waiting or settled else None
