"""Rules, their versions, and what each check of them found."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.models.columns import json_value
from rules.choices import ActionType, Operator, Outcome, RuleStatus
from tenants.models import SoftDeleteModel, TenantModel, TimestampedModel, choice_check


class Rule(SoftDeleteModel, TimestampedModel):
    """When <field> over <duration> <operator> <value>, then <action>, for the campaigns in scope."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=255)
    description = models.TextField(_("description"), null=True, blank=True)
    status = models.CharField(max_length=10, choices=RuleStatus, default=RuleStatus.DRAFT, db_default="draft")
    condition_field = models.CharField(max_length=100)
    condition_operator = models.CharField(max_length=20, choices=Operator)
    # Money as a person writes it, in the campaign's currency: 1000 is 1,000.00.
    condition_value = models.CharField(max_length=255)
    condition_duration_hours = models.IntegerField(default=24, db_default=24)
    # What the simple condition cannot say (rules.conditions.trees); the columns above then hold its first test, as far
    # as they can. NULL: they are the condition.
    condition_tree = models.JSONField(null=True, blank=True)
    action_type = models.CharField(max_length=20, choices=ActionType)
    action_config = models.JSONField(default=dict, db_default=json_value({}))
    # Campaign ids, platform names; NULL means all.
    applies_to_campaigns = models.JSONField(null=True, blank=True)
    applies_to_platforms = models.JSONField(null=True, blank=True)
    # Campaign statuses; NULL means all. A rule about delivery leaves out what is paused, or it would act on silence.
    applies_to_statuses = models.JSONField(null=True, blank=True)
    last_evaluated_at = models.DateTimeField(null=True, blank=True)
    last_triggered_at = models.DateTimeField(null=True, blank=True)
    trigger_count = models.IntegerField(default=0, db_default=0)
    cooldown_hours = models.IntegerField(default=24, db_default=24)
    # How sure a match must be, in percent (rules.conditions.evidence); NULL: whatever the sums say counts.
    min_confidence = models.SmallIntegerField(null=True, blank=True)
    # Higher ones act first, and win where two want to change the same thing of a campaign.
    priority = models.SmallIntegerField(_("priority"), default=0, db_default=0)
    # It says what it would have done, and does nothing.
    shadow = models.BooleanField(_("shadow mode"), default=False, db_default=False)
    # Since when it waits for a person, because it would change much at once; NULL: it does not.
    awaiting_since = models.DateTimeField(null=True, blank=True)
    # When a person said no to what it asked for last.
    dismissed_at = models.DateTimeField(null=True, blank=True)
    # Why the last pass could not evaluate the rule at all (its condition cannot be read any more); empty when it could.
    held_reason = models.TextField(blank=True, default="", db_default="")
    # When it is checked (rules.conditions.schedules); NULL: at every pass.
    schedule = models.JSONField(null=True, blank=True)
    # Since when it has been active without a break: a slot of its schedule that began earlier is not made up for.
    activated_at = models.DateTimeField(null=True, blank=True)
    # On this share of its campaigns, always the same ones, it only says what it would have done.
    holdout_percent = models.SmallIntegerField(default=0, db_default=0)
    # The number of its newest row in rule_versions.
    version = models.IntegerField(default=1, db_default=1)
    # Passes in a row in which all that it tried failed; the circuit breaker counts them.
    failing_passes = models.SmallIntegerField(default=0, db_default=0)
    # When the circuit breaker paused it, and why; empty again once a person activates it.
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_reason = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "rules"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_rules_tenant_id"),
            choice_check("status", RuleStatus, "ck_rules_status"),
            choice_check("condition_operator", Operator, "ck_rules_operator"),
            choice_check("action_type", ActionType, "ck_rules_action"),
            models.CheckConstraint(
                condition=models.Q(min_confidence=None) | models.Q(min_confidence__range=(50, 99)),
                name="ck_rules_confidence",
            ),
            models.CheckConstraint(condition=models.Q(holdout_percent__range=(0, 50)), name="ck_rules_holdout"),
        ]
        indexes = [
            models.Index(fields=["tenant", "status"], name="ix_rules_tenant_status"),
            models.Index(fields=["status", "last_evaluated_at"], name="ix_rules_evaluation"),
        ]

    def __str__(self) -> str:
        return self.name


class RuleExecution(TenantModel):
    """One outcome worth keeping: every trigger and hold, and every change of outcome; quiet checks leave none."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        editable=False,
    )
    rule = models.ForeignKey(Rule, models.CASCADE, related_name="executions", db_index=False, db_constraint=False)
    campaign = models.ForeignKey(
        "campaigns.Campaign", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    executed_at = models.DateTimeField(null=True, default=timezone.now, db_default=Now())
    triggered = models.BooleanField()
    outcome = models.CharField(max_length=20, choices=Outcome, default=Outcome.NO_MATCH, db_default="no_match")
    # Which version of the rule decided it (rule_versions.number); NULL: before versions were kept.
    rule_version = models.IntegerField(null=True, blank=True)
    condition_result = models.JSONField()
    action_result = models.JSONField(null=True, blank=True)
    error = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "rule_executions"
        base_manager_name = "objects"
        verbose_name = _("rule execution")
        verbose_name_plural = _("rule executions")
        constraints = [choice_check("outcome", Outcome, "ck_rule_executions_outcome")]
        indexes = [
            models.Index(fields=["rule", "executed_at"], name="ix_rule_executions_rule_date"),
            models.Index(fields=["tenant", "executed_at"], name="ix_rule_executions_tenant_date"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} → {self.campaign_id}: {self.outcome}"


class RuleVersion(TenantModel):
    """A rule's settings as they were saved once. Rows are only ever added; an execution names the one that decided."""

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="versions", db_index=False, db_constraint=False)
    number = models.IntegerField()
    # The columns of rules.services.rules.RuleDraft.
    settings = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    user = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+", db_constraint=False)
    # Of whoever is no person of the workspace.
    actor_label = models.CharField(max_length=255, blank=True, default="", db_default="")

    class Meta:
        db_table = "rule_versions"
        base_manager_name = "objects"
        verbose_name = _("version of a rule")
        verbose_name_plural = _("versions of rules")
        constraints = [models.UniqueConstraint(fields=["rule", "number"], name="uq_rule_versions_number")]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.number}"


class RuleState(TenantModel):
    """The newest outcome of one rule on one campaign: compact memory of the quiet checks, and the cooldown's clock."""

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="states", db_index=False, db_constraint=False)
    campaign = models.ForeignKey("campaigns.Campaign", models.CASCADE, related_name="+", db_constraint=False)
    outcome = models.CharField(max_length=20, choices=Outcome)
    since = models.DateTimeField(default=timezone.now, db_default=Now())
    last_acted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "rule_states"
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(fields=["rule", "campaign"], name="uq_rule_states_pair"),
            choice_check("outcome", Outcome, "ck_rule_states_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} × {self.campaign_id}: {self.outcome}"
