"""Campaigns with their lifetime sums, and every change of what a platform does with them.

Ratios are generated columns over the sums, so they cannot disagree with them; a zero denominator is NULL.
"""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.choices import (
    BudgetLock,
    CampaignStatus,
    ChangedField,
    ChangeOrigin,
    ChangeState,
    Platform,
)
from campaigns.managers import CampaignManager, CampaignWithDeletedManager
from campaigns.models.accounts import AdAccount
from campaigns.models.columns import MICRO, float_ratio, json_value, stored, whole_ratio
from tenants.models import SoftDeleteModel, TenantModel, TimestampedModel, choice_check


class Campaign(SoftDeleteModel, TimestampedModel):
    """One campaign on one platform, normalised, with its lifetime sums."""

    id = models.AutoField(primary_key=True)
    platform = models.CharField(_("platform"), max_length=20, choices=Platform)
    external_id = models.CharField(max_length=255)
    account_id = models.CharField(max_length=255)
    ad_account = models.ForeignKey(
        AdAccount, models.PROTECT, null=True, blank=True, related_name="campaigns", db_constraint=False
    )
    name = models.CharField(_("name"), max_length=500)
    status = models.CharField(
        _("status"), max_length=20, choices=CampaignStatus, default=CampaignStatus.DRAFT, db_default="draft"
    )
    objective = models.CharField(_("objective"), max_length=100, null=True, blank=True)
    daily_budget_cents = models.BigIntegerField(null=True, blank=True)
    lifetime_budget_cents = models.BigIntegerField(null=True, blank=True)
    # What people want of it: minor units a conversion may cost, and revenue ÷ spend.
    target_cpa_cents = models.BigIntegerField(null=True, blank=True)
    target_roas = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    total_spend_cents = models.BigIntegerField(default=0, db_default=0)
    currency = models.CharField(max_length=3, default="USD", db_default="USD")
    impressions = models.BigIntegerField(default=0, db_default=0)
    clicks = models.BigIntegerField(default=0, db_default=0)
    conversions = models.BigIntegerField(default=0, db_default=0)
    conversions_micros = models.BigIntegerField(null=True, blank=True)
    revenue_cents = models.BigIntegerField(default=0, db_default=0)
    ctr = stored(float_ratio("clicks", "impressions"), models.FloatField(null=True))
    cpc_cents = stored(whole_ratio("total_spend_cents", F("clicks")), models.BigIntegerField(null=True))
    cpm_cents = stored(
        whole_ratio("total_spend_cents", F("impressions"), scale=1000), models.BigIntegerField(null=True)
    )
    cpa_cents = stored(
        whole_ratio("total_spend_cents", Coalesce("conversions_micros", F("conversions") * MICRO), scale=MICRO),
        models.BigIntegerField(null=True),
    )
    roas = stored(float_ratio("revenue_cents", "total_spend_cents"), models.FloatField(null=True))
    # Why the budget cannot be changed on the campaign itself (empty: it can), and what carries it instead.
    budget_lock = models.CharField(max_length=20, choices=BudgetLock, blank=True, default="", db_default="")
    budget_object = models.CharField(max_length=255, blank=True, default="", db_default="")
    # Why a campaign that is switched on does not deliver, in the platform's words.
    delivery_note = models.CharField(max_length=500, blank=True, default="", db_default="")
    # Above what the plan allows: its numbers are kept and counted, but nobody and no rule can work with it.
    over_limit = models.BooleanField(default=False, db_default=False)
    targeting_age_min = models.IntegerField(null=True, blank=True)
    targeting_age_max = models.IntegerField(null=True, blank=True)
    targeting_genders = models.JSONField(null=True, blank=True)
    targeting_locations = models.JSONField(null=True, blank=True)
    targeting_interests = models.JSONField(null=True, blank=True)
    demographics_age = models.JSONField(null=True, blank=True)
    demographics_gender = models.JSONField(null=True, blank=True)
    demographics_location = models.JSONField(null=True, blank=True)
    start_date = models.DateField(null=True, blank=True)
    end_date = models.DateField(null=True, blank=True)
    labels = models.JSONField(_("labels"), default=list, blank=True, db_default=json_value([]))
    raw_data = models.JSONField(null=True, blank=True)
    last_synced_at = models.DateTimeField(null=True, blank=True)
    sync_error = models.TextField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = CampaignManager()
    including_deleted = CampaignWithDeletedManager()

    class Meta:
        db_table = "campaigns"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "platform", "external_id"], name="uq_campaigns_external"),
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_campaigns_tenant_id"),
            choice_check("platform", Platform, "ck_campaigns_platform"),
            choice_check("status", CampaignStatus, "ck_campaigns_status"),
        ]
        indexes = [
            models.Index(fields=["tenant", "status"], name="ix_campaigns_tenant_status"),
            models.Index(fields=["tenant", "platform"], name="ix_campaigns_platform"),
            models.Index(fields=["tenant", "start_date", "end_date"], name="ix_campaigns_date_range"),
            models.Index(fields=["tenant", "roas"], name="ix_campaigns_roas"),
            GinIndex(fields=["labels"], name="ix_campaigns_labels", opclasses=["jsonb_path_ops"]),
        ]

    def __str__(self) -> str:
        return self.name


class CampaignChange(TenantModel):
    """One change of what a platform does with a campaign: wanted here and sent there, or found there.

    The one ledger of all that changes campaigns: people, rules, imports, and edits made on the platform. Rows of the
    first two are work to do until they are applied or have failed; the platform is only told from such a row.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="changes", db_index=False, db_constraint=False)
    field = models.CharField(max_length=20, choices=ChangedField)
    old_status = models.CharField(max_length=20, choices=CampaignStatus, null=True)
    new_status = models.CharField(max_length=20, choices=CampaignStatus, null=True)
    # Minor units of the campaign's currency.
    old_budget_cents = models.BigIntegerField(null=True)
    new_budget_cents = models.BigIntegerField(null=True)
    origin = models.CharField(max_length=10, choices=ChangeOrigin)
    # Of the rule or import; people are named by their row, and this says through what they asked, if by no page.
    actor_label = models.CharField(max_length=255, blank=True, default="", db_default="")
    user = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+", db_constraint=False)
    # Changes that were asked for together.
    batch = models.UUIDField(null=True)
    undoes = models.ForeignKey("self", models.SET_NULL, null=True, related_name="undone_by", db_constraint=False)
    state = models.CharField(max_length=10, choices=ChangeState, default=ChangeState.QUEUED)
    requested_at = models.DateTimeField(default=timezone.now, db_default=Now())
    attempts = models.SmallIntegerField(default=0, db_default=0)
    # Not before then: the platform asked for a pause, or the last try failed.
    retry_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # In words a marketer understands.
    error = models.TextField(blank=True, default="", db_default="")
    error_kind = models.CharField(max_length=20, blank=True, default="", db_default="")
    error_code = models.CharField(max_length=100, blank=True, default="", db_default="")
    request_id = models.CharField(max_length=200, blank=True, default="", db_default="")
    # When it is to be taken back by itself ('pause for today'); NULL: never, or it was looked at already.
    revert_at = models.DateTimeField(null=True)
    # Why it stayed after all: somebody had changed the campaign since, for example.
    revert_note = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "campaign_changes"
        base_manager_name = "objects"
        default_manager_name = "objects"
        verbose_name = _("change of a campaign")
        verbose_name_plural = _("changes of campaigns")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_campaign_changes_tenant_id"),
            # Two wishes for one thing at one time would race each other to the platform.
            models.UniqueConstraint(
                fields=["campaign", "field"],
                name="uq_campaign_changes_open",
                condition=models.Q(state__in=["queued", "sending"]),
            ),
            choice_check("field", ChangedField, "ck_campaign_changes_field"),
            choice_check("origin", ChangeOrigin, "ck_campaign_changes_origin"),
            choice_check("state", ChangeState, "ck_campaign_changes_state"),
        ]
        indexes = [
            models.Index(fields=["campaign", "-requested_at"], name="ix_campaign_changes_campaign"),
            models.Index(fields=["tenant", "-requested_at"], name="ix_campaign_changes_requested"),
            models.Index(fields=["tenant", "batch"], name="ix_campaign_changes_batch"),
            models.Index(
                fields=["revert_at"],
                name="ix_campaign_changes_revert",
                condition=models.Q(revert_at__isnull=False),
            ),
            models.Index(
                fields=["tenant", "requested_at"],
                name="ix_campaign_changes_open",
                condition=models.Q(state__in=["queued", "sending"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.field} {self.requested_at:%Y-%m-%d %H:%M}"
