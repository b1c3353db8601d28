"""When which report is sent, of what, and to whom, as the editor asks for it."""

import re
from collections.abc import Mapping
from typing import Any
from unicodedata import category

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.queries import names_of, people_to_filter_by
from campaigns.choices import Platform
from campaigns.queries.campaign_table import labels_in_use
from rules.choices import ReportKind, ReportSection
from rules.conditions.wording import WEEKDAYS
from rules.models import ReportSchedule
from rules.queries.reports.scope import Scope, account_choices, account_names
from rules.queries.slack import target_choices
from rules.services.reports import ScheduleDraft
from stratum.lib.regions import zone_choices
from whatsapp.queries import contacts_by_id, recipients, template_names

_IDS = ("user_ids", "slack_target_ids", "contact_ids", "accounts")


class ReportScheduleForm(forms.Form):
    """Choices are read when the form is made; what is right, the service decides.

    Those of a stored `schedule` stay among them, listed or not: a label without a box would be taken away by whoever
    edits something else, and the report of one client would be about all of them.
    """

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    kind = forms.ChoiceField(
        label=gettext_lazy("How often"),
        choices=[
            (ReportKind.DAILY.value, gettext_lazy("every day, about yesterday")),
            (ReportKind.WEEKLY.value, gettext_lazy("once a week, about the last full week")),
        ],
        widget=forms.RadioSelect,
    )
    weekday = forms.ChoiceField(label=gettext_lazy("On"), choices=WEEKDAYS, required=False, initial="0")
    send_at = forms.TimeField(
        label=gettext_lazy("At"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"), initial="08:00"
    )
    timezone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=zone_choices,
        help_text=gettext_lazy("It says when it is sent, and which days it is about."),
    )
    locale = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)
    sections = forms.MultipleChoiceField(
        label=gettext_lazy("Parts"),
        choices=ReportSection.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Key figures, their course and what has changed since the last report always stand in."),
    )
    platforms = forms.MultipleChoiceField(
        label=gettext_lazy("Only these platforms"),
        choices=Platform.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    labels = forms.MultipleChoiceField(
        label=gettext_lazy("Only campaigns with one of these labels"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    accounts = forms.MultipleChoiceField(
        label=gettext_lazy("Only these ad accounts"), required=False, widget=forms.CheckboxSelectMultiple
    )
    user_ids = forms.MultipleChoiceField(
        label=gettext_lazy("People of the workspace, by e-mail"), required=False, widget=forms.CheckboxSelectMultiple
    )
    addresses = forms.CharField(
        label=gettext_lazy("Other e-mail addresses"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=gettext_lazy("One a line. Everybody who gets a report can unsubscribe from it."),
    )
    slack_target_ids = forms.MultipleChoiceField(
        label=gettext_lazy("Slack channels"), required=False, widget=forms.CheckboxSelectMultiple
    )
    contact_ids = forms.MultipleChoiceField(
        label=gettext_lazy("WhatsApp contacts"), required=False, widget=forms.CheckboxSelectMultiple
    )
    template_name = forms.ChoiceField(
        label=gettext_lazy("WhatsApp template"),
        required=False,
        help_text=gettext_lazy("Outside of a conversation WhatsApp takes approved templates only."),
    )

    def __init__(self, *args: Any, schedule: ReportSchedule | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        kept = _kept_by(schedule) if schedule else {}
        choices: dict[str, Any] = {
            "labels": [(label, label) for label in labels_in_use()],
            "accounts": account_choices(),
            "user_ids": people_to_filter_by(),
            "slack_target_ids": target_choices(),
            "contact_ids": [(one.id, _with_reason(one.name, one.why_not)) for one in recipients()],
            "template_name": [("", gettext_lazy("none, as text")), *((name, name) for name in template_names())],
        }
        for name, found in choices.items():
            self.fields[name].choices = _with_kept(found, kept.get(name, {}))  # type: ignore[attr-defined]

    @property
    def narrowing(self) -> list[forms.BoundField]:
        """Fields that narrow the campaigns, those without anything to choose left out."""
        return [self[name] for name in ("platforms", "labels", "accounts") if self.fields[name].choices]  # type: ignore[attr-defined]

    @property
    def has_slack(self) -> bool:
        return bool(self.fields["slack_target_ids"].choices)  # type: ignore[attr-defined]

    @property
    def has_contacts(self) -> bool:
        return bool(self.fields["contact_ids"].choices)  # type: ignore[attr-defined]

    def draft(self) -> ScheduleDraft:
        """Of a valid form."""
        data = self.cleaned_data
        ids = {name: tuple(int(one) for one in data[name]) for name in _IDS}
        accounts = ids.pop("accounts")
        return ScheduleDraft(
            name=_typed(data["name"]),
            kind=data["kind"],
            weekday=int(data["weekday"]) if data["weekday"] else None,
            send_at=data["send_at"].replace(second=0, microsecond=0),
            timezone=data["timezone"],
            locale=data["locale"],
            addresses=tuple(dict.fromkeys(re.split(r"[\s,;]+", data["addresses"].strip())))
            if data["addresses"]
            else (),
            template_name=data["template_name"],
            sections=tuple(data["sections"]),
            scope=Scope(tuple(data["platforms"]), tuple(data["labels"]), accounts),
            **ids,
        )


def _typed(name: str) -> str:
    """A dash pasted from Windows-1252 may come as U+0096, which no subject of an e-mail holds."""
    return " ".join("".join(" " if category(one) == "Cc" else one for one in name).split())


def _kept_by(schedule: ReportSchedule) -> dict[str, dict[Any, str]]:
    """field → {value: name} of what a schedule holds. Contacts that are gone take nobody's place."""
    scope = Scope.from_json(schedule.filters)
    accounts = account_names(scope.accounts)
    contacts = contacts_by_id(schedule.contact_ids) if schedule.contact_ids else {}
    return {
        "labels": {label: label for label in scope.labels},
        "accounts": {pk: accounts.get(pk, f"#{pk}") for pk in scope.accounts},
        "user_ids": names_of(schedule.user_ids),
        "contact_ids": {pk: str(one) for pk, one in contacts.items() if not one.is_removed},
        "template_name": {schedule.template_name: schedule.template_name},
    }


def _with_kept(choices: list[tuple[Any, Any]], kept: Mapping[Any, str]) -> list[tuple[Any, Any]]:
    listed = {value for value, _words in choices}
    words = _("%(name)s (kept, not in the list any more)")
    return [*choices, *((value, words % {"name": name}) for value, name in kept.items() if value not in listed)]


def _with_reason(name: str, why_not: str) -> str:
    return f"{name} ({why_not})" if why_not else name


def schedule_values(schedule: ReportSchedule) -> dict[str, Any]:
    """A stored schedule as the form shows it."""
    scope = Scope.from_json(schedule.filters)
    return {
        "name": schedule.name,
        "kind": schedule.kind,
        "weekday": "0" if schedule.weekday is None else str(schedule.weekday),
        "send_at": schedule.send_at,
        "timezone": schedule.timezone,
        "locale": schedule.locale,
        "sections": schedule.sections,
        "platforms": list(scope.platforms),
        "labels": list(scope.labels),
        "accounts": list(scope.accounts),
        "user_ids": schedule.user_ids,
        "addresses": schedule.addresses,
        "slack_target_ids": schedule.slack_target_ids,
        "contact_ids": schedule.contact_ids,
        "template_name": schedule.template_name,
    }
