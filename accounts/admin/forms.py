"""Forms of the staff admin: every change says why, and no row is tied to another workspace's."""

from django import forms
from django.db import models
from django.utils.translation import gettext_lazy as _
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget


class ReasonField(forms.CharField):
    """Why a member of staff changes a customer's row: kept in the audit trail, shown to the customer's admins."""

    def __init__(self, **kwargs: object):
        super().__init__(
            label=_("Reason"),
            max_length=300,
            widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
            help_text=_("For the audit trail of the workspace. No personal data, please."),
            **kwargs,
        )


class StaffForm(forms.ModelForm):
    reason = ReasonField()

    def clean(self) -> dict:
        cleaned = super().clean() or {}
        for name, value in cleaned.items():
            if isinstance(value, models.Model):
                self._check_workspace(name, value)
        return cleaned

    def _check_workspace(self, name: str, related: models.Model) -> None:
        mine, theirs = getattr(self.instance, "tenant_id", None), getattr(related, "tenant_id", None)
        if mine is not None and theirs is not None and mine != theirs:
            self.add_error(name, _("This belongs to another workspace."))


class StaffActionForm(ActionForm):
    """Actions on selected rows need a reason as well; it is checked by `with_reason`."""

    reason = forms.CharField(
        label="",
        required=False,
        max_length=300,
        widget=forms.TextInput(
            attrs={
                "placeholder": _("Reason (for the audit trail)"),
                "aria-label": _("Reason"),
                "autocomplete": "off",
                "x-show": "action",
                "class": "bg-white/20 grow px-3 py-1 rounded-default text-white placeholder-white/70",
            }
        ),
    )
