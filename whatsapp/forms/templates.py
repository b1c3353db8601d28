"""A new template: its fields, and a place for each thing that WhatsApp would refuse."""

from typing import Any

from django import forms
from django.utils.translation import get_language_info, gettext_lazy

from whatsapp.choices import TemplateCategory
from whatsapp.clients.templates import Button, Problem, Slot, TemplateDraft, problems, shape
from whatsapp.queries.templates import VARIABLES, default_variables

# Codes that WhatsApp knows (Meta, "Supported languages").
LANGUAGES = (
    "af", "sq", "ar", "az", "bn", "bg", "ca", "zh_CN", "zh_HK", "zh_TW", "hr", "cs", "da", "nl", "en", "en_GB",
    "en_US", "et", "fil", "fi", "fr", "ka", "de", "el", "gu", "ha", "he", "hi", "hu", "id", "ga", "it", "ja", "kn",
    "kk", "rw_RW", "ko", "ky_KG", "lo", "lv", "lt", "mk", "ms", "ml", "mr", "nb", "fa", "pl", "pt_BR", "pt_PT",
    "pa", "ro", "ru", "sr", "sk", "sl", "es", "es_AR", "es_ES", "es_MX", "sw", "sv", "ta", "te", "th", "tr", "uk",
    "ur", "uz", "vi", "zu",
)  # fmt: skip
BUTTONS = 3
_KINDS = [
    ("", gettext_lazy("No button")),
    ("QUICK_REPLY", gettext_lazy("Quick reply")),
    ("URL", gettext_lazy("Opens a page")),
    ("PHONE_NUMBER", gettext_lazy("Calls a number")),
]
_CATEGORIES = [
    (TemplateCategory.UTILITY.value, gettext_lazy("Utility: an alert, a report, something that was asked for")),
    (TemplateCategory.MARKETING.value, gettext_lazy("Marketing: an offer, news")),
    (TemplateCategory.AUTHENTICATION.value, gettext_lazy("Verification code: WhatsApp words it")),
]


def language_name(code: str) -> str:
    """'pt_BR' → 'Brazilian Portuguese', in the active language; the code itself where nobody knows it."""
    for name in (code.replace("_", "-").lower(), code.partition("_")[0]):
        try:
            info = get_language_info(name)
        except KeyError:
            continue
        region = code.partition("_")[2] if info["code"] == code.partition("_")[0] else ""
        return f"{info['name_translated']} ({region})" if region else str(info["name_translated"])
    return code


class TemplateForm(forms.Form):
    """Placeholders bring fields of their own, `example_<slot>` and `variable_<slot>`: see `slots`."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=512,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "campaign_paused"}),
        help_text=gettext_lazy("Small letters, digits and underscores. People do not see it."),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), initial="en")
    category = forms.ChoiceField(
        label=gettext_lazy("What it is for"),
        choices=_CATEGORIES,
        initial=TemplateCategory.UTILITY.value,
        widget=forms.RadioSelect,
        help_text=gettext_lazy("WhatsApp may decide otherwise, and prices go by it."),
    )
    header = forms.CharField(label=gettext_lazy("Headline"), max_length=200, required=False)
    body = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "dir": "auto"}),
        help_text=gettext_lazy("Placeholders are {{1}}, {{2}} and so on. *bold*, _italic_."),
    )
    footer = forms.CharField(
        label=gettext_lazy("Last line"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Small print, such as how to get no more of them."),
    )
    code_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes that a code is good for"), initial=10, min_value=1, max_value=90
    )
    security_hint = forms.BooleanField(
        label=gettext_lazy("Ask people not to share the code"), initial=True, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = sorted(
            ((code, language_name(code)) for code in LANGUAGES), key=lambda pair: pair[1]
        )
        self.fields["code_minutes"].required = not self.is_bound or self._is_code
        for index in range(BUTTONS):
            self._add_button(index)
        self.slot_errors: dict[str, str] = {}

    def _add_button(self, index: int) -> None:
        place = {"number": index + 1}
        self.fields[f"button_{index}_kind"] = forms.ChoiceField(
            label=gettext_lazy("Button %(number)s") % place, choices=_KINDS, required=False
        )
        self.fields[f"button_{index}_text"] = forms.CharField(
            label=gettext_lazy("Words on button %(number)s") % place, max_length=100, required=False
        )
        self.fields[f"button_{index}_value"] = forms.CharField(
            label=gettext_lazy("Address or number of button %(number)s") % place, max_length=2000, required=False
        )

    @property
    def _is_code(self) -> bool:
        return self["category"].value() == TemplateCategory.AUTHENTICATION

    @property
    def button_rows(self) -> list[tuple[Any, Any, Any]]:
        return [tuple(self[f"button_{index}_{part}"] for part in ("kind", "text", "value")) for index in range(BUTTONS)]

    def draft(self) -> TemplateDraft:
        """What is typed so far, whether or not it would be accepted."""
        minutes = self._typed("code_minutes")
        bare = TemplateDraft(
            name=self._typed("name"),
            language=self._typed("language"),
            category=self._typed("category"),
            body=self._typed("body").replace("\r\n", "\n"),
            header=self._typed("header"),
            footer=self._typed("footer"),
            buttons=self._buttons(),
            code_minutes=int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 4 else 0,
            security_hint=bool(self["security_hint"].value()),
        )
        examples = {slot.key: str(self.data.get(f"example_{slot.key}", "")).strip() for slot in bare.slots()}
        return TemplateDraft(**{**{name: getattr(bare, name) for name in bare.__slots__}, "examples": examples})

    def _typed(self, name: str) -> str:
        return str(self[name].value() or "").replace("\0", "").strip()

    def _buttons(self) -> tuple[Button, ...]:
        kinds = {kind for kind, _label in _KINDS if kind}
        found = []
        for index in range(BUTTONS):
            kind, text, value = (self._typed(f"button_{index}_{part}") for part in ("kind", "text", "value"))
            if kind in kinds:
                found.append(Button(kind, text, "" if kind == "QUICK_REPLY" else value))
        return tuple(found)

    def slots(self) -> list[dict[str, Any]]:
        """The placeholders of what is typed, each with its example, what fills it, and what is wrong with it."""
        draft = self.draft()
        names = self.variables(draft)
        return [self._slot(slot, names[slot.key]) for slot in draft.slots()]

    def _slot(self, slot: Slot, name: str) -> dict[str, Any]:
        return {
            "key": slot.key,
            "shown": f"{{{{{slot.placeholder}}}}}",
            "part": slot.part,
            "example": slot.example,
            "variable": name,
            "choices": list(VARIABLES.items()),
            "error": self.slot_errors.get(slot.key, ""),
        }

    def variables(self, draft: TemplateDraft) -> dict[str, str]:
        """Slot → one of VARIABLES, by choice or by the order of appearance."""
        chosen = {slot.key: self.data.get(f"variable_{slot.key}", "") for slot in draft.slots()}
        chosen = {key: name for key, name in chosen.items() if name in VARIABLES}
        return default_variables(shape(draft.components()), draft.category, chosen)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for problem in problems(self.draft()):
            self._place(problem)
        return cleaned

    def _place(self, problem: Problem) -> None:
        """The field a problem belongs to; one that has said something already says no more."""
        place, _colon, which = problem.place.partition(":")
        if place == "example":
            self.slot_errors[which] = problem.words
            self.add_error(None, forms.ValidationError(problem.words, code=problem.code))
            return
        field = {"button": f"button_{self._row_of(which)}_text", "buttons": "button_0_text"}.get(place, place)
        if field not in self.errors:
            self.add_error(field, forms.ValidationError(problem.words, code=problem.code))

    def _row_of(self, position: str) -> int:
        """Buttons are numbered without the rows that are left empty."""
        rows = [index for index in range(BUTTONS) if self._typed(f"button_{index}_kind")]
        return rows[int(position)] if position.isdigit() and int(position) < len(rows) else 0
