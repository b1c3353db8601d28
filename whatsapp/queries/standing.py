"""The templates that Stratum falls back on where free text is not allowed."""

from collections.abc import Iterable
from dataclasses import dataclass

from whatsapp.choices import Purpose
from whatsapp.models import WhatsAppTemplate
from whatsapp.queries.templates import MENDABLE, sendable

# What each purpose falls back on.
ALERT_TEMPLATE, REPORT_TEMPLATE, CODE_TEMPLATE = "stratum_alert", "stratum_report", "stratum_code"
_BY_PURPOSE = {Purpose.ALERT: ALERT_TEMPLATE, Purpose.REPORT: REPORT_TEMPLATE}
# How far a language is from the wanted one when it is neither that nor English.
_FOREIGN = 3


@dataclass(frozen=True, slots=True)
class StandardTemplates:
    """Those of the workspace, in any state."""

    rows: tuple[WhatsAppTemplate, ...]

    def of(self, purpose: str, language: str) -> WhatsAppTemplate | None:
        name = _BY_PURPOSE.get(Purpose(purpose))
        return in_language([row for row in self.rows if row.name == name], language)


def standard_templates() -> StandardTemplates:
    return StandardTemplates(tuple(WhatsAppTemplate.objects.filter(name__in=_BY_PURPOSE.values()).order_by("pk")))


def in_language(templates: Iterable[WhatsAppTemplate], language: str) -> WhatsAppTemplate | None:
    """The one to write to a reader of this language in; None where there is none at all.

    One that can be sent, in their language ('pt' finds 'pt_BR'), else in English; else one of these that WhatsApp may
    let through yet, for which a message can wait; only then one in a language that they may not read. What never goes
    out comes last.
    """
    wanted = language.replace("-", "_").lower()
    return min(templates, key=lambda one: _preference(one, wanted), default=None)


def _preference(template: WhatsAppTemplate, wanted: str) -> tuple[bool, bool, bool, int]:
    """Less is better."""
    state, distance = sendable(template).code, _distance(template.language.lower(), wanted)
    waits = state in MENDABLE
    return bool(state) and not waits, distance == _FOREIGN, waits, distance


def _distance(language: str, wanted: str) -> int:
    codes = (wanted, wanted.partition("_")[0], "en")
    return next((far for far, code in enumerate(codes) if code in (language, language.partition("_")[0])), _FOREIGN)
