"""The templates that Stratum writes in outside the 24 hours: an alert, a report, a verification code, in six languages.

Each is worded as WhatsApp's review wants it: what it is for is said, text stands around every placeholder, and how to
get no more of them stands at its end. Of a verification code WhatsApp words everything itself.
"""

from dataclasses import dataclass

from whatsapp.choices import TemplateCategory
from whatsapp.clients.templates import TemplateDraft
from whatsapp.queries.standing import ALERT_TEMPLATE as ALERT
from whatsapp.queries.standing import CODE_TEMPLATE as CODE
from whatsapp.queries.standing import REPORT_TEMPLATE as REPORT

CODE_MINUTES = 10


@dataclass(frozen=True, slots=True)
class _Words:
    """The texts of one language, and what the reviewer reads in place of the placeholders."""

    alert: str
    report: str
    footer: str
    alert_examples: tuple[str, str]
    report_examples: tuple[str, str]


_LINK = "https://stratum.example/reports/7/"
_WORDS: dict[str, _Words] = {
    "en": _Words(
        "Alert for your campaigns: {{1}}\n\nWhat happened: {{2}}\n\nOpen Stratum to see the details.",
        "Your report of {{1}} is ready.\n\nThe figures: {{2}}\n\nRead all of it here: {{3}}\n\nIt comes from Stratum.",
        "Reply STOP to get no more of these messages.",
        ("Stop loss", "Spring Sale was paused: ROAS 0.8 over 2 days."),
        ("16 to 22 November", "spend 12,400 USD, ROAS 3.1"),
    ),
    "ar": _Words(
        "تنبيه بخصوص حملاتك: {{1}}\n\nما الذي حدث: {{2}}\n\nافتح Stratum للاطلاع على التفاصيل.",
        "تقريرك عن الفترة {{1}} جاهز.\n\nالأرقام: {{2}}\n\nاقرأ التقرير كاملاً هنا: {{3}}\n\nأُرسل من Stratum.",
        "أرسل STOP لإيقاف هذه الرسائل.",
        ("حد الخسارة", "أُوقفت حملة تخفيضات الربيع: العائد 0.8 خلال يومين."),
        ("16 إلى 22 نوفمبر", "الإنفاق 12,400 دولار، العائد 3.1"),
    ),
    "es": _Words(
        "Alerta de tus campañas: {{1}}\n\nQué ha pasado: {{2}}\n\nAbre Stratum para ver los detalles.",
        "Tu informe de {{1}} está listo.\n\nLas cifras: {{2}}\n\nLéelo completo aquí: {{3}}\n\nLo envía Stratum.",
        "Responde STOP para no recibir más mensajes.",
        ("Límite de pérdidas", "Rebajas de primavera se ha pausado: ROAS 0,8 en 2 días."),
        ("16 al 22 de noviembre", "gasto 12.400 USD, ROAS 3,1"),
    ),
    "fr": _Words(
        "Alerte pour vos campagnes : {{1}}\n\nCe qui s’est passé : {{2}}\n\nOuvrez Stratum pour voir les détails.",
        "Votre rapport du {{1}} est prêt.\n\nLes chiffres : {{2}}\n\nÀ lire en entier ici : {{3}}\n\n"
        "Envoyé par Stratum.",
        "Répondez STOP pour ne plus recevoir ces messages.",
        ("Limite de pertes", "Soldes de printemps a été mise en pause : ROAS 0,8 sur 2 jours."),
        ("16 au 22 novembre", "dépenses 12 400 USD, ROAS 3,1"),
    ),
    "de": _Words(
        "Hinweis zu Ihren Kampagnen: {{1}}\n\nWas geschehen ist: {{2}}\n\nDie Einzelheiten stehen in Stratum.",
        "Ihr Bericht über {{1}} ist fertig.\n\nDie Zahlen: {{2}}\n\nHier steht alles: {{3}}\n\nGesendet von Stratum.",
        "Antworten Sie STOP, um keine mehr zu erhalten.",
        ("Verlustgrenze", "Frühlingsangebot wurde pausiert: ROAS 0,8 an 2 Tagen."),
        ("16. bis 22. November", "Ausgaben 12.400 USD, ROAS 3,1"),
    ),
    "pt_BR": _Words(
        "Alerta das suas campanhas: {{1}}\n\nO que aconteceu: {{2}}\n\nAbra o Stratum para ver os detalhes.",
        "Seu relatório de {{1}} está pronto.\n\nOs números: {{2}}\n\nLeia tudo aqui: {{3}}\n\nEnviado pelo Stratum.",
        "Responda STOP para não receber mais mensagens.",
        ("Limite de perda", "Promoção de primavera foi pausada: ROAS 0,8 em 2 dias."),
        ("16 a 22 de novembro", "gasto de 12.400 USD, ROAS 3,1"),
    ),
}
LANGUAGES = tuple(_WORDS)


def standard_drafts() -> list[tuple[TemplateDraft, dict[str, str]]]:
    """Every one of them, with what fills its placeholders."""
    return [found for language, words in _WORDS.items() for found in _of_language(language, words)]


def _of_language(language: str, words: _Words) -> list[tuple[TemplateDraft, dict[str, str]]]:
    utility = TemplateCategory.UTILITY.value
    alert_examples = {str(place): text for place, text in enumerate(words.alert_examples, start=1)}
    report_examples = {str(place): text for place, text in enumerate((*words.report_examples, _LINK), start=1)}
    alert = TemplateDraft(ALERT, language, utility, words.alert, footer=words.footer, examples=alert_examples)
    report = TemplateDraft(REPORT, language, utility, words.report, footer=words.footer, examples=report_examples)
    code = TemplateDraft(CODE, language, TemplateCategory.AUTHENTICATION.value, code_minutes=CODE_MINUTES)
    return [
        (alert, {"1": "title", "2": "text"}),
        (report, {"1": "period", "2": "figures", "3": "link"}),
        (code, {}),
    ]
