"""How a person is told of alerts, and whom a workspace tells next. What is right, the services decide."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.choices import Role
from rules.choices import Channel, Severity
from rules.conditions.escalations import LEAST_MINUTES, MAX_STEPS, MOST_MINUTES
from rules.conditions.telling import DIGEST_AT, QUIET_FROM, QUIET_TO, Preferences
from stratum.lib.quiet_hours import QuietHours

# The worst first, as the page lists them.
SEVERITIES = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
_QUARTER = 15 * 60


def _time(label: Any, initial: Any, *, step: int = 60) -> forms.TimeField:
    widget = forms.TimeInput(format="%H:%M", attrs={"type": "time", "step": step})
    words = {"required": gettext_lazy("Say at what time.")}
    return forms.TimeField(label=label, initial=initial, widget=widget, error_messages=words)


def _channels(label: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, choices=Channel.choices, required=False, widget=forms.CheckboxSelectMultiple
    )


class NotificationForm(forms.Form):
    """One person's choice. `contacts`, `targets` and `muted` are (id, name) of what is theirs to choose among."""

    use_required_attribute = False
    # What each switch needs; without it the fields are left alone.
    of_switch = {"quiet": ("quiet_from", "quiet_to"), "digest": ("digest_at", "digest_channels")}

    critical = _channels(Severity.CRITICAL.label)
    warning = _channels(Severity.WARNING.label)
    info = _channels(Severity.INFO.label)
    slack_target = forms.ChoiceField(label=gettext_lazy("My Slack channel"), required=False)
    whatsapp_contact = forms.ChoiceField(label=gettext_lazy("My WhatsApp number"), required=False)
    quiet = forms.BooleanField(label=gettext_lazy("Do not disturb me at certain hours"), required=False)
    quiet_from = _time(gettext_lazy("From"), QUIET_FROM)
    quiet_to = _time(gettext_lazy("To"), QUIET_TO)
    critical_breaks = forms.BooleanField(label=gettext_lazy("Critical alerts may disturb me"), required=False)
    digest = forms.BooleanField(label=gettext_lazy("Send me the rest once a day"), required=False)
    digest_at = _time(gettext_lazy("At"), DIGEST_AT, step=_QUARTER)
    digest_channels = forms.MultipleChoiceField(
        label=gettext_lazy("By"),
        choices=Channel.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose how the digest reaches you.")},
    )
    muted = forms.MultipleChoiceField(
        label=gettext_lazy("Muted rules"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(
        self,
        *args: Any,
        targets: Iterable[tuple[int, str]] = (),
        contacts: Iterable[tuple[int, str]] = (),
        muted: Iterable[tuple[int, str]] = (),
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.fields["slack_target"].choices = [("", _("none")), *((str(pk), name) for pk, name in targets)]
        self.fields["whatsapp_contact"].choices = [("", _("none")), *((str(pk), name) for pk, name in contacts)]
        self.fields["muted"].choices = [(str(pk), name) for pk, name in muted]
        for switch, names in self.of_switch.items():
            for name in names:
                self.fields[name].required = not self.is_bound or bool(self[switch].value())

    def chosen(self) -> Preferences:
        data = self.cleaned_data
        target, contact = data["slack_target"], data["whatsapp_contact"]
        return Preferences(
            channels={one.value: frozenset(data[one.value]) for one in SEVERITIES},
            quiet=QuietHours(data["quiet_from"], data["quiet_to"]) if data["quiet"] else None,
            critical_breaks=data["critical_breaks"],
            digest_at=data["digest_at"] if data["digest"] else None,
            digest_channels=frozenset(data["digest_channels"]) if data["digest"] else frozenset(),
            slack_target=int(target) if target else None,
            whatsapp_contact=int(contact) if contact else None,
            muted_rules=frozenset(int(one) for one in data["muted"]),
        )

    @classmethod
    def initial_of(cls, chosen: Preferences) -> dict[str, Any]:
        quiet = chosen.quiet or QuietHours(QUIET_FROM, QUIET_TO)
        return {
            **{one.value: sorted(chosen.at_once(one.value)) for one in SEVERITIES},
            "slack_target": str(chosen.slack_target or ""),
            "whatsapp_contact": str(chosen.whatsapp_contact or ""),
            "quiet": chosen.quiet is not None,
            "quiet_from": quiet.start,
            "quiet_to": quiet.end,
            "critical_breaks": chosen.critical_breaks,
            "digest": chosen.digest_at is not None,
            "digest_at": chosen.digest_at or DIGEST_AT,
            "digest_channels": sorted(chosen.digest_channels) or [Channel.EMAIL.value],
            "muted": [str(one) for one in sorted(chosen.muted_rules)],
        }


class EscalationForm(forms.Form):
    """The escalation of one severity: five lines of minutes and at most two answers to 'whom'; empty lines are left
    out. `people` are (id, name) of those who can be told."""

    is_on = forms.BooleanField(label=gettext_lazy("Tell others when nobody answers"), required=False)

    def __init__(self, *args: Any, people: Iterable[tuple[int, str]] = (), **kwargs: Any):
        super().__init__(*args, **kwargs)
        roles = [(f"role:{role}", text) for role, text in _ROLE_WORDS.items()]
        choices = [
            ("", "–"),
            (_("Everybody of a role"), roles),
            (_("People"), [(str(pk), name) for pk, name in people]),
        ]
        for number in range(MAX_STEPS):
            minutes = forms.IntegerField(required=False, min_value=LEAST_MINUTES, max_value=MOST_MINUTES)
            minutes.label = _("Minutes of step %(number)s") % {"number": number + 1}
            self.fields[f"minutes_{number}"] = minutes
            for name, label in (("who", _("Whom, in step %(number)s")), ("also", _("Also, in step %(number)s"))):
                text = label % {"number": number + 1}
                self.fields[f"{name}_{number}"] = forms.ChoiceField(label=text, required=False, choices=choices)

    @property
    def lines(self) -> list[tuple[int, Any, Any, Any]]:
        """(number from 1, minutes, who, also) as bound fields."""
        names = ("minutes", "who", "also")
        return [(number + 1, *(self[f"{name}_{number}"] for name in names)) for number in range(MAX_STEPS)]

    def steps(self) -> list[tuple[int, dict[str, Any]]]:
        """(line, step as it is stored) of the lines that say something. Call when valid."""
        found = []
        for number in range(MAX_STEPS):
            minutes = self.cleaned_data.get(f"minutes_{number}")
            whom = [self.cleaned_data.get(f"{name}_{number}") or "" for name in ("who", "also")]
            if minutes is None and not any(whom):
                continue
            roles = [one.removeprefix("role:") for one in whom if one.startswith("role:")]
            people = [int(one) for one in whom if one.isdecimal()]
            found.append((number, {"minutes": minutes, "roles": roles, "people": people}))
        return found

    @classmethod
    def initial_of(cls, *, is_on: bool, steps: Iterable[dict[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {"is_on": is_on}
        for number, step in enumerate(steps):
            whom = [*(f"role:{role}" for role in step.get("roles", [])), *map(str, step.get("people", []))]
            found[f"minutes_{number}"] = step.get("minutes")
            found |= {f"{name}_{number}": one for name, one in zip(("who", "also"), whom, strict=False)}
        return found


_ROLE_WORDS = {
    Role.ADMIN.value: gettext_lazy("all admins"),
    Role.MANAGER.value: gettext_lazy("all managers"),
    Role.ANALYST.value: gettext_lazy("all analysts"),
}
