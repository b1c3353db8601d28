"""The templates that Stratum falls back on where free text is not allowed, and what templates ask to be filled in."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from whatsapp.choices import Purpose
from whatsapp.models import WhatsAppTemplate

# What each purpose falls back on.
ALERT_TEMPLATE, REPORT_TEMPLATE, CODE_TEMPLATE = "stratum_alert", "stratum_report", "stratum_code"
_BY_PURPOSE = {Purpose.ALERT: ALERT_TEMPLATE, Purpose.REPORT: REPORT_TEMPLATE}
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,64})\s*\}\}")


@dataclass(frozen=True, slots=True)
class StandardTemplates:
    """Approved ones of the workspace."""

    rows: tuple[WhatsAppTemplate, ...]

    def of(self, purpose: str, language: str) -> WhatsAppTemplate | None:
        name = _BY_PURPOSE.get(Purpose(purpose))
        return in_language([row for row in self.rows if row.name == name], language)


def standard_templates() -> StandardTemplates:
    names = {*_BY_PURPOSE.values(), CODE_TEMPLATE}
    return StandardTemplates(tuple(WhatsAppTemplate.objects.filter(name__in=names, status="APPROVED").order_by("pk")))


def in_language(templates: Iterable[WhatsAppTemplate], language: str) -> WhatsAppTemplate | None:
    """The one in this language ('pt' finds 'pt_BR'), else in English, else the first; None where there is none."""
    rows = list(templates)
    wanted = language.replace("-", "_").lower()
    for code in (wanted, wanted.partition("_")[0], "en"):
        for row in rows:
            if row.language.lower() == code or row.language.lower().partition("_")[0] == code:
                return row
    return rows[0] if rows else None


def placeholders(template: WhatsAppTemplate) -> list[str]:
    """What the template's text asks for, each once, in the order of its numbers or of its text: ['1', '2']."""
    components = template.components if isinstance(template.components, list) else []
    bodies = [
        str(one.get("text", ""))
        for one in components
        if isinstance(one, dict) and str(one.get("type", "")).upper() == "BODY"
    ]
    found = list(dict.fromkeys(name for text in bodies for name in _PLACEHOLDER.findall(text)))
    return sorted(found, key=int) if all(name.isdecimal() for name in found) else found
