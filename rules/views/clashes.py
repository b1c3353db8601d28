"""Rules that undo each other, as screens show them, and what a person accepts of it."""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from rules import services
from rules.conditions import RuleSpec
from rules.queries.clashes import Act, Clash, ClashKind

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Clashes:
    """What stands in the warning. `accept` names the rules whose clash has to be accepted before this one is switched
    on; empty where nothing has to be."""

    shown: list[tuple[Clash, list[str], list[str]]]
    more: list[Clash]
    accept: str
    is_accepted: bool = False


def clashes_shown(spec: RuleSpec | None, accepted: frozenset[int] = frozenset()) -> Clashes | None:
    """None where the rule clashes with no active one."""
    clashes = services.clashes_of(spec) if spec is not None else []
    if spec is None or not clashes:
        return None
    real = [clash.rule_id for clash in clashes if not clash.shadow]
    shown = [(clash, [_act_text(act, clash) for act in clash.acts], _notes(clash)) for clash in clashes[:SHOWN]]
    accept = ",".join(str(rule_id) for rule_id in real)
    return Clashes(shown, clashes[SHOWN:], accept, bool(real) and accepted >= set(real))


def accepted_clashes(data: QueryDict) -> frozenset[int]:
    """The ids of the rules whose clash the person has seen, as the warning names them."""
    words = data.get("accept_clashes", "").split(",")
    return frozenset(int(word) for word in words if word.isdecimal() and len(word) < 10)


def _act_text(act: Act, clash: Clash) -> str:
    words: dict[str, Any] = {"does": act.does, "before": act.before, "after": act.after}
    if act.rule_id != clash.rule_id:
        return _("This rule: %(does)s (%(before)s → %(after)s)") % words
    return _("“%(rule)s”: %(does)s (%(before)s → %(after)s)") % {"rule": act.name, **words}


def _notes(clash: Clash) -> list[str]:
    notes = [_outcome(clash)]
    if clash.may:
        notes.append(_("Whether it comes to this depends on the other campaigns, or on how certain the figures are."))
    if clash.shadow:
        notes.append(_("One of the two is in shadow mode and only says what it would do, so nothing is undone yet."))
    return notes


def _outcome(clash: Clash) -> str:
    """Who wins."""
    if clash.has_winner and clash.acts[0].rule_id == clash.rule_id:
        return _("At one check the other rule wins, by priority or by age. While it rests, this one acts.")
    if clash.has_winner:
        return _("At one check this rule wins, by priority or by age. While it rests, the other one acts.")
    if clash.kind is ClashKind.CONFLICT:
        return _("Only one of them has something to change at a time, so priority settles nothing: they take turns.")
    return _("They take turns, each as soon as it has rested.")
