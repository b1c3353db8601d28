"""What a workspace allows its rules."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from rules.conditions.automation import BOUNDS, Automation


class LimitsForm(forms.Form):
    """What a workspace allows its rules; an empty field takes the default. Its bounds are the service's question."""

    max_changes_24h = forms.IntegerField(
        label=gettext_lazy("Changes of one campaign in 24 hours"),
        required=False,
        help_text=gettext_lazy(
            "By people and rules together. Where it is reached, rules wait; people are never refused. "
            "0: rules change nothing."
        ),
    )
    max_budget_move_percent = forms.IntegerField(
        label=gettext_lazy("How far a budget may move in 24 hours"),
        required=False,
        help_text=gettext_lazy(
            "Away from what it was 24 hours ago, up or down. A rule that would go further waits until then."
        ),
    )
    approval_percent = forms.IntegerField(
        label=gettext_lazy("Ask first above this share of the spend"),
        required=False,
        help_text=gettext_lazy(
            "A rule that would change campaigns with more of the spend of the last 7 full days waits for a person. "
            "100: none asks."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for name, (least, most) in BOUNDS.items():
            default = getattr(Automation(), name)
            self.fields[name].widget.attrs |= {"min": least, "max": most, "placeholder": default}

    @property
    def limits(self) -> dict[str, int | None]:
        """The cleaned values as the service takes them: what equals the default follows it."""
        default = Automation()
        values = {name: self.cleaned_data[name] for name in BOUNDS}
        return {name: None if value == getattr(default, name) else value for name, value in values.items()}

    @classmethod
    def initial_of(cls, settings: Any) -> dict[str, int]:
        """What holds in the workspace."""
        automation = Automation.of(settings)
        return {name: getattr(automation, name) for name in BOUNDS}
