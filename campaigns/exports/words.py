"""Words in cells: campaign states and result types, in the languages of the exports."""

from __future__ import annotations

import re
from functools import lru_cache

from campaigns.choices import CampaignStatus
from campaigns.exports.vocabulary.normalise import plain_key

_STATUS_WORDS: dict[CampaignStatus, str] = {
    CampaignStatus.ACTIVE: """
        active|enabled|eligible|delivering|learning|running|on|recently completed learning|not delivering
        activo|activa|activada|habilitada|habilitado|apta|en circulacion
        actif|active|activee|eligible|en diffusion
        aktiv|aktiviert|zulassig|wird ausgeliefert
        ativo|ativa|ativada|ativado|qualificada|em veiculacao
        actief|ingeschakeld
        نشط|نشطة|مفعل|مفعلة|جار العرض
    """,
    CampaignStatus.PAUSED: """
        paused|inactive|off|campaign off|disabled|suspended
        pausado|pausada|en pausa|inactivo|inactiva|desactivada
        en pause|en veille|suspendue|mise en veille|inactif|inactive|desactivee
        pausiert|inaktiv|deaktiviert
        pausado|pausada|inativo|inativa|desativada
        gepauzeerd|onderbroken|inactief
        متوقف|متوقف مؤقتا|متوقفة مؤقتا|غير نشط|غير نشطة
    """,
    CampaignStatus.COMPLETED: """
        completed|ended|finished
        completado|completada|finalizado|finalizada
        terminee|termine
        abgeschlossen|beendet
        concluido|concluida|encerrada
        voltooid
        مكتمل|مكتملة|انتهت
    """,
    CampaignStatus.ARCHIVED: """
        archived|removed|deleted|canceled|cancelled
        archivado|archivada|eliminado|eliminada|quitada|retirada
        archivee|supprimee|supprime
        archiviert|entfernt|geloscht
        arquivado|arquivada|removida|removido|excluida
        gearchiveerd|verwijderd
        مؤرشف|مؤرشفة|محذوفة
    """,
    CampaignStatus.DRAFT: """
        draft|in draft|in review|pending review
        borrador|brouillon|entwurf|rascunho|concept|مسودة
    """,
}
_STATUSES: dict[str, str] = {
    plain_key(word): status.value
    for status, words in _STATUS_WORDS.items()
    for word in words.replace("\n", "|").split("|")
    if word.strip()
}

# Results are conversions only for these types. The words meet 'actions:offsite_conversion.fb_pixel_purchase'
# (Result indicator) as well as 'Website purchases' and its translations (Result type).
_CONVERSION_RESULT = re.compile(
    r"purchase|offsite conversion|onsite conversion|lead|registration|subscri|app install|install|contact|donat"
    r"|application|schedul|trial|sale\b|sales\b|custom conversion|add to cart|adds to cart|checkout|payment info"
    r"|compra|cliente potencial|clientes potenciales|registro|suscripcion|instalacion"
    r"|achat|prospect|inscription|abonnement|installation"
    r"|kauf|registrierung|abo\b|app installation"
    r"|cadastro|assinatura|instalacao|instalacoes"
    r"|شراء|عملاء محتمل|تسجيل|اشتراك|تثبيت"
)
_NO_CONVERSION_RESULT = re.compile(r"link click|landing page|post engagement|video|thruplay|reach|impression|like")


@lru_cache(maxsize=1024)
def campaign_status(text: str) -> str | None:
    """The CampaignStatus that a state word names, or None for a word we do not know."""
    return _STATUSES.get(plain_key(text))


@lru_cache(maxsize=1024)
def is_conversion_result(result_type: str) -> bool:
    """Whether Meta 'Results' of this type count people who bought, signed up or left their details."""
    key = plain_key(result_type.replace(":", " ").replace(".", " "))
    return bool(_CONVERSION_RESULT.search(key)) and not _NO_CONVERSION_RESULT.search(key)
