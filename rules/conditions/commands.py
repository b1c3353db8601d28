"""What people ask for by WhatsApp, read from their words or from the button that they pressed.

A message is a command when it begins with a command's word, in any of six languages; everything else is a person
talking to people. Case, accents and marks do not count.
"""

import re
from dataclasses import dataclass

from rules.choices import CommandVerb
from stratum.lib.plain_words import plain

LANGUAGES = ("en", "ar", "es", "fr", "de", "pt")
# Letters and digits that cannot be mistaken for each other.
CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 6
MOST_CHOICES = 10
# Of a campaign's name; the rest of a long message is not read.
LONGEST_ARGUMENT = 255
_LONGEST_NUMBER = 18

# Verb → its words, in the order of LANGUAGES; the first of each is the one that help shows.
_WORDS: dict[CommandVerb, tuple[str, ...]] = {
    CommandVerb.HELP: ("help", "مساعدة", "ayuda", "aide", "hilfe", "ajuda"),
    CommandVerb.STATUS: ("status", "الحالة|حالة", "estado", "statut|état", "status", "status|estado"),
    CommandVerb.PAUSE: (
        "pause",
        "إيقاف مؤقت|أوقف مؤقتا",
        "pausar|pausa",
        "pause|suspendre|mettre en pause",
        "pausieren|pausiere|pause",
        "pausar|pausa|pause",
    ),
    CommandVerb.APPROVE: (
        "approve",
        "اعتماد|موافقة",
        "aprobar|apruebo",
        "approuver|approuve",
        "genehmigen|freigeben",
        "aprovar|aprovo",
    ),
    CommandVerb.REJECT: ("reject", "رفض", "rechazar|rechazo", "refuser|rejeter", "ablehnen", "rejeitar|recusar"),
    CommandVerb.ACK: (
        "ack|acknowledge",
        "تم الاطلاع",
        "enterado|acusar",
        "acquitter|pris en compte",
        "quittieren",
        "ciente",
    ),
    CommandVerb.UNDO: ("undo", "تراجع", "deshacer", "défaire", "rückgängig|rückgängig machen", "desfazer"),
}
# Answers to a question: the whole message, or it is talk.
_ANSWERS: dict[CommandVerb, tuple[str, ...]] = {
    CommandVerb.YES: ("yes", "نعم", "sí", "oui", "ja", "sim"),
    CommandVerb.NO: ("no", "لا", "no", "non", "nein", "não"),
}


def _table(words: dict[CommandVerb, tuple[str, ...]]) -> dict[str, CommandVerb]:
    return {plain(word): verb for verb, lists in words.items() for one in lists for word in one.split("|")}


_VERBS, _WHOLE = _table(_WORDS), _table(_ANSWERS)
_MOST_WORDS = max(len(phrase.split()) for phrase in _VERBS)
_QUOTES = "\"'“”„«»‘’‚‹›"
_BUTTON = re.compile(r"code:([0-9]{1,18}):(yes|no|[0-9]{1,2})")
TYPED_ANSWERS = frozenset({CommandVerb.YES, CommandVerb.NO, CommandVerb.CHOOSE})


@dataclass(frozen=True, slots=True)
class Command:
    """`argument` as it was typed; `question`: the row of the question whose button was pressed; `choice` from 1."""

    verb: CommandVerb
    argument: str = ""
    question: int | None = None
    choice: int | None = None


def parse_command(text: str, reply_id: str = "") -> Command | None:
    """The command in a message; None for talk. Never raises, whatever is in it."""
    if pressed := _BUTTON.fullmatch(reply_id):
        return _pressed(int(pressed[1]), pressed[2])
    words = text.replace("\0", "").split()
    whole = plain(" ".join(words[:_MOST_WORDS])) if len(words) <= _MOST_WORDS else ""
    if whole in _WHOLE:
        return Command(_WHOLE[whole])
    if (choice := _number(whole)) is not None and 1 <= choice <= MOST_CHOICES:
        return Command(CommandVerb.CHOOSE, choice=choice)
    for count in range(min(_MOST_WORDS, len(words)), 0, -1):
        verb = _VERBS.get(plain(" ".join(words[:count])))
        if verb is not None:
            return Command(verb, " ".join(words[count:]).strip(_QUOTES + " ")[:LONGEST_ARGUMENT])
    return None


def _pressed(question: int, answer: str) -> Command:
    if answer.isdecimal():
        return Command(CommandVerb.CHOOSE, question=question, choice=int(answer))
    return Command(CommandVerb(answer), question=question)


def _number(text: str) -> int | None:
    """A whole number in the digits of any script."""
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


def alert_number(argument: str) -> int | None:
    """'#12' → 12; None for anything else."""
    return _number(plain(argument))


def typed_code(argument: str) -> str:
    """'abc 123' → 'ABC123'; empty for what cannot be a code."""
    code = "".join(argument.split()).upper()
    return code if len(code) == CODE_LENGTH and set(code) <= set(CODE_ALPHABET) else ""


def button_id(question: int, answer: str | int) -> str:
    """What comes back when a button of a question is pressed: `answer` is 'yes', 'no' or a number from 1."""
    return f"code:{question}:{answer}"


def shown_word(verb: CommandVerb, language: str) -> str:
    """The word for a verb in a language ('pt-br' → that of 'pt'), in English where there is none."""
    code = language.replace("_", "-").partition("-")[0]
    place = LANGUAGES.index(code) if code in LANGUAGES else 0
    return {**_WORDS, **_ANSWERS}[verb][place].partition("|")[0]


def command_words() -> frozenset[str]:
    """All words by which commands begin, as `plain` writes them."""
    return frozenset(_VERBS)
