"""Rules that undo each other, found before one of them is switched on."""

from rules.queries.clashes.finding import Act, Clash, ClashKind, clashes_among

__all__ = ["Act", "Clash", "ClashKind", "clashes_among"]
