"""A rule's account as figures, tables and sentences."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.views.reading import rate_notes
from rules.actions.done_words import result_words
from rules.choices import ActionType
from rules.models import Rule
from rules.queries.account import (
    ENOUGH_CAMPAIGNS,
    MOST_ACTIONS,
    MOST_STOPPED_DAYS,
    AccountAction,
    Around,
    Comparison,
    Fate,
    RuleAccount,
    Side,
)
from rules.queries.replay import Verdict
from stratum.lib.figures import before_and_now, format_money, format_multiple, format_number, signed
from stratum.lib.kpis import Kpi
from stratum.lib.ratios import MICRO
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import no_value, platform_mark, status_tag

COLUMNS = (
    Column("campaign", gettext_lazy("Campaign"), kind="main", sortable=True, required=True),
    Column("day", gettext_lazy("Day"), sortable=True),
    Column("change", gettext_lazy("Before → after")),
    Column("avoided", gettext_lazy("Spend avoided"), kind="number", sortable=True),
    Column("forgone", gettext_lazy("Revenue forgone"), kind="number"),
    Column("later", gettext_lazy("Later conversions"), kind="number", sortable=True),
    Column("later_revenue", gettext_lazy("Later revenue"), kind="number", sortable=True),
    Column("verdict", gettext_lazy("Verdict"), kind="status", sortable=True),
)
# What a column is sorted by; actions without a value come last either way.
ORDER: dict[str, Callable[[AccountAction], Any]] = {
    "day": lambda action: action.at,
    "campaign": lambda action: action.name.casefold(),
    "avoided": lambda action: action.worth,
    "later": lambda action: action.later_conversions,
    "later_revenue": lambda action: action.later_revenue,
    "verdict": lambda action: action.verdict.value if action.verdict else None,
}
_AROUND = (
    Column("spend", gettext_lazy("Spend"), kind="number"),
    Column("conversions", gettext_lazy("Conversions"), kind="number"),
    Column("revenue", gettext_lazy("Revenue"), kind="number"),
    Column("roas", gettext_lazy("ROAS"), kind="number"),
)
_STATES = {Verdict.RIGHT: "ok", Verdict.WRONG: "failed"}
FATE_STATES = {Fate.OPEN: "queued", Fate.FAILED: "failed"}


def columns_of(found: RuleAccount, rule: Rule) -> tuple[Column, ...]:
    """Without the columns that this rule does not fill."""
    unused = set() if _stops(found, rule) else {"avoided", "forgone"}
    if all(action.later_conversions is None for action in found.actions):
        unused.add("later")
    if all(action.later_revenue is None for action in found.actions):
        unused.add("later_revenue")
    return tuple(column for column in COLUMNS if column.key not in unused)


def _stops(found: RuleAccount, rule: Rule) -> bool:
    pauses = rule.action_type == ActionType.PAUSE_CAMPAIGN and (rule.action_config or {}).get("to") != "active"
    return pauses or found.pauses.number > 0


# --- Key figures ----------------------------------------------------------------------------------------------


def figures(found: RuleAccount, rule: Rule) -> list[Kpi]:
    later = found.later
    wrong = Kpi(
        _("Proved wrong"),
        format_number(later.wrong),
        reason="" if later.judged else _("No action can be judged."),
        foot=_("of %(count)s that can be judged") % {"count": format_number(later.judged)} if later.judged else "",
        notes=[(_("Meaning"), _("The numbers of today, over the same days, do not match the rule."))],
    )
    return [_acted_figure(found), *(_pause_figures(found) if _stops(found, rule) else []), _later_figure(found), wrong]


def _acted_figure(found: RuleAccount) -> Kpi:
    counts = found.counts
    on = ngettext("on %(count)s campaign", "on %(count)s campaigns", counts.campaigns)
    foot = [on % {"count": format_number(counts.campaigns)}]
    if counts.taken_back:
        foot.append(_("%(count)s taken back") % {"count": format_number(counts.taken_back)})
    if counts.failed:
        foot.append(_("%(count)s failed") % {"count": format_number(counts.failed)})
    meaning = _("Taken back are changes that a person undid, failed those that the platform refused.")
    notes = [(_("Meaning"), meaning)] if counts.changes else []
    return Kpi(_("Acted"), format_number(counts.acted), foot=", ".join(foot), notes=notes)


def _pause_figures(found: RuleAccount) -> list[Kpi]:
    main, *others = found.pauses.sums
    pauses = ngettext("%(count)s day stopped", "%(count)s days stopped", found.pauses.days)
    days = pauses % {"count": format_number(found.pauses.days)}
    pace = _("at a ROAS of %(roas)s before") % {"roas": format_multiple(main.before.roas)}
    rates = rate_notes(found.rates, main.currency)
    return [
        Kpi(
            _("Spend avoided"),
            _approximate(main.spend, main.currency),
            foot=_beside(days, [_approximate(one.spend, one.currency) for one in others]),
            notes=[(_("Estimate"), avoided_formula()), *rates],
        ),
        Kpi(
            _("Revenue forgone"),
            _approximate(main.revenue, main.currency),
            foot=_beside(pace, [_approximate(one.revenue, one.currency) for one in others]),
            notes=[(_("Estimate"), _("The same with revenue, as it is known now.")), *rates],
        ),
    ]


def _later_figure(found: RuleAccount) -> Kpi:
    """What came, and beside it what was taken away again: conversions where a figure stands on them, else revenue."""
    later = found.later
    notes = [
        (_("Meaning"), _("What was not there yet when the rule looked at these days.")),
        (_("Compared"), _("Days that several actions looked at count once.")),
    ]
    windows = ngettext("in %(count)s window", "in %(count)s windows", later.compared)
    windows %= {"count": format_number(later.compared)}
    gone = _("%(what)s taken away again")
    came = [signed(format_money(one.came, one.currency, whole=True), one.came) for one in later.revenue]
    lost = [gone % {"what": format_money(one.gone, one.currency, whole=True)} for one in later.revenue if one.gone]
    if not later.compared:
        return Kpi(_("Later conversions"), reason=_("No action can be compared."), notes=notes)
    if later.on_conversions:
        foot = [gone % {"what": _count(later.gone_micros)}] if later.gone_micros else []
        if later.on_revenue:
            foot += [_("%(amount)s revenue") % {"amount": amount} for amount in came] + lost
        return Kpi(_("Later conversions"), _more(later.came_micros), foot=", ".join(foot) or windows, notes=notes)
    foot = [*came[1:], *lost]
    return Kpi(_("Later revenue"), came[0], foot=", ".join(foot) or windows, notes=notes)


def _approximate(minor: int, currency: str) -> str:
    return f"≈ {format_money(minor, currency, whole=True)}" if minor else format_money(0, currency, whole=True)


def _beside(text: str, amounts: Sequence[str]) -> str:
    """Amounts in currencies without a rate stand beside the sum."""
    return _("%(text)s; and %(amounts)s") % {"text": text, "amounts": ", ".join(amounts)} if amounts else text


def _count(micros: int) -> str:
    count = Decimal(micros) / MICRO
    return format_number(count, 0 if count == count.to_integral_value() else 2)


def _more(micros: int) -> str:
    return signed(_count(micros), micros)


# --- The actions ----------------------------------------------------------------------------------------------


def action_rows(actions: Sequence[AccountAction], state: TableState, href: Callable[[int], str]) -> list[Row]:
    rows = []
    for action in actions:
        cells = _cells(action, href)
        shown = tuple(cells[column.key] for column in state.visible)
        rows.append(Row(str(action.execution_id), shown, name=action.name))
    return rows


def _cells(action: AccountAction, href: Callable[[int], str]) -> dict[str, Cell]:
    css = "immature" if action.settling else ""
    cells = {
        "campaign": Cell(action.name, sub=platform_mark(action.platform), href=href(action.campaign_id)),
        "day": Cell(date_format(action.day, "j M Y"), css="nowrap"),
        "change": Cell(result_words(action.did), sub=_fate(action)),
        "avoided": Cell(no_value(_("It stopped nothing on its platform."))),
        "later": Cell(_later(action.later_conversions, _more), css=css),
        "later_revenue": Cell(_later(action.later_revenue, _money_of(action.currency)), css=css),
        "verdict": Cell(_verdict(action), css=css),
    }
    cells["forgone"] = cells["avoided"]
    if action.stopped_days is not None:
        days = ngettext("%(count)s day stopped", "%(count)s days stopped", action.stopped_days)
        sub = days % {"count": action.stopped_days}
        cells["avoided"] = Cell(format_money(action.spend_avoided, action.currency), sub=sub)
        cells["forgone"] = Cell(format_money(action.revenue_forgone, action.currency), css=css)
    return cells


def _later(value: int | None, write: Callable[[int], str]) -> Any:
    return no_value(_("The rule’s figure does not stand on it.")) if value is None else write(value)


def _money_of(currency: str) -> Callable[[int], str]:
    return lambda minor: signed(format_money(minor, currency), minor)


def _verdict(action: AccountAction) -> Any:
    if action.verdict is None:
        return no_value(_("Only one test over full days, against a number, can be judged."))
    return status_tag(_STATES[action.verdict], action.verdict.label)


def _fate(action: AccountAction) -> Any:
    if action.fate is None or action.fate is Fate.APPLIED:
        return ""
    return status_tag(FATE_STATES.get(action.fate, "undone"), action.fate.label)


# --- Around: budgets, and the hold-out group ------------------------------------------------------------------


def around_table(element_id: str, caption: str, heads: tuple[str, str], sides: list[tuple[str, Side]]) -> Table:
    """Seven days before → seven days after. `heads` are what the rows are and what they count."""
    side, number = heads
    columns = (Column("side", side, kind="main", required=True), Column("number", number, kind="number"), *_AROUND)
    state = TableState.from_query({}, columns, default_sort="side")
    rows = [_around_row(f"{place}-{part.currency}", name, part) for place, name, part in _parts(sides)]
    return Table(element_id, caption, state, rows, path="", as_cards=True)


def _parts(sides: list[tuple[str, Side]]) -> Iterator[tuple[int, str, Around]]:
    for place, (name, side) in enumerate(sides):
        for part in side.sums:
            if part.number or part is side.main:
                yield place, name, part


def _around_row(key: str, name: str, part: Around) -> Row:
    before, after = part.before, part.after
    pairs = [
        (format_money(before.spend, part.currency), format_money(after.spend, part.currency)),
        (_count(before.conversions_micros), _count(after.conversions_micros)),
        (format_money(before.revenue, part.currency), format_money(after.revenue, part.currency)),
        (format_multiple(before.roas), format_multiple(after.roas)),
    ]
    cells = [Cell(name), Cell(format_number(part.number)), *(Cell(before_and_now(*pair)) for pair in pairs)]
    return Row(key, tuple(cells), name=name)


def comparison_words(found: Comparison) -> list[str]:
    """What the group says about the rule, and how much that is worth."""
    acted, held = found.acted.main, found.held_out.main
    words = []
    if found.difference is None:
        words.append(
            _("ROAS has no value on one of the sides: nothing was spent there. Spend and revenue can be compared.")
        )
    else:
        sides = {
            "acted": before_and_now(format_multiple(acted.before.roas), format_multiple(acted.after.roas)),
            "held": before_and_now(format_multiple(held.before.roas), format_multiple(held.after.roas)),
            "difference": signed(format_multiple(found.difference), found.difference),
        }
        words.append(
            _(
                "ROAS of the campaigns that it acted on: %(acted)s; of the hold-out group: %(held)s. "
                "The difference between the two changes is %(difference)s."
            )
            % sides
        )
    if not found.is_enough:
        text = _(
            "Too few to tell: it takes at least %(enough)s campaigns on each side, here are %(acted)s and %(held)s."
        )
        words.append(text % {"enough": ENOUGH_CAMPAIGNS, "acted": acted.number, "held": held.number})
    waiting = found.acted.waiting + found.held_out.waiting
    if waiting:
        text = ngettext(
            "Of %(count)s more campaign the 7 days after are not over yet.",
            "Of %(count)s more campaigns the 7 days after are not over yet.",
            waiting,
        )
        words.append(text % {"count": format_number(waiting)})
    return words


# --- How it is computed, and what is not final ----------------------------------------------------------------


def avoided_formula() -> str:
    return _(
        "(mean daily spend of the 7 full days before the pause) × (days stopped) − (what was spent on those days all "
        "the same)"
    )


def explanations(found: RuleAccount, rule: Rule) -> list[str]:
    """How the figures come about, as far as this rule has them."""
    said = []
    if _stops(found, rule):
        said += [
            _("Spend avoided is an estimate: %(formula)s.") % {"formula": avoided_formula()},
            _(
                "Days stopped run from the day after the pause to the day before the campaign was active again, in its "
                "account’s zone: %(most)s at most for each pause, and each day of a campaign once."
            )
            % {"most": MOST_STOPPED_DAYS},
        ]
    said.append(
        _(
            "What came later is the sum behind the rule’s figure as it is now, less what it was when the rule looked: "
            "the same campaign, the same days. What grew and what was taken away again stand apart."
        )
    )
    if found.raised.main.number or found.lowered.main.number:
        said.append(
            _("Budgets compare the 7 full days after a change with the 7 before it. Other things changed as well.")
        )
    if found.comparison:
        said.append(
            _(
                "Beside the hold-out group stand campaigns that the rule met for the first time in these days, the 7 "
                "full days before and after that, whether or not the change took hold."
            )
        )
    return said


def unsettled(found: RuleAccount) -> list[str]:
    """Which parts can still change, and why."""
    pauses, later = found.pauses, found.later
    around = [found.raised, found.lowered]
    both = [found.comparison.acted, found.comparison.held_out] if found.comparison else []
    said = [
        (pauses.holding, ngettext(
            "%(count)s pause goes on: it adds a day every day.",
            "%(count)s pauses go on: each adds a day every day.", pauses.holding)),
        (pauses.settling, ngettext(
            "Of %(count)s pause the 7 days before are not complete yet: its revenue forgone can still grow.",
            "Of %(count)s pauses the 7 days before are not complete yet: their revenue forgone can still grow.",
            pauses.settling)),
        (later.settling, ngettext(
            "%(count)s action looked at days that are not complete yet: what came later can still grow, and its "
            "verdict can change.",
            "%(count)s actions looked at days that are not complete yet: what came later can still grow, and their "
            "verdicts can change.", later.settling)),
        (waiting := sum(side.waiting for side in around), ngettext(
            "Of %(count)s change of a budget the 7 days after are not over yet: it is not counted.",
            "Of %(count)s changes of budgets the 7 days after are not over yet: they are not counted.", waiting)),
        (settling := sum(side.settling for side in [*around, *both]), ngettext(
            "Of %(count)s week after a change conversions still arrive: its ROAS is too low as yet.",
            "Of %(count)s weeks after a change conversions still arrive: their ROAS is too low as yet.", settling)),
    ]  # fmt: skip
    sentences = [text % {"count": format_number(count)} for count, text in said if count]
    if found.is_cut:
        text = _("Only the newest %(most)s actions are judged and listed. The counts count all.")
        sentences.append(text % {"most": format_number(MOST_ACTIONS)})
    if found.apart:
        text = _("No exchange rate on some of these days: %(currencies)s. Those sums stand by themselves.")
        sentences.append(text % {"currencies": ", ".join(found.apart)})
    return sentences
