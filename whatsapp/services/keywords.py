"""Words by which people end and begin messages: a whole message that is one of them, in any of six languages."""

from stratum.lib.plain_words import plain
from whatsapp.choices import ConsentKind

# Arabic as written with and without hamza; accents and case do not count either.
_STOP = """
    stop|stopall|stop all|unsubscribe|cancel|end|quit|opt out|optout
    ايقاف|إيقاف|أوقف|اوقف|توقف|إلغاء|الغاء|إلغاء الاشتراك|الغاء الاشتراك
    parar|para|alto|baja|darse de baja|cancelar|detener|cancelar suscripción
    arrêt|arrêter|arrêtez|désabonner|se désabonner|désinscrire|désinscription|annuler
    stopp|halt|abmelden|abbestellen|beenden|aufhören
    pare|sair|cancelar inscrição|descadastrar|remover|cancele
"""
_START = """
    start|subscribe|unstop|opt in|optin
    ابدأ|ابدا|بدء|اشتراك|استئناف
    empezar|iniciar|suscribir|suscribirme|alta|reanudar
    démarrer|commencer|reprendre|s'abonner|abonner
    starten|anfangen|anmelden|beginnen|fortsetzen|abonnieren
    começar|inscrever|assinar|retomar
"""


def _words(table: str) -> frozenset[str]:
    return frozenset(plain(word) for line in table.split("\n") for word in line.split("|") if word.strip())


_MEANINGS = {
    **dict.fromkeys(_words(_START), ConsentKind.OPT_IN),
    **dict.fromkeys(_words(_STOP), ConsentKind.OPT_OUT),
}
# A message that is longer is no keyword, whatever it begins with.
_LONGEST = 40


def keyword_of(text: str) -> ConsentKind | None:
    """OPT_OUT or OPT_IN when the whole message is such a word, None for anything else."""
    return _MEANINGS.get(plain(text)) if len(text) <= _LONGEST else None
