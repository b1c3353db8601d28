"""When a rule is checked, as the editor asks for it."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from rules.conditions import ConditionError, parse_schedule
from rules.conditions.schedules import ACCOUNT, ALL_DAYS, DAY, DEFAULT_AT, WEEK, WORKSPACE
from rules.conditions.wording import EVERY_WORDS, WEEKDAYS


class ScheduleFields(forms.Form):
    """Daily and weekly checks have a time, the others hours; what does not belong to the choice is left alone."""

    every = forms.ChoiceField(
        label=gettext_lazy("Checked"),
        choices=[("", gettext_lazy("at every pass, every 15 minutes")), *EVERY_WORDS.items()],
        required=False,
    )
    check_at = forms.CharField(
        label=gettext_lazy("At"), required=False, initial="09:00", widget=forms.TimeInput(attrs={"type": "time"})
    )
    check_days = forms.MultipleChoiceField(
        label=gettext_lazy("On"), choices=WEEKDAYS, required=False, widget=forms.CheckboxSelectMultiple
    )
    check_from = forms.CharField(
        label=gettext_lazy("From"), required=False, widget=forms.TimeInput(attrs={"type": "time"})
    )
    check_until = forms.CharField(
        label=gettext_lazy("Until"), required=False, widget=forms.TimeInput(attrs={"type": "time"})
    )
    check_zone = forms.ChoiceField(
        label=gettext_lazy("By the clock of"),
        choices=[(ACCOUNT, gettext_lazy("each ad account")), (WORKSPACE, gettext_lazy("the workspace"))],
        required=False,
    )

    def schedule(self) -> dict[str, Any] | None:
        """Of a valid form, as a rule stores it; None: at every pass."""
        data = self.cleaned_data
        days = [int(day) for day in data["check_days"]]
        every, hours = data["every"], [data["check_from"], data["check_until"]]
        if not every and not days and not any(hours):
            return None
        found: dict[str, Any] = {"every": every or "15m", "zone": data["check_zone"] or ACCOUNT}
        if every in (DAY, WEEK):
            found["at"] = data["check_at"]
        elif any(hours):
            found["hours"] = hours
        return {**found, "days": days} if days or every == WEEK else found

    @property
    def chosen_days(self) -> list[str]:
        """Weekdays that the form carries now, whether or not it is valid."""
        return [str(day) for day in self["check_days"].value() or []]


def schedule_initial(raw: Any) -> dict[str, Any]:
    """A stored schedule as the form shows it; of one that cannot be read nothing."""
    try:
        schedule = parse_schedule(raw)
    except ConditionError:
        schedule = None
    if schedule is None:
        return {"every": ""}
    start, end = schedule.hours or ("", "")
    return {
        "every": schedule.every,
        "check_at": schedule.at or DEFAULT_AT,
        "check_days": [] if schedule.days == ALL_DAYS else [str(day) for day in sorted(schedule.days)],
        "check_from": start,
        "check_until": end,
        "check_zone": schedule.zone,
    }
