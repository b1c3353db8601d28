"""Connecting a number, and trying it."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy

from whatsapp.clients.cloud import NumberRow
from whatsapp.queries import Recipient

_ID = RegexValidator(re.compile(r"\A\d{5,30}\Z"), gettext_lazy("An id of Meta’s is a long row of digits."))


class NumberConnectForm(forms.Form):
    """What is typed as a token is never shown again."""

    waba_id = forms.CharField(
        label=gettext_lazy("WhatsApp Business account ID"),
        max_length=30,
        validators=[_ID],
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "numeric"}),
        help_text=gettext_lazy("From WhatsApp Manager at Meta: account settings, beside the account’s name."),
    )
    token = forms.CharField(
        label=gettext_lazy("Access token"),
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Of a system user in Meta Business Settings, with whatsapp_business_messaging and "
            "whatsapp_business_management. It is kept encrypted."
        ),
    )


class NumberChooseForm(forms.Form):
    """One of the account's numbers."""

    phone_number_id = forms.ChoiceField(label=gettext_lazy("Number to send from"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, numbers: Sequence[NumberRow], **kwargs: Any):
        super().__init__(*args, **kwargs)
        choices = [(row.phone_number_id, _label(row)) for row in numbers]
        self.fields["phone_number_id"].choices = choices
        if len(choices) == 1:
            self.fields["phone_number_id"].initial = choices[0][0]


def _label(row: NumberRow) -> str:
    return " · ".join(part for part in (row.display_phone_number or row.phone_number_id, row.verified_name) if part)


class NumberTestForm(forms.Form):
    """Who gets a test message: a contact that may be written to."""

    contact = forms.TypedChoiceField(label=gettext_lazy("Send it to"), coerce=int)

    def __init__(self, *args: Any, recipients: Sequence[Recipient], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["contact"].choices = [(one.id, one.name) for one in recipients if not one.obstacle]
