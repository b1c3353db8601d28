"""Forms of log-in, sign-up, profile and the audit filters. What a value must be is decided by the services."""

import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from accounts.choices import ActorKind, AuditAction, Theme
from accounts.models import User
from stratum.lib.errors import DomainError
from stratum.lib.phones import readable
from stratum.lib.regions import CURRENCIES, zone_choices


class ServiceForm(forms.Form):
    """A form whose last word is a service's."""

    def refuse(self, error: DomainError) -> None:
        """Show a service's refusal at the field it names."""
        self.add_error(error.field if error.field in self.fields else None, str(error))


class LoginForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class SignUpForm(ServiceForm):
    workspace_name = forms.CharField(
        label=_("Company or team"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autofocus": True}),
    )
    slug = forms.CharField(
        label=_("Workspace address"),
        max_length=63,
        required=False,
        help_text=_("Letters, digits and hyphens. Leave it empty and it is made of the name."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    full_name = forms.CharField(
        label=_("Your name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(
        label=_("E-mail address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        help_text=_("At least 10 characters. A short sentence is easier to remember and harder to guess."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    currency = forms.ChoiceField(label=_("Reporting currency"))
    zone = forms.ChoiceField(label=_("Time zone"))
    locale = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = [(code, f"{code} – {name}") for code, name in CURRENCIES]
        self.fields["zone"].choices = zone_choices()
        # Set by the browser's own zone, until the person chooses (static/js/accounts.js).
        self.fields["zone"].widget.attrs["data-browser-zone"] = ""

    def clean(self) -> dict[str, Any]:
        """The service judges the password as well; here it is told together with all other faults."""
        values = super().clean()
        if values.get("password"):
            try:
                validate_password(values["password"], User(full_name=values.get("full_name")))
            except forms.ValidationError as error:
                self.add_error("password", error)
        return values


class ProfileForm(ServiceForm):
    full_name = forms.CharField(label=_("Name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    phone = forms.CharField(
        label=_("Phone"),
        max_length=40,
        required=False,
        help_text=_("With the country code, such as +44 20 7946 0958."),
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    locale = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    zone = forms.ChoiceField(
        label=_("Time zone"),
        help_text=_("Times are shown in this zone. Days of figures stay those of each ad account."),
    )
    theme = forms.ChoiceField(
        label=_("Theme"), choices=Theme.choices, widget=forms.Select(attrs={"data-theme-field": ""})
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any):
        initial = {
            "full_name": person.full_name,
            "phone": readable(person.phone),
            "locale": person.locale,
            "zone": person.timezone,
            "theme": person.preferences.get("theme", Theme.AUTO),
        }
        super().__init__(*args, initial=initial, **kwargs)
        self.fields["zone"].choices = zone_choices()


class ConsentForm(forms.Form):
    analytics = forms.BooleanField(
        label=_("My use of Stratum may be counted to improve it"),
        required=False,
        help_text=_("Which pages are opened and how long they take, never what they show."),
    )
    marketing = forms.BooleanField(
        label=_("Stratum may write to me about new features"),
        required=False,
        help_text=_("A few letters a year. Alerts and reports that you asked for come either way."),
    )


class PasswordForm(ServiceForm):
    current = forms.CharField(
        label=_("Present password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=_("New password"),
        max_length=1000,
        strip=False,
        help_text=_("At least 10 characters. Your other sessions end."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class AuditFilterForm(forms.Form):
    """What the URL of the audit trail may say; a value that cannot be read is left out, not an error."""

    person = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    kind = forms.ChoiceField(required=False, choices=[("", ""), *ActorKind.choices])
    action = forms.ChoiceField(required=False, choices=[("", ""), *AuditAction.choices])
    table = forms.RegexField(r"^[a-z_]{1,100}$", required=False)
    row = forms.CharField(required=False, max_length=100)
    request = forms.CharField(required=False, max_length=100)
    start = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
    end = forms.DateField(required=False, input_formats=["%Y-%m-%d"])

    def wanted(self) -> dict[str, str | int | datetime.date | None]:
        """The readable values by name."""
        self.full_clean()
        return {name: self.cleaned_data.get(name) or None for name in self.fields}
