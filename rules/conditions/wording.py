"""Rules and their outcomes in words. Everything here is translated when it is shown, never stored as a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.choices import CampaignStatus, Platform
from rules.choices import Extended, Operator, Outcome
from rules.conditions.explanations import Explanation, WindowFacts
from rules.conditions.fields import FIELDS, Field, Missing, ValueType
from rules.conditions.parsing import Average, Condition, Metric, Range, Share
from rules.conditions.schedules import ACCOUNT, ALL_DAYS, DAY, WEEK, Schedule
from rules.conditions.scopes import Scope
from rules.conditions.specs import RuleSpec
from rules.conditions.trees import Group, Node, parse_tree
from rules.conditions.windows import HOURS_PER_DAY, Window, WindowKind
from stratum.lib.date_ranges import span_text
from stratum.lib.figures import format_money, format_multiple, format_number, format_percent
from stratum.lib.money import decimals

MISSING_WORDS: dict[str, Promise] = {
    Missing.NO_IMPRESSIONS: gettext_lazy("there were no impressions"),
    Missing.NO_CLICKS: gettext_lazy("there were no clicks"),
    Missing.NO_CONVERSIONS: gettext_lazy("there were no conversions"),
    Missing.NO_SPEND: gettext_lazy("nothing was spent"),
    Missing.NO_BUDGET: gettext_lazy("the campaign has no daily budget"),
    Missing.COMPLETENESS: gettext_lazy("it is not known yet which days are complete"),
    Missing.NO_START: gettext_lazy("the start date is not known"),
    Missing.NO_CHANGE: gettext_lazy("no change of it is known"),
    Missing.NO_CREATIVE: gettext_lazy("no creative of it has been measured"),
    Missing.NO_TARGET: gettext_lazy("no target is set"),
    Missing.NO_FORECAST: gettext_lazy("there is no forecast of it"),
}
_FIXED_WINDOWS: dict[str, Promise] = {
    WindowKind.TODAY: gettext_lazy("today"),
    WindowKind.MONTH_TO_DATE: gettext_lazy("the month to date"),
    WindowKind.LIFETIME: gettext_lazy("its lifetime"),
}
_LABEL_OPERATORS: dict[Operator, Promise] = {
    Operator.CONTAINS: gettext_lazy("include"),
    Operator.NOT_EQUALS: gettext_lazy("do not include"),
    Operator.IN: gettext_lazy("include one of"),
}

EVERY_WORDS: dict[str, Promise] = {
    "15m": gettext_lazy("every 15 minutes"),
    "30m": gettext_lazy("every 30 minutes"),
    "1h": gettext_lazy("every hour"),
    "3h": gettext_lazy("every 3 hours"),
    "6h": gettext_lazy("every 6 hours"),
    "12h": gettext_lazy("every 12 hours"),
    DAY: gettext_lazy("once a day"),
    WEEK: gettext_lazy("once a week"),
}
WEEKDAYS: tuple[tuple[str, Promise | str], ...] = tuple((str(number), name) for number, name in WEEKDAYS_ABBR.items())

_GATED = (
    Outcome.CAP,
    Outcome.CONFLICT_LOST,
    Outcome.PROTECTED,
    Outcome.AWAITING_APPROVAL,
    Outcome.ALREADY_IN_STATE,
    Outcome.SHADOW,
)
_GATE_WORDS: dict[str, Promise] = {
    "no_budget": gettext_lazy("No daily budget is known for this campaign."),
    "under_way": gettext_lazy("A change of it is on its way already."),
    "frozen": gettext_lazy("All automatic changes are frozen."),
    "label": gettext_lazy("It carries the label “protected”: no rule changes it."),
    "holdout": gettext_lazy("This campaign is in the rule’s hold-out group: it is left alone, for comparison."),
}


def sentence(spec: RuleSpec) -> str:
    """'When ROAS over the last 2 full days is below 1.5×, apply the label “Stop loss”.'"""
    return _("When %(condition)s, %(action)s.") % {
        "condition": condition_phrase(spec.condition),
        "action": spec.action.phrase(),
    }


def condition_phrase(node: Node) -> str:
    """'ROAS over the last 2 full days is below 1.5× and (spend … or clicks …)'."""
    if isinstance(node, Condition):
        return _test_phrase(node)
    parts = [
        f"({condition_phrase(part)})" if isinstance(part, Group) and len(part.parts) > 1 else condition_phrase(part)
        for part in node.parts
    ]
    joined = parts[0]
    for part in parts[1:]:
        template = _("%(first)s and %(second)s") if node.mode == "all" else _("%(first)s or %(second)s")
        joined = template % {"first": joined, "second": part}
    return joined


def _test_phrase(test: Condition) -> str:
    parts = {
        "field": test.field.phrase or test.field.label,
        "operator": operator_phrase(test.field, test.operator),
        "value": right_phrase(test),
    }
    if test.window is None:
        return _("%(field)s %(operator)s %(value)s") % parts
    parts["window"] = window_phrase(test.window)
    if test.each_day:
        return _("%(field)s on each of %(window)s %(operator)s %(value)s") % parts
    return _("%(field)s over %(window)s %(operator)s %(value)s") % parts


def figure_phrase(test: Condition) -> str:
    """'ROAS over the last 3 full days': what a test is about, standing by itself."""
    words = {"field": _capitalised(test.field)}
    if test.window is None:
        return words["field"]
    words["window"] = window_phrase(test.window)
    return (_("%(field)s on each of %(window)s") if test.each_day else _("%(field)s over %(window)s")) % words


def right_phrase(test: Condition) -> str:
    """What a test compares with."""
    if isinstance(test.right, Metric):
        words = {"factor": _as_written(f"{test.right.factor:f}"), "field": test.right.field.label}
        if test.right.window is None:
            return _("%(factor)s × %(field)s") % words
        return _("%(factor)s × %(field)s over %(window)s") % {**words, "window": window_phrase(test.right.window)}
    if isinstance(test.right, Average):
        template = (
            _("%(factor)s × the account’s average")
            if test.right.of == "account"
            else _("%(factor)s × the platform’s average")
        )
        return template % {"factor": _as_written(f"{test.right.factor:f}")}
    if isinstance(test.right, Range):
        ends = (test.right.low, test.right.high)
        low, high = (needed_phrase(test.field, Operator.GTE, f"{one:f}") for one in ends)
        return _("%(low)s and %(high)s") % {"low": low, "high": high}
    if test.operator in (Extended.RISES_BY, Extended.FALLS_BY):
        return _("%(percent)s%% against the time before") % {"percent": _as_written(test.text)}
    if isinstance(test.right, Share):
        return test.text
    return needed_phrase(test.field, test.operator, test.text)


def window_phrase(window: Window) -> str:
    """'the last 3 full days', 'today', 'the month to date'."""
    if window.kind is WindowKind.LAST_N_FULL_DAYS:
        return days_phrase(window.days)
    if window.kind is WindowKind.LAST_N_COMPLETE_DAYS:
        text = ngettext("the last complete day", "the last %(days)s complete days", window.days)
        return text % {"days": window.days}
    if window.kind is WindowKind.LAST_N_DAYS_INCL_TODAY:
        text = ngettext("the last %(days)s day including today", "the last %(days)s days including today", window.days)
        return text % {"days": window.days}
    return str(_FIXED_WINDOWS[window.kind])


def operator_phrase(field: Field, operator: Operator | Extended) -> str:
    if field.value_type is ValueType.LABELS and isinstance(operator, Operator):
        return str(_LABEL_OPERATORS[operator])
    return str(operator.label)


def days_phrase(days: int) -> str:
    return ngettext("the last full day", "the last %(days)s full days", days) % {"days": days}


def needed_phrase(field: Field, operator: Operator | Extended, text: str) -> str:
    """The value a condition compares with, as its author wrote it, with the unit that the field has."""
    if field.numeric:
        number = _as_written(text.removesuffix("%").strip())
        if field.value_type is ValueType.DAYS:
            return ngettext("%(days)s day", "%(days)s days", int(Decimal(text))) % {"days": number}
        return {ValueType.PERCENT: f"{number}%", ValueType.MULTIPLE: f"{number}×"}.get(field.value_type, number)
    names = [item.strip() for item in text.split(",") if item.strip()] if operator is Operator.IN else [text]
    return ", ".join(_name(field, name) for name in names)


def scope_phrase(scope: Scope) -> str:
    """'active campaigns on Meta, Google Ads'."""
    if scope.campaign_ids is not None:
        count = len(scope.campaign_ids)
        campaigns = ngettext("%(count)s chosen campaign", "%(count)s chosen campaigns", count) % {"count": count}
    elif scope.statuses is None:
        campaigns = _("all campaigns")
    else:
        campaigns = _("%(statuses)s campaigns") % {"statuses": _listed(CampaignStatus.choices, scope.statuses).lower()}
    if scope.campaign_ids is not None and scope.statuses is not None:
        campaigns = _("%(campaigns)s while %(statuses)s") % {
            "campaigns": campaigns,
            "statuses": _listed(CampaignStatus.choices, scope.statuses).lower(),
        }
    if scope.platforms is None:
        return campaigns
    return _("%(campaigns)s on %(platforms)s") % {
        "campaigns": campaigns,
        "platforms": _listed(Platform.choices, scope.platforms),
    }


def cooldown_phrase(hours: int) -> str:
    """How long a rule leaves a campaign alone after acting on it: '24 hours', '7 days'."""
    if hours == 0:
        return _("none")
    if hours % HOURS_PER_DAY == 0 and hours > HOURS_PER_DAY:
        days = hours // HOURS_PER_DAY
        return ngettext("%(days)s day", "%(days)s days", days) % {"days": days}
    return ngettext("%(hours)s hour", "%(hours)s hours", hours) % {"hours": hours}


def schedule_phrase(schedule: Schedule | None) -> str:
    """'every hour on Mon, Tue from 09:00 to 18:00, by each account’s clock'."""
    if schedule is None:
        return _("every 15 minutes")
    words = [str(EVERY_WORDS[schedule.every])]
    if schedule.days != ALL_DAYS:
        names = dict(WEEKDAYS)
        words.append(_("on %(days)s") % {"days": ", ".join(str(names[str(day)]) for day in sorted(schedule.days))})
    if schedule.at is not None:
        words.append(_("at %(time)s") % {"time": f"{schedule.at:%H:%M}"})
    if schedule.hours is not None:
        start, end = schedule.hours
        words.append(_("from %(start)s to %(end)s") % {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}"})
    clock = _("by each account’s clock") if schedule.zone == ACCOUNT else _("by the workspace’s clock")
    return f"{' '.join(words)}, {clock}"


def holdout_phrase(percent: int) -> str:
    """What a hold-out group means for the campaigns of a rule."""
    return _("%(percent)s%% of its campaigns, always the same ones, are left alone for comparison") % {
        "percent": percent
    }


def reason(outcome: str, explanation: Explanation, *, error: str = "") -> str:
    """Why a check ended with this outcome, in one sentence with its figures."""
    if outcome == Outcome.FAILED:
        return error or gate_phrase(explanation) or _("The action could not be carried out.")
    if outcome == Outcome.HELD_STALE:
        return _stale_reason(explanation)
    if outcome == Outcome.HELD_EVIDENCE and explanation.missing == Missing.COMPLETENESS:
        return _(
            "It is not known yet how fast conversions come in here, so nobody can say which days are complete. "
            "Stratum learns it from the restatements of the coming weeks."
        )
    reading = " ".join(reading_phrase(one) for one in (explanation, *_agreeing(explanation)))
    if outcome == Outcome.HELD_EVIDENCE:
        return f"{reading} {evidence_phrase(explanation)}"
    if outcome == Outcome.COOLDOWN and explanation.allowed_again_at:
        return _("%(reading)s Acts again from %(moment)s.") % {
            "reading": reading,
            "moment": _moment(explanation.allowed_again_at),
        }
    if outcome in _GATED:
        stopped = gate_phrase(explanation) or error
        if stopped:
            return f"{reading} {stopped}"
    if outcome == Outcome.ALREADY_IN_STATE:
        return _("%(reading)s There is nothing left to change.") % {"reading": reading}
    return reading


def gate_phrase(explanation: Explanation) -> str:
    """Why a gate before a platform's change stopped the rule; empty where no gate noted anything."""
    gate = explanation.gate
    if "winner" in gate:
        return _("The rule “%(rule)s” comes first and changes the same thing.") % {"rule": gate["name"]}
    if "share" in gate:
        return _share_phrase(gate)
    why = gate.get("why", "")
    if why == "changes":
        text = ngettext(
            "It was changed %(changes)s time in the last 24 hours; %(most)s are allowed, people and rules together.",
            "It was changed %(changes)s times in the last 24 hours; %(most)s are allowed, people and rules together.",
            gate["changes"],
        )
        return text % {"changes": gate["changes"], "most": gate["most"]}
    if why == "budget":
        text = _("The budget would be more than %(most)s%% away from what it was 24 hours ago.")
        return text % {"most": gate["most"]}
    if why == "currency":
        text = _("The campaign’s budget is in %(currency)s, the rule’s floor and ceiling are not.")
        return text % {"currency": gate["currency"]}
    return str(_GATE_WORDS.get(why, ""))


def _share_phrase(gate: Mapping[str, Any]) -> str:
    """Of what a rule would change at once, and that it asks first."""
    words = {"share": gate["share"], "most": gate["most"], "count": format_number(gate["campaigns"])}
    if gate["of"] == "spend":
        text = ngettext(
            "It would change %(count)s campaign with %(share)s%% of the spend of the last 7 full days. "
            "Above %(most)s%% a person decides.",
            "It would change %(count)s campaigns with %(share)s%% of the spend of the last 7 full days. "
            "Above %(most)s%% a person decides.",
            gate["campaigns"],
        )
    else:
        text = ngettext(
            "It would change %(count)s campaign, %(share)s%% of all. Above %(most)s%% a person decides.",
            "It would change %(count)s campaigns, %(share)s%% of all. Above %(most)s%% a person decides.",
            gate["campaigns"],
        )
    return text % words


def evidence_phrase(explanation: Explanation) -> str:
    """'76 % sure, 90 % are needed: about 6 more conversions at this rate would do.'"""
    evidence = explanation.evidence
    words = {
        "sure": format_percent(float(evidence["confidence"]), 0),
        "needed": format_percent(float(evidence["needed"]), 0),
    }
    text = _("%(sure)s sure, %(needed)s are needed.") % words
    more = evidence.get("more")
    if more is None:
        return text
    if evidence["events"] == "clicks":
        needs = ngettext("Needs about %(more)s more click.", "Needs about %(more)s more clicks.", more)
    else:
        needs = ngettext("Needs about %(more)s more conversion.", "Needs about %(more)s more conversions.", more)
    return f"{text} {needs % {'more': format_number(more)}}"


def _agreeing(explanation: Explanation) -> list[Explanation]:
    """The other tests of a tree that came out as the one that decided: together they are the reason."""
    return [one for one in explanation.also if one.holds == explanation.holds]


def reading_phrase(explanation: Explanation) -> str:
    """'ROAS: 0.80× on 20 – 22 Nov 2026. Condition: is below 1×.'"""
    field = FIELDS.get(explanation.field)
    if field is None:
        return _("The field “%(field)s” is not known any more.") % {"field": explanation.field}
    asked = _asked_phrase(field, explanation)
    words = {"field": _capitalised(field), "days": _days(explanation.window), "asked": asked}
    if explanation.missing:
        why = MISSING_WORDS[explanation.missing]
        if explanation.window is None:
            return _("%(field)s has no value: %(why)s. A figure without a value matches nothing.") % {
                **words,
                "why": why,
            }
        return _("%(field)s has no value on %(days)s: %(why)s. A figure without a value matches nothing.") % {
            **words,
            "why": why,
        }
    words["actual"] = actual_phrase(explanation)
    if explanation.window is None:
        return _("%(field)s: %(actual)s. Condition: %(asked)s.") % words
    return _("%(field)s: %(actual)s on %(days)s. Condition: %(asked)s.") % words


def _asked_phrase(field: Field, explanation: Explanation) -> str:
    """'is below 1×'; of what the simple condition cannot say, with the figure it was compared with."""
    if not explanation.test:
        operator = Operator(explanation.operator)
        value = needed_phrase(field, operator, explanation.needed)
    else:
        test = parse_tree(explanation.test)
        assert isinstance(test, Condition)  # explanations are about single tests
        operator, value = test.operator, right_phrase(test)  # type: ignore[assignment]  # either kind has a label
        if explanation.right:
            shown = actual_phrase(replace(explanation, actual=explanation.right))
            value = _("%(value)s (%(figure)s)") % {"value": value, "figure": shown}
    return _("%(operator)s %(value)s") % {"operator": operator_phrase(field, operator), "value": value}


def actual_phrase(explanation: Explanation) -> str:
    """The figure that was found, in its unit and currency; an en dash when there is none."""
    field = FIELDS.get(explanation.field)
    actual = explanation.actual
    if actual is None or field is None:
        return "–"
    if isinstance(actual, list):
        return ", ".join(f"“{label}”" for label in actual) if actual else _("none")
    if not field.numeric:
        return _name(field, actual)
    number = Decimal(actual)
    if field.value_type is ValueType.MONEY:
        places = decimals(explanation.currency)
        return format_money(number.scaleb(places), explanation.currency, places)
    if field.value_type is ValueType.PERCENT:
        return f"{format_number(number, 2)}%"
    if field.value_type is ValueType.MULTIPLE:
        return format_multiple(number)
    return format_number(number, 0 if number == number.to_integral_value() else 2)


def parts_facts(explanation: Explanation) -> list[tuple[str, str]]:
    """The sums behind a figure as (name, figure) pairs, for 'how it was computed'."""
    return [
        (_component_label(key), _component(key, value, explanation.currency))
        for key, value in explanation.parts.items()
    ]


def _component(key: str, value: int, currency: str) -> str:
    if key in {"spend_cents", "revenue_cents", "budget_cents"}:
        return format_money(value, currency, decimals(currency))
    if key == "conversions_micros":
        count = Decimal(value).scaleb(-6)
        return format_number(count, 0 if count == count.to_integral_value() else 2)
    return format_number(value)


def _component_label(key: str) -> str:
    return {
        "impressions": _("Impressions"),
        "clicks": _("Clicks"),
        "conversions_micros": _("Conversions"),
        "spend_cents": _("Spend"),
        "budget_cents": _("Budget"),
        "revenue_cents": _("Revenue"),
    }[key]


def _stale_reason(explanation: Explanation) -> str:
    window = explanation.window
    words = {
        "end": _day(window.end) if window else "",
        "zone": window.zone if window else "",
        "through": _day(explanation.data_through) if explanation.data_through else "",
    }
    if not explanation.data_through:
        return (
            _("There are no complete numbers of this account yet; the rule needs them up to %(end)s (%(zone)s).")
            % words
        )
    return (
        _("The account's numbers are complete up to %(through)s; the rule needs them up to %(end)s (%(zone)s).") % words
    )


def _days(window: WindowFacts | None) -> str:
    if window is None:
        return ""
    return span_text(date.fromisoformat(window.start), date.fromisoformat(window.end))


def _day(iso: str) -> str:
    return span_text(date.fromisoformat(iso), date.fromisoformat(iso))


def _moment(iso: str) -> str:
    return date_format(timezone.localtime(datetime.fromisoformat(iso)), "j M, H:i")


def _as_written(number: str) -> str:
    """A stored number ('1000.5') with the reader's marks and as many decimals as were written."""
    whole, _point, fraction = number.partition(".")
    return format_number(Decimal(number), len(fraction)) if whole else number


def _name(field: Field, value: str) -> str:
    if field.value_type is ValueType.CHOICE:
        return str(dict(field.choices).get(value.casefold(), value))
    return value.upper() if field.value_type is ValueType.CODE else f"“{value}”"


def _capitalised(field: Field) -> str:
    label = str(field.label)
    return label[:1].upper() + label[1:]


def _listed(choices: Sequence[tuple[str, object]], chosen: frozenset[str]) -> str:
    return ", ".join(str(label) for key, label in choices if key in chosen)
