"""Uploaded reports."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.choices import ImportStatus, Platform
from campaigns.models.accounts import AdAccount
from campaigns.models.columns import NO_IDS, json_value
from tenants.models import TenantModel, TimestampedModel, choice_check


class ImportBatch(TenantModel, TimestampedModel):
    """One uploaded report: what was in it, what became of it, and enough to take it back."""

    ad_account = models.ForeignKey(
        AdAccount, models.PROTECT, null=True, blank=True, related_name="imports", db_constraint=False
    )
    platform = models.CharField(max_length=20, choices=Platform, null=True, blank=True)
    status = models.CharField(max_length=12, choices=ImportStatus, default=ImportStatus.UPLOADED)
    filename = models.CharField(max_length=255)
    file = models.FileField(max_length=500)
    size_bytes = models.BigIntegerField(default=0)
    file_sha256 = models.CharField(max_length=64)
    # Over the normalised rows: the same report as CSV and XLSX has one.
    content_hash = models.CharField(max_length=64, blank=True, default="")
    uploaded_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+", db_constraint=False)
    # When the whole file had been read once: from then on control sum and warnings are those of the whole.
    checked_at = models.DateTimeField(null=True)
    # What the user chose on the preview page: accounts, currency, zone, warnings accepted.
    answers = models.JSONField(default=dict, db_default=json_value({}))
    # How often a worker took it up; one that keeps dying on a file must not be sent it for ever.
    attempts = models.SmallIntegerField(default=0, db_default=0)
    # Preview (mapping, language, sample), control sum and warnings as shown to the user.
    preview = models.JSONField(default=dict, db_default=json_value({}))
    control = models.JSONField(default=dict, db_default=json_value({}))
    warnings = models.JSONField(default=list, db_default=json_value([]))
    counts = models.JSONField(default=dict, db_default=json_value({}))
    date_from = models.DateField(null=True)
    date_to = models.DateField(null=True)
    # Every campaign the report has days of, and those that it brought: what an undo of this or another import asks.
    campaign_ids = ArrayField(models.IntegerField(), default=list, db_default=NO_IDS)
    created_campaign_ids = ArrayField(models.IntegerField(), default=list, db_default=NO_IDS)
    error_code = models.CharField(max_length=50, blank=True, default="")
    error = models.TextField(blank=True, default="")
    finished_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "import_batches"
        base_manager_name = "objects"
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_import_batches_tenant_id"),
            # The same bytes are not imported twice into one workspace, however many requests arrive at once.
            models.UniqueConstraint(
                fields=["tenant", "file_sha256"],
                name="uq_import_batches_file",
                condition=models.Q(status__in=["queued", "done"]),
            ),
            choice_check("status", ImportStatus, "ck_import_batches_status"),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="ix_import_batches_created")]

    def __str__(self) -> str:
        return self.filename
