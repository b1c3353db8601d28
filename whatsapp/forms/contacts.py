"""What people say about a contact, type as a code, and note as consent."""

from datetime import datetime, time
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from stratum.lib.regions import is_zone, zone_choices
from whatsapp.models import WhatsAppContact
from whatsapp.queries.recipients import ALERTS, REPORTS
from whatsapp.services.contacts import ContactDraft
from whatsapp.services.preparing import quiet_hours_of

_QUIET_FROM, _QUIET_TO = time(22), time(7)


def _number_field() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("WhatsApp number"),
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off", "inputmode": "tel"}),
    )


class ContactForm(forms.Form):
    """What goes to a contact, when, and in which language."""

    display_name = forms.CharField(label=gettext_lazy("Name"), max_length=100, required=False)
    language = forms.ChoiceField(label=gettext_lazy("Language of messages"), choices=settings.LANGUAGES)
    timezone = forms.ChoiceField(label=gettext_lazy("Time zone"))
    notification_types = forms.MultipleChoiceField(
        label=gettext_lazy("What they get"),
        choices=[(ALERTS, gettext_lazy("Alerts")), (REPORTS, gettext_lazy("Reports"))],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    quiet = forms.BooleanField(
        label=gettext_lazy("Keep quiet hours"),
        required=False,
        help_text=gettext_lazy(
            "Alerts and reports wait until they are over, by the contact’s own clock. Critical alerts go out where "
            "their person lets them disturb."
        ),
    )
    quiet_from = forms.TimeField(
        label=gettext_lazy("From"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    quiet_to = forms.TimeField(
        label=gettext_lazy("Until"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    is_active = forms.BooleanField(
        label=gettext_lazy("Switched on"),
        required=False,
        help_text=gettext_lazy("Switched off, a contact gets nothing and keeps everything."),
    )

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["timezone"].choices = zone_choices()

    @staticmethod
    def values_of(contact: WhatsAppContact) -> dict[str, Any]:
        """What the form shows of a contact."""
        hours = quiet_hours_of(contact.quiet_hours)
        return {
            "display_name": contact.display_name or "",
            "language": contact.language,
            "timezone": contact.timezone,
            "notification_types": contact.notification_types or [],
            "quiet": hours is not None,
            "quiet_from": hours.start if hours else _QUIET_FROM,
            "quiet_to": hours.end if hours else _QUIET_TO,
            "is_active": bool(contact.is_active),
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in ("quiet_from", "quiet_to"):
            if data.get("quiet") and not data.get(name) and name not in self.errors:
                self.add_error(name, _("Say when quiet hours begin and end."))
        return data

    def draft(self) -> ContactDraft:
        data = self.cleaned_data
        return ContactDraft(
            display_name=data["display_name"],
            language=data["language"],
            timezone=data["timezone"],
            notification_types=data["notification_types"],
            quiet=(data["quiet_from"], data["quiet_to"]) if data["quiet"] else None,
            is_active=data["is_active"],
        )


class OwnNumberForm(forms.Form):
    """A person's own number. Language and zone are theirs already."""

    number = _number_field()

    def draft(self, person: User) -> ContactDraft:
        return _draft_for(person, "")


class NewContactForm(forms.Form):
    """A number of somebody in the team, or of somebody they answer for."""

    user = forms.TypedChoiceField(
        label=gettext_lazy("Person of the team"),
        coerce=int,
        help_text=gettext_lazy(
            "Whose number it is, or who answers for this contact. Nobody gets their rights by it: commands are obeyed "
            "only from a number that this person has proven themselves."
        ),
    )
    number = _number_field()
    display_name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        required=False,
        help_text=gettext_lazy("Where it is another one than the person’s."),
    )

    def __init__(self, *args: Any, people: list[User], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.people = {one.pk: one for one in people}
        self.fields["user"].choices = [("", "–"), *((one.pk, one.display_name) for one in people)]

    @property
    def person(self) -> User:
        return self.people[self.cleaned_data["user"]]

    def draft(self) -> ContactDraft:
        return _draft_for(self.person, self.cleaned_data["display_name"])


def _draft_for(person: User, name: str) -> ContactDraft:
    """Language and zone of the person, as far as the product has them."""
    language = person.locale if person.locale in dict(settings.LANGUAGES) else "en"
    zone = person.timezone if is_zone(person.timezone) else "UTC"
    return ContactDraft(display_name=name or person.full_name or "", language=language, timezone=zone)


class CodeForm(forms.Form):
    """The code that came by WhatsApp."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={
                "inputmode": "numeric",
                "autocomplete": "one-time-code",
                "spellcheck": "false",
                "class": "code-input",
            }
        ),
    )


class WrittenConsentForm(forms.Form):
    """Consent that a colleague has in writing."""

    text = forms.CharField(
        label=gettext_lazy("What they agreed to, and where it is kept"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Such as: e-mail to Dana, ‘yes, send me the campaign alerts by WhatsApp’."),
    )
    day = forms.DateField(label=gettext_lazy("On which day"), widget=forms.DateInput(attrs={"type": "date"}))

    def moment(self) -> datetime:
        """Now for today; else the beginning of the day, so that a STOP of that day is never overruled."""
        now = timezone.localtime()
        day = self.cleaned_data["day"]
        return now if day == now.date() else datetime.combine(day, time(), tzinfo=now.tzinfo)
