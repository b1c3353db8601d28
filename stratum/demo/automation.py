"""The demo's rules, and the alert about the days on which tracking was broken."""

from dataclasses import replace
from datetime import timedelta

from django.utils.translation import gettext as _

from campaigns.choices import CampaignStatus, Platform
from campaigns.models import Campaign
from rules.actions.alert_rows import AlertRow, alerts_raise
from rules.choices import ActionType, Operator, RuleStatus, Severity
from rules.services.rules import RuleDraft, rule_create, rule_update
from stratum.demo.market import INCIDENT_DAYS_AGO, INCIDENT_PLATFORM, MORNING, day_start
from stratum.demo.numbers import Span
from stratum.demo.rule_past import write_past
from stratum.demo.workspaces import ACTOR

# The rules that catch catalogue.BROKEN: seven full days of spend with next to nothing coming back.
STOP_LOSS, STOP_LOSS_LABEL = "Stop loss – tell us", "Stop loss – label it"
# It looks too early: its account shows how often later conversions proved it wrong.
HASTY = "Two weak days – tell us"
WEEK, FORTNIGHT, RESTED = 7 * 24, 14 * 24, 3 * 24


def make_rules(span: Span) -> None:
    prospecting = sorted(Campaign.objects.labelled("prospecting").values_list("pk", flat=True))
    for draft, status in _drafts(prospecting):
        first = replace(draft, cooldown_hours=24) if draft.cooldown_hours == RESTED else draft
        rule = rule_create(draft=first, status=status, actor=ACTOR)
        if first != draft:
            # It began with a shorter rest: one rule of the demo has a version to compare with.
            rule_update(rule=rule, draft=draft, actor=ACTOR)
        if draft.name == HASTY:
            write_past(rule, span)


def _drafts(prospecting: list[int]) -> list[tuple[RuleDraft, RuleStatus]]:
    stop_loss = {
        "condition_field": "roas",
        "condition_operator": Operator.LESS_THAN.value,
        "condition_value": "0.3",
        "condition_duration_hours": WEEK,
        "applies_to_campaigns": prospecting,
    }
    return [
        (
            RuleDraft(
                name=STOP_LOSS,
                description="A prospecting campaign earns back less than a third of what it costs.",
                action_type=ActionType.SEND_ALERT.value,
                action_config={"severity": Severity.CRITICAL.value, "message": "Check the landing page and the offer."},
                **stop_loss,
            ),
            RuleStatus.ACTIVE,
        ),
        (
            RuleDraft(
                name=STOP_LOSS_LABEL,
                action_type=ActionType.APPLY_LABEL.value,
                action_config={"label": "stop-loss"},
                **stop_loss,
            ),
            RuleStatus.ACTIVE,
        ),
        (
            RuleDraft(
                name="Leads above 900",
                description="Cost of a lead on LinkedIn over two weeks.",
                condition_field="cpa",
                condition_operator=Operator.GREATER_THAN.value,
                condition_value="900",
                condition_duration_hours=FORTNIGHT,
                action_type=ActionType.SEND_ALERT.value,
                action_config={"severity": Severity.WARNING.value},
                applies_to_platforms=[Platform.LINKEDIN.value],
                cooldown_hours=RESTED,
            ),
            RuleStatus.ACTIVE,
        ),
        (
            RuleDraft(
                name=HASTY,
                description="Paused: most of what it reported came right by itself. See what it was worth.",
                condition_field="roas",
                condition_operator=Operator.LESS_THAN.value,
                condition_value="1",
                condition_duration_hours=2 * 24,
                action_type=ActionType.SEND_ALERT.value,
                action_config={"severity": Severity.INFO.value},
                applies_to_statuses=[CampaignStatus.ACTIVE.value],
                cooldown_hours=WEEK,
                holdout_percent=25,
            ),
            RuleStatus.PAUSED,
        ),
        (
            RuleDraft(
                name="Big spenders",
                condition_field="total_spend",
                condition_operator=Operator.GTE.value,
                condition_value="6000",
                condition_duration_hours=WEEK,
                action_type=ActionType.APPLY_LABEL.value,
                action_config={"label": "big-spender"},
            ),
            RuleStatus.PAUSED,
        ),
        (
            RuleDraft(
                name="Winners of the fortnight",
                description="To be discussed on Monday before it is switched on.",
                condition_field="roas",
                condition_operator=Operator.GTE.value,
                condition_value="4",
                condition_duration_hours=FORTNIGHT,
                action_type=ActionType.APPLY_LABEL.value,
                action_config={"label": "winner"},
            ),
            RuleStatus.DRAFT,
        ),
        # The draft would undo what the trial does: its page shows at which figures.
        (
            RuleDraft(
                name="Pause what loses – trial",
                description="In shadow mode until the team trusts it.",
                condition_field="roas",
                condition_operator=Operator.LESS_THAN.value,
                condition_value="1",
                condition_duration_hours=WEEK,
                action_type=ActionType.PAUSE_CAMPAIGN.value,
                action_config={"to": CampaignStatus.PAUSED.value},
                applies_to_statuses=[CampaignStatus.ACTIVE.value],
                shadow=True,
            ),
            RuleStatus.ACTIVE,
        ),
        (
            RuleDraft(
                name="Bring back what earns",
                condition_field="roas",
                condition_operator=Operator.GREATER_THAN.value,
                condition_value="0.8",
                condition_duration_hours=FORTNIGHT,
                action_type=ActionType.PAUSE_CAMPAIGN.value,
                action_config={"to": CampaignStatus.ACTIVE.value},
                applies_to_statuses=[CampaignStatus.PAUSED.value],
            ),
            RuleStatus.DRAFT,
        ),
    ]


def raise_incident_alert(span: Span, timezone: str) -> None:
    """What an attentive colleague would have noted on the morning after the broken days."""
    newest = span.today - timedelta(days=min(INCIDENT_DAYS_AGO))
    oldest = span.today - timedelta(days=max(INCIDENT_DAYS_AGO))
    noticed = day_start(newest + timedelta(days=1), timezone) + timedelta(hours=MORNING.hour, minutes=MORNING.minute)
    platform = Platform(INCIDENT_PLATFORM).label
    row = AlertRow(
        cause=f"tracking:{INCIDENT_PLATFORM}:{oldest}",
        severity=Severity.WARNING.value,
        title=_("%(platform)s: no conversions while clicks went on") % {"platform": platform},
        body=_("From %(first)s to %(last)s clicks were as usual and not one conversion was attributed. "
               "The pixel was probably missing; these days understate ROAS.")
        % {"first": oldest, "last": newest, "platform": platform},
    )  # fmt: skip
    alerts_raise([row], now=noticed, actor=ACTOR)
