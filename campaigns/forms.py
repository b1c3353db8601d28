"""Forms of this app: they validate what a request brings, services decide what is done with it."""

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.services.campaigns import MAX_LABEL_LENGTH
from campaigns.services.saved_views import MAX_NAME


class LabelForm(forms.Form):
    """One label for one campaign."""

    label = forms.CharField(
        label=_("Label"),
        max_length=MAX_LABEL_LENGTH,
        error_messages={"required": _("Write a label first.")},
    )


class BulkLabelForm(LabelForm):
    """One label for the ticked campaigns, or for all that match the list's `state` (its query string)."""

    scope = forms.ChoiceField(choices=[("selected", _("Selected")), ("all", _("All"))], required=False)
    state = forms.CharField(max_length=2000, required=False, strip=False)
    ids = forms.TypedMultipleChoiceField(
        coerce=int, required=False, error_messages={"invalid_choice": _("Select the campaigns again.")}
    )

    def __init__(self, *args: object, **kwargs: object):
        super().__init__(*args, **kwargs)
        # Ids are checked by the service, which finds only the workspace's own.
        sent = self.data.getlist("ids") if hasattr(self.data, "getlist") else []
        self.fields["ids"].choices = [(one, one) for one in sent if one.isascii() and one.isdigit() and len(one) < 10]


class SavedViewForm(forms.Form):
    """A name for the list as it is."""

    name = forms.CharField(label=_("Name"), max_length=MAX_NAME)
    query = forms.CharField(max_length=2000, required=False, strip=False)
