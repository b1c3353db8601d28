"""What people were asked and what they asked for by WhatsApp."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.models.columns import json_value
from rules.choices import CodeKind, CommandOutcome, CommandVerb
from tenants.models import TenantModel, choice_check


class WhatsAppCode(TenantModel):
    """A question to one contact that they may answer once: which campaign, whether to pause it, whether a rule may act.

    It binds the answer to what was shown. Buttons name the row; a code that is typed is kept as a keyed hash.
    """

    contact = models.ForeignKey(
        "whatsapp.WhatsAppContact", models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=10, choices=CodeKind)
    # The campaign or the rule. No key: the question is the record of what was asked.
    subject_id = models.BigIntegerField(null=True, blank=True)
    code_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    # What was shown, and its digest.
    payload = models.JSONField(default=dict, db_default=json_value({}))
    payload_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    # Of an approval: since when the rule waits. People are asked once for each time that it begins to.
    asked_since = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "whatsapp_codes"
        base_manager_name = "objects"
        verbose_name = _("question by WhatsApp")
        verbose_name_plural = _("questions by WhatsApp")
        constraints = [choice_check("kind", CodeKind, "ck_whatsapp_codes_kind")]
        indexes = [models.Index(fields=["contact", "kind", "-id"], name="ix_whatsapp_codes_contact")]

    def __str__(self) -> str:
        return f"{self.kind} → {self.contact_id}"


class WhatsAppCommand(TenantModel):
    """What one message of a contact asked for and what it did: for taking it back, and for telling how it ended."""

    contact = models.ForeignKey(
        "whatsapp.WhatsAppContact", models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    message = models.ForeignKey(
        "whatsapp.WhatsAppMessage", models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    verb = models.CharField(max_length=10, choices=CommandVerb)
    outcome = models.CharField(max_length=10, choices=CommandOutcome)
    # {"change": id}, {"alerts": [ids]}, {"rule": id, "executions": [first, last] or []}, {"rejected": rule id}.
    made = models.JSONField(default=dict, db_default=json_value({}))
    undone_at = models.DateTimeField(null=True, blank=True)
    # The row of the ledger of changes whose outcome the contact is told; no key, it may go before this row does.
    change_id = models.BigIntegerField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "whatsapp_commands"
        base_manager_name = "objects"
        verbose_name = _("command by WhatsApp")
        verbose_name_plural = _("commands by WhatsApp")
        constraints = [
            # Beside the claim of the message: it is obeyed once.
            models.UniqueConstraint(fields=["message"], name="uq_whatsapp_commands_message"),
            choice_check("verb", CommandVerb, "ck_whatsapp_commands_verb"),
            choice_check("outcome", CommandOutcome, "ck_whatsapp_commands_outcome"),
        ]
        indexes = [
            models.Index(fields=["contact", "-id"], name="ix_whatsapp_commands_contact"),
            models.Index(
                fields=["tenant", "id"],
                name="ix_whatsapp_commands_untold",
                condition=models.Q(change_id__isnull=False, told_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb}: {self.outcome}"
