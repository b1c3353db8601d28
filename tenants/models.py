"""Tenants (workspaces), and the abstract bases that every tenant table stands on."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.choices import FREE_LIMITS, JobOutcome, Plan
from tenants.context import TenantMismatch, binding
from tenants.managers import SoftDeleteManager, TenantManager, WithDeletedManager
from tenants.querysets import check_tenant_of


def choice_check(field: str, choices: type[models.TextChoices], name: str) -> models.CheckConstraint:
    """The CHECK that holds a column to an enum of the schema."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": choices.values}), name=name)


class TimestampedModel(models.Model):
    created_at = models.DateTimeField(null=True, default=timezone.now, db_default=Now(), editable=False)
    # Kept by a database trigger as well, so that bulk updates move it.
    updated_at = models.DateTimeField(null=True, auto_now=True, db_default=Now())

    class Meta:
        abstract = True


class TenantModel(models.Model):
    """A row of one tenant. Reads go through TenantManager; every write is compared with the bound tenant.

    `tenant_id` is filled from the context. Tables must also call `stratum.lib.ddl.row_security` in a migration;
    a test walks all models for both walls.
    """

    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT, related_name="+", db_index=False, editable=False)

    objects = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"

    def save(self, *args, **kwargs):
        check_tenant_of(self)
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        check_tenant_of(self)
        return super().delete(*args, **kwargs)


class SoftDeleteFlags(models.Model):
    is_deleted = models.BooleanField(null=True, default=False, db_default=False)

    class Meta:
        abstract = True


class SoftDeleteModel(SoftDeleteFlags, TenantModel):
    """A tenant row that is hidden, never removed: default queries leave it out, `with_deleted()` shows it."""

    objects = SoftDeleteManager()
    including_deleted = WithDeletedManager()

    class Meta:
        abstract = True
        base_manager_name = "including_deleted"
        default_manager_name = "objects"


class OwnTenantManager(SoftDeleteManager):
    """Of the tenants table: the bound tenant itself."""

    tenant_column = "id"


class OwnTenantWithDeletedManager(WithDeletedManager):
    tenant_column = "id"


class Tenant(SoftDeleteFlags, TimestampedModel):
    """A workspace: the wall around everything that a customer owns."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=255)
    slug = models.SlugField(_("workspace address"), max_length=100, unique=True, db_index=False)
    domain = models.CharField(_("own domain"), max_length=255, null=True, blank=True)
    plan = models.CharField(max_length=50, choices=Plan, default=Plan.FREE, db_default=Plan.FREE)
    plan_expires_at = models.DateTimeField(null=True, blank=True)
    stripe_customer_id = models.CharField(max_length=255, null=True, blank=True)
    settings = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    feature_flags = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    max_users = models.IntegerField(default=5, db_default=5)
    max_campaigns = models.IntegerField(default=50, db_default=50)
    deleted_at = models.DateTimeField(null=True, blank=True)
    # The currency in which sums over several currencies are shown, and the zone of the workspace's days.
    reporting_currency = models.CharField(max_length=3, default="USD", db_default="USD")
    timezone = models.CharField(max_length=50, default="UTC", db_default="UTC")

    objects = OwnTenantManager()
    including_deleted = OwnTenantWithDeletedManager()

    class Meta:
        db_table = "tenants"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("workspace")
        verbose_name_plural = _("workspaces")
        constraints = [
            choice_check("plan", Plan, "ck_tenants_plan"),
            models.UniqueConstraint("domain", name="uq_tenants_domain"),
        ]
        indexes = [
            models.Index(fields=["slug"], name="ix_tenants_slug"),
            models.Index(fields=["is_deleted", "plan"], name="ix_tenants_active"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args, **kwargs):
        bound = binding()
        if isinstance(bound, int) and bound != self.pk:
            raise TenantMismatch(f"Workspace {self.pk} written under tenant {bound}.")
        super().save(*args, **kwargs)

    @property
    def is_demo(self) -> bool:
        """Demo data is labelled everywhere and never mixed into a real workspace."""
        return bool(self.settings.get("demo"))

    @property
    def is_plan_expired(self) -> bool:
        """Whether a paid plan has run out. Read on every use: no job has to come by first."""
        expires = self.plan_expires_at
        return self.plan != Plan.FREE and expires is not None and expires <= timezone.now()

    @property
    def effective_plan(self) -> str:
        """The plan that counts now: an expired one falls back to free."""
        return Plan.FREE if self.is_plan_expired else self.plan

    @property
    def user_limit(self) -> int:
        """People who may log in. What is above it keeps working; only adding is refused."""
        return min(self.max_users, FREE_LIMITS.users) if self.is_plan_expired else self.max_users

    @property
    def campaign_limit(self) -> int:
        """Campaigns that may exist unarchived. What is above it keeps running; only adding is refused."""
        return min(self.max_campaigns, FREE_LIMITS.campaigns) if self.is_plan_expired else self.max_campaigns


class JobRun(models.Model):
    """One run of a background job: what Data health and the staff admin show. Fan-out jobs have no tenant."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, related_name="+", db_index=False)
    job = models.CharField(max_length=100)
    task_id = models.CharField(max_length=64, blank=True, default="")
    started_at = models.DateTimeField(default=timezone.now, db_default=Now())
    took_ms = models.BigIntegerField(null=True)
    counts = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    outcome = models.CharField(max_length=10, choices=JobOutcome, default=JobOutcome.RUNNING)
    error = models.TextField(blank=True, default="")

    objects = TenantManager()

    class Meta:
        db_table = "job_runs"
        base_manager_name = "objects"
        constraints = [choice_check("outcome", JobOutcome, "ck_job_runs_outcome")]
        indexes = [
            models.Index(fields=["tenant", "-started_at"], name="ix_job_runs_tenant_started"),
            models.Index(fields=["job", "-started_at"], name="ix_job_runs_job_started"),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.started_at:%Y-%m-%d %H:%M}"
