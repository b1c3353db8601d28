"""The templates that Stratum falls back on where free text is not allowed."""

from collections.abc import Iterable
from dataclasses import dataclass

from whatsapp.choices import Purpose
from whatsapp.models import WhatsAppTemplate

# What each purpose falls back on.
ALERT_TEMPLATE, REPORT_TEMPLATE, CODE_TEMPLATE = "stratum_alert", "stratum_report", "stratum_code"
_BY_PURPOSE = {Purpose.ALERT: ALERT_TEMPLATE, Purpose.REPORT: REPORT_TEMPLATE}


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
