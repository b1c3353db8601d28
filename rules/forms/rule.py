"""The rule editor's form. It says where something is wrong; what is right, the parsers of rules.conditions decide."""

import re
from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.choices import CampaignStatus, Platform
from rules.actions import ACTIONS
from rules.actions.adjust_budget import CLAMP
from rules.actions.base import MAX_MESSAGE_LENGTH
from rules.actions.pause_campaign import END_OF_DAY
from rules.actions.specs import rule_condition, rule_spec
from rules.choices import ActionType, Operator, RuleStatus, Severity
from rules.conditions import (
    FIELDS,
    ConditionError,
    Field,
    RuleSpec,
    ValueType,
    Window,
    node_json,
    parse_condition,
)
from rules.conditions.holdout import MAX_PERCENT
from rules.conditions.text import MAX_LENGTH, TextError, parse_text, write_text
from rules.conditions.trees import columns_of
from rules.conditions.wording import operator_phrase
from rules.forms.numbers import number_shown, number_stored, signed_stored
from rules.forms.schedules import ScheduleFields, schedule_initial
from rules.models import Rule
from rules.queries.slack import target_choices
from rules.services.rules import MAX_NAME_LENGTH, RuleDraft
from whatsapp.queries import Recipient, recipients, template_names

HOURS_PER_DAY = 24
# The form's word for a pause with an end.
PAUSED_TODAY = "paused_today"
_GROUPS = (
    (gettext_lazy("Money"), ("spend", "total_spend", "revenue", "cpa", "cpc", "cpm", "roas")),
    (gettext_lazy("Delivery"), ("impressions", "clicks", "conversions", "ctr", "cvr")),
    (gettext_lazy("Budget"), ("daily_budget", "budget_utilisation", "pacing")),
    (
        gettext_lazy("Campaign"),
        (
            "days_running", "days_since_change", "fatigue", "status", "name", "objective", "platform", "currency",
            "labels", "target_cpa", "target_roas",
        ),
    ),
    (gettext_lazy("Forecast"), tuple(key for key in FIELDS if "_forecast_" in key)),
)  # fmt: skip
# The settings of each action on the form.
_ACTION_FIELDS = {
    ActionType.APPLY_LABEL.value: ("label",),
    ActionType.SEND_ALERT.value: ("severity", "message"),
    ActionType.PAUSE_CAMPAIGN.value: ("to",),
    ActionType.ADJUST_BUDGET.value: ("move", "move_kind", "floor", "ceiling", "currency", "beyond"),
    ActionType.NOTIFY_SLACK.value: ("slack_target", "slack_message"),
    # `contacts` holds several values: the template carries it by itself.
    ActionType.NOTIFY_WHATSAPP.value: ("whatsapp_template",),
}
# Where a parser's place stands on the form.
_PLACES = {
    "field": "condition_field",
    "operator": "condition_operator",
    "value": "condition_value",
    "duration_hours": "window_days",
    "action_config": "action_type",
    "schedule.every": "every",
    "schedule.at": "check_at",
    "schedule.days": "check_days",
    "schedule.hours": "check_from",
    "schedule.zone": "check_zone",
}


def field_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    return [(str(group), [(key, _capitalised(FIELDS[key])) for key in keys]) for group, keys in _GROUPS]


def _capitalised(field: Field) -> str:
    label = str(field.label)
    return label[:1].upper() + label[1:]


class IdsField(forms.Field):
    """Ids of what was chosen from a list. Whether they exist is the service's question."""

    widget = forms.MultipleHiddenInput
    refusal = gettext_lazy("Choose from the list.")

    def clean(self, value: Any) -> list[int]:
        ids = []
        for one in value or []:
            if not re.fullmatch(r"[0-9]{1,9}", str(one)):
                raise forms.ValidationError(self.refusal, code="ids_invalid")
            ids.append(int(one))
        return list(dict.fromkeys(ids))


class CampaignIdsField(IdsField):
    """Ids of chosen campaigns; none chosen means all."""

    refusal = gettext_lazy("Choose campaigns from the list.")


class RuleForm(ScheduleFields):
    """A rule as the sentence builder edits it. `spec` is the rule understood, None while it is not valid."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=MAX_NAME_LENGTH)
    description = forms.CharField(
        label=gettext_lazy("Notes"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    # simple: the three parts of the sentence; text: the condition as one sentence of rules.conditions.text.
    mode = forms.ChoiceField(
        label=gettext_lazy("Write it"),
        choices=[("simple", gettext_lazy("In parts")), ("text", gettext_lazy("As a sentence"))],
        required=False,
        initial="simple",
    )
    condition_text = forms.CharField(
        label=gettext_lazy("Condition"),
        max_length=MAX_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
    )
    condition_field = forms.ChoiceField(label=gettext_lazy("Field"), choices=field_choices)
    condition_operator = forms.ChoiceField(label=gettext_lazy("Comparison"), choices=Operator.choices)
    condition_value = forms.CharField(label=gettext_lazy("Value"), max_length=255, strip=True)
    window_days = forms.IntegerField(
        label=gettext_lazy("Full days"), min_value=1, max_value=365, required=False, initial=3
    )
    action_type = forms.ChoiceField(
        label=gettext_lazy("Action"), choices=lambda: [(key, ActionType(key).label) for key in ACTIONS]
    )
    label = forms.CharField(label=gettext_lazy("Label"), max_length=50, required=False)
    severity = forms.ChoiceField(
        label=gettext_lazy("Severity"), choices=Severity.choices, required=False, initial=Severity.WARNING
    )
    message = forms.CharField(label=gettext_lazy("Message (optional)"), max_length=MAX_MESSAGE_LENGTH, required=False)
    to = forms.ChoiceField(
        label=gettext_lazy("New status"),
        choices=[
            (CampaignStatus.PAUSED.value, gettext_lazy("so that it is paused")),
            (PAUSED_TODAY, gettext_lazy("until the end of its day")),
            (CampaignStatus.ACTIVE.value, gettext_lazy("the other way: switch it on")),
        ],
        required=False,
        initial=CampaignStatus.PAUSED,
    )
    move = forms.CharField(label=gettext_lazy("Change (minus lowers)"), max_length=20, required=False, initial="20")
    move_kind = forms.ChoiceField(
        label=gettext_lazy("Unit of the change"),
        choices=[("percent", gettext_lazy("percent")), ("amount", gettext_lazy("in the currency"))],
        required=False,
        initial="percent",
    )
    floor = forms.CharField(label=gettext_lazy("Floor"), max_length=20, required=False)
    ceiling = forms.CharField(label=gettext_lazy("Ceiling"), max_length=20, required=False)
    currency = forms.CharField(label=gettext_lazy("Currency"), max_length=3, required=False)
    beyond = forms.ChoiceField(
        label=gettext_lazy("Beyond them"),
        choices=[("clamp", gettext_lazy("stop at the edge")), ("skip", gettext_lazy("leave the budget as it is"))],
        required=False,
        initial="clamp",
    )
    slack_target = forms.CharField(label=gettext_lazy("Slack channel"), max_length=9, required=False)
    slack_message = forms.CharField(
        label=gettext_lazy("Message (optional)"), max_length=MAX_MESSAGE_LENGTH, required=False
    )
    contacts = IdsField(label=gettext_lazy("Contacts"), required=False)
    whatsapp_template = forms.CharField(label=gettext_lazy("WhatsApp template"), max_length=512, required=False)
    statuses = forms.MultipleChoiceField(
        label=gettext_lazy("Campaign status"),
        choices=CampaignStatus.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    platforms = forms.MultipleChoiceField(
        label=gettext_lazy("Platforms"),
        choices=Platform.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    campaigns = CampaignIdsField(label=gettext_lazy("Campaigns"), required=False)
    cooldown_hours = forms.IntegerField(
        label=gettext_lazy("Rest after acting, in hours"), min_value=0, max_value=365 * HOURS_PER_DAY, initial=24
    )

    priority = forms.IntegerField(
        label=gettext_lazy("Priority"),
        min_value=-100,
        max_value=100,
        required=False,
        initial=0,
        help_text=gettext_lazy("Where two rules want to change the same thing of a campaign, the higher number wins."),
    )
    shadow = forms.BooleanField(label=gettext_lazy("Shadow mode: say what it would do, and do nothing"), required=False)
    holdout_percent = forms.IntegerField(
        label=gettext_lazy("Hold-out group, in percent"),
        min_value=0,
        max_value=MAX_PERCENT,
        required=False,
        initial=0,
        help_text=gettext_lazy(
            "On this share of its campaigns, always the same ones, the rule only says what it would have done. "
            "Comparing them with the others shows what the rule is worth. 0 means no group."
        ),
    )

    min_confidence = forms.TypedChoiceField(
        label=gettext_lazy("Certainty"),
        choices=[
            ("", gettext_lazy("whatever the numbers say")),
            ("80", gettext_lazy("80% certain")),
            ("90", gettext_lazy("90% certain")),
            ("95", gettext_lazy("95% certain")),
            ("99", gettext_lazy("99% certain")),
        ],
        coerce=int,
        empty_value=None,
        required=False,
    )

    def __init__(self, *args: Any, rule: Rule | None = None, named: bool = True, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.rule = rule
        self.spec: RuleSpec | None = None
        # A preview answers before the rule has a name.
        self.fields["name"].required = named
        if self.is_text:
            for name in ("condition_field", "condition_operator", "condition_value"):
                self.fields[name].required = False
            self.fields["condition_text"].required = True
        self._dress()

    def _dress(self) -> None:
        """Only what the chosen field can be asked; ids that stay, so that focus survives a swap."""
        field = self.chosen_field
        self.fields["condition_operator"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (one.value, operator_phrase(field, one)) for one in field.operators
        ]
        if field.value_type is ValueType.CHOICE and self.chosen_operator != Operator.IN:
            self.fields["condition_value"].widget = forms.Select(choices=field.choices)
        else:
            attrs = {"autocomplete": "off", "spellcheck": "false"}
            if field.numeric:
                attrs["inputmode"] = "decimal"
            self.fields["condition_value"].widget = forms.TextInput(attrs=attrs)
        for name in ("label", "message", "slack_message", "floor", "ceiling", "currency"):
            # In the sentence no label stands beside them.
            self.fields[name].widget.attrs["placeholder"] = self.fields[name].label

    @property
    def is_text(self) -> bool:
        return self["mode"].value() == "text"

    def simple_as_text(self) -> str:
        """The three parts as a sentence, to go on from; empty while they cannot be read."""
        value = str(self["condition_value"].value() or "")
        days = str(self["window_days"].value() or "")
        raw = {
            "field": self.chosen_field.key,
            "operator": self.chosen_operator,
            "value": number_stored(value) if self.chosen_field.numeric else value,
            "duration_hours": (int(days) if days.isdecimal() else 1) * HOURS_PER_DAY,
        }
        try:
            return write_text(parse_condition(raw))
        except ConditionError:
            return ""

    @cached_property
    def chosen_field(self) -> Field:
        return FIELDS.get(str(self["condition_field"].value()), FIELDS["roas"])

    @property
    def chosen_operator(self) -> str:
        return str(self["condition_operator"].value())

    @property
    def chosen_action(self) -> str:
        value = str(self["action_type"].value())
        return value if value in ACTIONS else next(iter(ACTIONS))

    @property
    def other_action_fields(self) -> list[forms.BoundField]:
        """What belongs to other actions than the chosen one: kept while the form is filled in."""
        return [
            self[name] for action, names in _ACTION_FIELDS.items() for name in names if action != self.chosen_action
        ]

    @cached_property
    def slack_targets(self) -> list[tuple[str, str]]:
        """(id, name) of the channels to choose from; a chosen one that is gone stands there too, and says so."""
        found = [(str(pk), name) for pk, name in target_choices()]
        chosen = str(self["slack_target"].value() or "")
        if chosen and chosen not in dict(found):
            found.insert(0, (chosen, _("a channel that was removed")))
        return found

    @cached_property
    def recipients(self) -> list[tuple[Recipient, bool]]:
        """The workspace's contacts, and whether each is chosen."""
        return [(one, one.id in self.chosen_contacts) for one in recipients()]

    @property
    def chosen_contacts(self) -> list[int]:
        raw = self["contacts"].value() or []
        return [int(one) for one in raw if re.fullmatch(r"[0-9]{1,9}", str(one))]

    @cached_property
    def whatsapp_templates(self) -> list[str]:
        """Approved templates; a chosen one that is none any more stands there too."""
        chosen = str(self["whatsapp_template"].value() or "")
        return list(dict.fromkeys([*filter(None, [chosen]), *template_names()]))

    @property
    def chosen_campaigns(self) -> list[int]:
        """Ids that the form carries now, whether or not it is valid."""
        raw = self["campaigns"].value() or []
        return [int(one) for one in raw if re.fullmatch(r"[0-9]{1,9}", str(one))]

    @property
    def field_groups(self) -> list[tuple[str, list[tuple[str, str]]]]:
        return field_choices()

    @property
    def value_hint(self) -> str:
        """How the value is written, where the control does not say it."""
        field = self.chosen_field
        if self.chosen_operator == Operator.IN:
            return _("Several, separated by commas.")
        return str(field.formula)

    @property
    def unit(self) -> str:
        """What stands behind the value."""
        return {
            ValueType.PERCENT: "%",
            ValueType.MULTIPLE: "×",
            ValueType.DAYS: _("days"),
            ValueType.MONEY: _("campaign’s currency"),
        }.get(self.chosen_field.value_type, "")

    def clean_condition_operator(self) -> str:
        return str(self.cleaned_data["condition_operator"])

    def clean_condition_text(self) -> str:
        """Read once here, so that the mistake stands beside the sentence."""
        text = self.cleaned_data["condition_text"]
        if not self.is_text:
            return ""
        try:
            parse_text(text)
        except TextError as error:
            rest = text[error.offset :].strip()[:40]
            where = _("Here: “%(rest)s”.") % {"rest": rest} if rest else _("At the end.")
            allowed = ", ".join(error.allowed[:6])
            hint = _("Possible: %(allowed)s.") % {"allowed": allowed} if allowed else ""
            raise forms.ValidationError(" ".join(filter(None, (str(error), where, hint))), code=error.code) from error
        return text

    def clean_condition_value(self) -> str:
        text = self.cleaned_data["condition_value"]
        return number_stored(text) if self.chosen_field.numeric else text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        rule = self.draft().on(Rule(pk=self.rule.pk if self.rule else None))
        try:
            self.spec = rule_spec(rule)
        except ConditionError as error:
            place = _PLACES.get(error.field or "", error.field or "")
            self.add_error(place if place in self.fields else None, str(error))
        return cleaned

    def draft(self) -> RuleDraft:
        """The cleaned values as the service takes them."""
        data = self.cleaned_data
        return RuleDraft(
            name=data.get("name", ""),
            description=data["description"],
            **self._condition(),
            action_type=data["action_type"],
            action_config=self._action_config(),
            applies_to_platforms=data["platforms"] or None,
            applies_to_statuses=data["statuses"] or None,
            applies_to_campaigns=data["campaigns"] or None,
            cooldown_hours=data["cooldown_hours"],
            min_confidence=data["min_confidence"],
            priority=data["priority"] or 0,
            shadow=data["shadow"],
            schedule=self.schedule(),
            holdout_percent=data["holdout_percent"] or 0,
        )

    def _condition(self) -> dict[str, Any]:
        data = self.cleaned_data
        if self.is_text:
            tree = parse_text(data["condition_text"])
            return {**columns_of(tree), "condition_tree": node_json(tree)}
        return {
            "condition_field": data["condition_field"],
            "condition_operator": data["condition_operator"],
            "condition_value": data["condition_value"],
            "condition_duration_hours": (data.get("window_days") or 1) * HOURS_PER_DAY,
        }

    def _action_config(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data["action_type"] == ActionType.APPLY_LABEL:
            return {"label": data["label"]}
        if data["action_type"] == ActionType.PAUSE_CAMPAIGN:
            if data["to"] == PAUSED_TODAY:
                return {"to": CampaignStatus.PAUSED.value, "until": END_OF_DAY}
            return {"to": data["to"] or CampaignStatus.PAUSED.value}
        if data["action_type"] == ActionType.ADJUST_BUDGET:
            return {
                data["move_kind"] or "percent": signed_stored(data["move"]),
                "floor": number_stored(data["floor"]),
                "ceiling": number_stored(data["ceiling"]),
                "currency": data["currency"].upper(),
                "beyond": data["beyond"] or CLAMP,
            }
        if data["action_type"] == ActionType.NOTIFY_SLACK:
            chosen = data["slack_target"]
            return _filled({"target": int(chosen) if chosen.isdecimal() else None, "message": data["slack_message"]})
        if data["action_type"] == ActionType.NOTIFY_WHATSAPP:
            return _filled({"contacts": data["contacts"], "template": data["whatsapp_template"]})
        config = {"severity": data["severity"] or Severity.WARNING.value}
        return {**config, "message": data["message"]} if data["message"] else config

    @classmethod
    def initial_of(cls, rule: Rule) -> dict[str, Any]:
        """A stored rule as the form shows it."""
        config = rule.action_config if isinstance(rule.action_config, dict) else {}
        field = FIELDS.get(rule.condition_field)
        value = rule.condition_value
        return {
            "mode": "simple" if rule.condition_tree is None else "text",
            "condition_text": _text_of(rule),
            "name": rule.name,
            "description": rule.description or "",
            "condition_field": rule.condition_field,
            "condition_operator": rule.condition_operator,
            "condition_value": number_shown(value) if field is not None and field.numeric else value,
            "window_days": Window.of_hours(rule.condition_duration_hours).days,
            "action_type": rule.action_type,
            "label": config.get("label", ""),
            "severity": config.get("severity", Severity.WARNING.value),
            "message": config.get("message", ""),
            **_action_initial(config),
            "slack_target": str(config.get("target", "")),
            "slack_message": config.get("message", ""),
            "contacts": config.get("contacts", []),
            "whatsapp_template": config.get("template", ""),
            "statuses": rule.applies_to_statuses or [],
            "platforms": rule.applies_to_platforms or [],
            "campaigns": rule.applies_to_campaigns or [],
            "cooldown_hours": rule.cooldown_hours,
            "min_confidence": rule.min_confidence or "",
            "priority": rule.priority,
            "shadow": rule.shadow,
            **schedule_initial(rule.schedule),
            "holdout_percent": rule.holdout_percent,
        }


def _filled(config: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that were left empty."""
    return {name: value for name, value in config.items() if value}


def _action_initial(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of actions on platforms as the form shows them."""
    kind = "amount" if "amount" in config else "percent"
    numbers = {"move": config.get(kind, ""), "floor": config.get("floor", ""), "ceiling": config.get("ceiling", "")}
    return {
        "to": PAUSED_TODAY if config.get("until") == END_OF_DAY else config.get("to", CampaignStatus.PAUSED.value),
        "move_kind": kind,
        **{name: number_shown(str(value)) for name, value in numbers.items()},
        "currency": config.get("currency", ""),
        "beyond": config.get("beyond", CLAMP),
    }


def _text_of(rule: Rule) -> str:
    """A stored tree as its sentence; empty for the simple form, and for a tree that cannot be read any more."""
    if rule.condition_tree is None:
        return ""
    try:
        return write_text(rule_condition(rule))
    except ConditionError:
        return ""


class RuleStatusForm(forms.Form):
    status = forms.ChoiceField(choices=RuleStatus.choices)
