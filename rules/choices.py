from django.db import models
from django.utils.translation import gettext_lazy as _


class RuleStatus(models.TextChoices):
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    DRAFT = "draft", _("Draft")


class Operator(models.TextChoices):
    EQUALS = "equals", _("is")
    NOT_EQUALS = "not_equals", _("is not")
    GREATER_THAN = "greater_than", _("is above")
    LESS_THAN = "less_than", _("is below")
    GTE = "gte", _("is at least")
    LTE = "lte", _("is at most")
    CONTAINS = "contains", _("contains")
    IN = "in", _("is one of")


class Extended(models.TextChoices):
    """Comparisons of condition trees beyond those of the schema's simple condition."""

    BETWEEN = "between", _("is between")
    RISES_BY = "rises_by", _("has risen by at least")
    FALLS_BY = "falls_by", _("has fallen by at least")
    TOP = "top", _("is among the highest")
    BOTTOM = "bottom", _("is among the lowest")


class ActionType(models.TextChoices):
    APPLY_LABEL = "apply_label", _("apply a label")
    SEND_ALERT = "send_alert", _("send an alert")
    PAUSE_CAMPAIGN = "pause_campaign", _("pause the campaign")
    ADJUST_BUDGET = "adjust_budget", _("adjust the budget")
    NOTIFY_SLACK = "notify_slack", _("notify Slack")
    NOTIFY_WHATSAPP = "notify_whatsapp", _("notify by WhatsApp")


class Outcome(models.TextChoices):
    """How one check of one rule on one campaign ended."""

    ACTED = "acted", _("Acted")
    SHADOW = "shadow", _("Would have acted (shadow)")
    NO_MATCH = "no_match", _("Condition not met")
    HELD_STALE = "held_stale", _("Held: numbers too old")
    HELD_EVIDENCE = "held_evidence", _("Held: too little evidence")
    COOLDOWN = "cooldown", _("Held: cooling down")
    CAP = "cap", _("Held: limit reached")
    CONFLICT_LOST = "conflict_lost", _("Another rule won")
    PROTECTED = "protected", _("Campaign is protected")
    AWAITING_APPROVAL = "awaiting_approval", _("Waits for approval")
    ALREADY_IN_STATE = "already_in_state", _("Nothing to change")
    FAILED = "failed", _("Failed")


class Severity(models.TextChoices):
    INFO = "info", _("Info")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


class AlertStatus(models.TextChoices):
    OPEN = "open", _("Open")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    RESOLVED = "resolved", _("Resolved")


class SlackKind(models.TextChoices):
    WEBHOOK = "webhook", _("Incoming webhook")
    BOT = "bot", _("Bot")


class SlackStatus(models.TextChoices):
    OK = "ok", _("Works")
    BROKEN = "broken", _("Broken")


class SlackState(models.TextChoices):
    """How far a message is. Slack knows no key against repeats: what may have arrived is not sent again."""

    PENDING = "pending", _("Waits")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    MAYBE_SENT = "maybe_sent", _("May have arrived")


class ReportKind(models.TextChoices):
    DAILY = "daily", _("Daily")
    WEEKLY = "weekly", _("Weekly")


class ReportSection(models.TextChoices):
    """Parts of a report that can be left out."""

    MOVERS = "movers", _("What changed, and why")
    AUTOMATION = "automation", _("What automation did")
    CAMPAIGNS = "campaigns", _("Best and weakest campaigns")
    PACING = "pacing", _("Budgets")
    FATIGUE = "fatigue", _("Tired creatives")
    ALERTS = "alerts", _("Open alerts")
    DATA = "data", _("How fresh the data are")


class Channel(models.TextChoices):
    """How a person is told of an alert, beside the bell, which shows it to everybody."""

    EMAIL = "email", _("E-mail")
    SLACK = "slack", _("Slack")
    WHATSAPP = "whatsapp", _("WhatsApp")


class DeliveryState(models.TextChoices):
    """How far telling is. What became of a queued message, the ledger of its channel knows."""

    PENDING = "pending", _("Waits")
    HELD = "held", _("Held back")
    DIGEST = "digest", _("In the next digest")
    QUEUED = "queued", _("Handed over")
    SKIPPED = "skipped", _("Not told")


class ReportDeliveryState(models.TextChoices):
    """Whether a report was handed to a channel; how it went from there on, the channel's own ledger says."""

    QUEUED = "queued", _("Handed over")
    SKIPPED = "skipped", _("Left out")


class CommandVerb(models.TextChoices):
    """What people ask for by WhatsApp."""

    HELP = "help", _("Help")
    STATUS = "status", _("Status")
    PAUSE = "pause", _("Pause a campaign")
    APPROVE = "approve", _("Approve")
    REJECT = "reject", _("Reject")
    ACK = "ack", _("Acknowledge an alert")
    UNDO = "undo", _("Take back")
    YES = "yes", _("Yes")
    NO = "no", _("No")
    CHOOSE = "choose", _("Choose from a list")


class CommandOutcome(models.TextChoices):
    """What became of a command."""

    DONE = "done", _("Done")
    ANSWERED = "answered", _("Answered")
    ASKED = "asked", _("Asked back")
    REFUSED = "refused", _("Refused")
    LATE = "late", _("Came too late")
    WRONG_CODE = "wrong_code", _("Wrong code")
    STRANGER = "stranger", _("Not verified")
    FAILED = "failed", _("Failed")


class CodeKind(models.TextChoices):
    """What a question to one person is about."""

    CHOICE = "choice", _("Which campaign")
    PAUSE = "pause", _("Pausing a campaign")
    APPROVAL = "approval", _("Approving a rule")
