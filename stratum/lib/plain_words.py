"""Words as people type them, made comparable (case, accents, marks and blanks do not count), or short enough."""

import unicodedata

# Tatweel only stretches Arabic letters.
_TATWEEL = "\u0640"


def plain(text: str) -> str:
    """'  Statut ?' → 'statut', 'Pausé!' → 'pause', 'حالــة' → 'حالة'. What is no letter or digit is a blank."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    kept = [
        character if unicodedata.category(character)[0] in "LN" else " "
        for character in decomposed
        if character != _TATWEEL and unicodedata.category(character) not in ("Mn", "Cf")
    ]
    return " ".join("".join(kept).split())


def cut(text: str, length: int) -> str:
    """At most `length` characters (from 1 on); what was longer ends with '…'."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
