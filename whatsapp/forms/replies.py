"""What is answered in a conversation."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from whatsapp.models import WhatsAppTemplate
from whatsapp.queries.templates import slot_keys


class ReplyForm(forms.Form):
    """Free text. `token` names this very form, so that it is sent once however often it is posted."""

    text = forms.CharField(
        label=gettext_lazy("Your answer"),
        error_messages={"required": gettext_lazy("Write something first.")},
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": 4096}),
    )
    context = forms.CharField(max_length=128, required=False, widget=forms.HiddenInput)
    token = forms.CharField(max_length=64, widget=forms.HiddenInput)


class TemplateForm(forms.Form):
    """A template and what fills it: a field for each placeholder of the one that is chosen."""

    token = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, template: WhatsAppTemplate | None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.names: Sequence[str] = slot_keys(template) if template is not None else []
        for name in self.names:
            self.fields[f"value-{name}"] = forms.CharField(label=f"{{{{{name}}}}}", max_length=1024, required=False)

    def values(self) -> dict[str, str]:
        return {name: self.cleaned_data.get(f"value-{name}", "") for name in self.names}
