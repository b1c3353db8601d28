"""The parser understands or refuses; sentences and explanations say the same thing that was stored."""

import json
from decimal import Decimal

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from rules.actions import action_parse
from rules.choices import Operator
from rules.conditions import (
    FIELDS,
    OPERATORS,
    ConditionError,
    ValueType,
    Window,
    parse_condition,
    parse_cooldown,
    parse_scope,
)
from rules.conditions.explanations import Explanation, WindowFacts
from rules.conditions.parsing import MAX_DURATION_HOURS
from rules.conditions.wording import actual_phrase, condition_phrase, reason, scope_phrase


def condition(field="roas", operator="less_than", value="1.5", duration_hours=48):
    return {"field": field, "operator": operator, "value": value, "duration_hours": duration_hours}


def test_schema_examples_are_understood():
    roas = parse_condition(condition())
    assert (roas.field.key, roas.operator, roas.value, roas.window) == (
        "roas",
        Operator.LESS_THAN,
        Decimal("1.5"),
        Window(2),
    )
    spend = parse_condition(condition("total_spend", "greater_than", "1000", 24))
    assert (spend.value, spend.window) == (Decimal(1000), Window(1))


@pytest.mark.parametrize(("hours", "days"), [(1, 1), (24, 1), (25, 2), (47, 2), (48, 2), (49, 3), (8760, 365)])
def test_hours_are_full_days_rounded_up(hours, days):
    assert parse_condition(condition(duration_hours=hours)).window == Window(days)


MALFORMED = {
    "no such field": (condition(field="rosa"), "field", "unknown_field"),
    "field is no text": (condition(field=3), "field", "unknown_field"),
    "field is a list": (condition(field=["roas"]), "field", "unknown_field"),
    "operator of texts on a figure": (condition(operator="contains"), "operator", "operator_not_allowed"),
    "operator of lists on a figure": (condition(operator="in", value="1,2"), "operator", "operator_not_allowed"),
    "operator of figures on a name": (condition("name", "less_than", "x"), "operator", "operator_not_allowed"),
    "no such operator": (condition(operator="below"), "operator", "operator_not_allowed"),
    "operator is null": (condition(operator=None), "operator", "operator_not_allowed"),
    "operator is a list": (condition(operator=["in"]), "operator", "operator_not_allowed"),
    "no value": (condition(value=""), "value", "value_missing"),
    "blank value": (condition(value="   "), "value", "value_missing"),
    "value is a number, not its text": (condition(value=1.5), "value", "value_not_text"),
    "value is null": (condition(value=None), "value", "value_not_text"),
    "words for a number": (condition(value="high"), "value", "value_not_number"),
    "decimal comma": (condition(value="1,5"), "value", "value_not_number"),
    "thousands mark": (condition(value="1,000"), "value", "value_not_number"),
    "two points": (condition(value="1.5.0"), "value", "value_not_number"),
    "exponent": (condition(value="1e3"), "value", "value_not_number"),
    "negative": (condition(value="-1"), "value", "value_not_number"),
    "infinite": (condition(value="Infinity"), "value", "value_not_number"),
    "not a number": (condition(value="NaN"), "value", "value_not_number"),
    "currency sign": (condition("spend", value="$100"), "value", "value_not_number"),
    "percent of a multiple": (condition(value="150%"), "value", "value_not_number"),
    "huge": (condition(value="1" * 13), "value", "value_not_number"),
    "too fine": (condition(value="0.0000001"), "value", "value_not_number"),
    "other digits": (condition(value="١٥"), "value", "value_not_number"),
    "half a day": (condition("days_running", value="1.5"), "value", "value_not_whole"),
    "unknown status": (condition("status", "equals", "stopped"), "value", "value_not_allowed"),
    "unknown platform in a list": (condition("platform", "in", "meta, myspace"), "value", "value_not_allowed"),
    "no currency": (condition("currency", "equals", "euro"), "value", "value_not_currency"),
    "only commas": (condition("labels", "in", ", ,"), "value", "list_empty"),
    "long list": (condition("labels", "in", ",".join(map(str, range(51)))), "value", "list_too_long"),
    "long value": (condition("name", "contains", "x" * 256), "value", "value_too_long"),
    "line break": (condition("name", "contains", "a\nb"), "value", "value_too_long"),
    "nul": (condition("name", "contains", "a\0b"), "value", "value_too_long"),
    "no hours": (condition(duration_hours=0), "duration_hours", "duration_out_of_range"),
    "negative hours": (condition(duration_hours=-24), "duration_hours", "duration_out_of_range"),
    "more than a year": (condition(duration_hours=MAX_DURATION_HOURS + 1), "duration_hours", "duration_out_of_range"),
    "hours as text": (condition(duration_hours="48"), "duration_hours", "duration_not_whole"),
    "hours as a fraction": (condition(duration_hours=1.5), "duration_hours", "duration_not_whole"),
    "hours as true": (condition(duration_hours=True), "duration_hours", "duration_not_whole"),
    "unknown key": ({**condition(), "unit": "usd"}, "condition", "unknown_key"),
    "missing key": ({"field": "roas", "operator": "equals", "value": "1"}, "duration_hours", "missing_key"),
    "nothing at all": ({}, "duration_hours", "missing_key"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_condition_names_its_place(case):
    raw, place, code = MALFORMED[case]
    with pytest.raises(ConditionError) as caught:
        parse_condition(raw)
    assert (caught.value.field, caught.value.code) == (place, code)
    assert str(caught.value).endswith((".", "?"))


def test_refused_operator_says_what_is_allowed():
    with pytest.raises(ConditionError) as caught:
        parse_condition(condition("name", "less_than", "x"))
    assert caught.value.allowed == ("contains", "equals", "not_equals", "in")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("platforms", []),
        ("platforms", ["myspace"]),
        ("platforms", "meta"),
        ("platforms", [1]),
        ("statuses", ["running"]),
        ("statuses", {}),
        ("campaigns", []),
        ("campaigns", ["12"]),
        ("campaigns", [True]),
        ("campaigns", list(range(5001))),
    ],
)
def test_malformed_scope_names_its_place(part, value):
    whole = {"platforms": None, "statuses": None, "campaigns": None}
    with pytest.raises(ConditionError) as caught:
        parse_scope(**{**whole, part: value})
    assert caught.value.field == part


@pytest.mark.parametrize("hours", [-1, 8761, 1.5, "24", None, True])
def test_malformed_cooldown_is_refused(hours):
    with pytest.raises(ConditionError) as caught:
        parse_cooldown(hours)
    assert caught.value.field == "cooldown_hours"


@pytest.mark.parametrize(
    ("action", "config", "place"),
    [
        ("notify_pigeons", {}, "action_type"),
        ("pause_campaign", {"to": "archived"}, "to"),
        ("explode", {}, "action_type"),
        (None, {}, "action_type"),
        ("apply_label", None, "action_config"),
        ("apply_label", ["Hot"], "action_config"),
        ("apply_label", {}, "label"),
        ("apply_label", {"label": " "}, "label"),
        ("apply_label", {"label": 3}, "label"),
        ("apply_label", {"label": "x" * 51}, "label"),
        ("apply_label", {"label": "Hot", "colour": "red"}, "action_config"),
        ("send_alert", {"severity": "loud"}, "severity"),
        ("send_alert", {"message": "x" * 501}, "message"),
        ("send_alert", {"message": None}, "message"),
        ("send_alert", {"to": "me"}, "action_config"),
    ],
)
def test_malformed_action_names_its_place(action, config, place):
    with pytest.raises(ConditionError) as caught:
        action_parse(action, config)
    assert caught.value.field == place


NUMBERS = st.decimals(min_value=0, max_value=Decimal("999999999999"), places=6).map(lambda number: f"{number:f}")


@given(
    field=st.sampled_from([one for one in FIELDS.values() if one.numeric and one.value_type is not ValueType.DAYS]),
    data=st.data(),
    text=NUMBERS,
    hours=st.integers(1, MAX_DURATION_HOURS),
)
def test_every_figure_is_read_exactly_and_written_back(field, data, text, hours):
    operator = data.draw(st.sampled_from(OPERATORS[field.value_type]))
    parsed = parse_condition(condition(field.key, operator.value, text, hours))
    assert parsed.value == Decimal(text)
    assert parsed.as_json() == condition(field.key, operator.value, text, hours)
    assert parse_condition(json.loads(json.dumps(parsed.as_json()))) == parsed
    if field.windowed:
        assert (parsed.window.days - 1) * 24 < hours <= parsed.window.days * 24


_JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300)


@given(
    raw=st.dictionaries(st.sampled_from(["field", "operator", "value", "duration_hours", "x"]), _JSON | st.lists(_JSON))
)
def test_anything_else_is_refused_with_a_place(raw):
    places = {"condition", "field", "operator", "value", "duration_hours"}
    refused = None
    try:
        parsed = parse_condition(raw)
    except ConditionError as error:
        refused = error
    assert refused.field in places if refused else parsed.field.key in FIELDS


@given(field=st.sampled_from(sorted(FIELDS)), operator=st.sampled_from(Operator.values), value=st.text(max_size=40))
def test_a_condition_is_understood_only_with_an_operator_of_its_type(field, operator, value):
    try:
        parsed = parse_condition(condition(field, operator, value))
    except ConditionError:
        return
    assert parsed.operator in FIELDS[field].operators
    assert condition_phrase(parsed)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (condition(), "ROAS over the last 2 full days is below 1.5×"),
        (condition("spend", "gte", "1000", 24), "spend over the last full day is at least 1,000"),
        (condition("ctr", "lte", "0.50 %", 168), "CTR over the last 7 full days is at most 0.50%"),
        (condition("name", "contains", "brand"), "the name contains “brand”"),
        (condition("labels", "contains", "summer"), "the labels include “summer”"),
        (condition("labels", "not_equals", "summer"), "the labels do not include “summer”"),
        (condition("status", "equals", "PAUSED"), "the status is Paused"),
        (condition("platform", "in", "meta,google"), "the platform is one of Meta, Google Ads"),
        (condition("currency", "equals", "eur"), "the currency is EUR"),
        (condition("conversions", "equals", "0", 72), "the number of conversions over the last 3 full days is 0"),
        (condition("days_running", "greater_than", "14"), "the time since the start is above 14 days"),
    ],
)
def test_a_condition_reads_as_english(raw, words):
    assert condition_phrase(parse_condition(raw)) == words


def test_a_condition_reads_with_the_readers_marks():
    with translation.override("de"):
        assert "1.000,5" in condition_phrase(parse_condition(condition("spend", "gte", "1000.5", 24)))


def test_scope_reads_as_english():
    assert scope_phrase(parse_scope(platforms=None, statuses=None, campaigns=None)) == "all campaigns"
    some = parse_scope(platforms=["meta", "google"], statuses=["active"], campaigns=None)
    assert scope_phrase(some) == "active campaigns on Meta, Google Ads"
    assert scope_phrase(parse_scope(platforms=None, statuses=None, campaigns=[3, 4])) == "2 chosen campaigns"


def explanation(**fields):
    window = WindowFacts(3, "2026-11-20", "2026-11-22", "Europe/Berlin", 3)
    defaults = {"field": "roas", "operator": "less_than", "needed": "1", "actual": "0.8", "window": window}
    return Explanation(**{**defaults, **fields})


def test_reasons_say_figure_days_and_condition():
    assert reason("acted", explanation()) == "ROAS: 0.80× on 20 – 22 Nov 2026. Condition: is below 1×."
    stale = reason("held_stale", explanation(data_through="2026-11-18"))
    assert stale == (
        "The account's numbers are complete up to 18 Nov 2026; the rule needs them up to 22 Nov 2026 (Europe/Berlin)."
    )
    missing = reason("no_match", explanation(actual=None, missing="no_spend"))
    assert "no value" in missing
    assert "nothing was spent" in missing


def test_money_is_shown_with_the_decimals_of_its_currency():
    assert actual_phrase(explanation(field="cpa", actual="12.345678", currency="USD")) == "$12.35"
    assert actual_phrase(explanation(field="spend", actual="1500", currency="JPY")) == "¥1,500"
    assert actual_phrase(explanation(field="spend", actual="1.234", currency="KWD")).endswith("1.234")


_EXPLANATIONS = st.builds(
    Explanation,
    field=st.sampled_from(sorted(FIELDS)),
    operator=st.sampled_from(Operator.values),
    needed=st.text(min_size=1, max_size=20),
    actual=st.none() | NUMBERS | st.lists(st.text(max_size=5), max_size=3),
    currency=st.sampled_from(["", "USD"]),
    missing=st.sampled_from(["", "no_spend"]),
    window=st.none() | st.just(WindowFacts(1, "2026-11-22", "2026-11-22", "UTC", 1)),
    parts=st.dictionaries(st.sampled_from(["clicks", "spend_cents"]), st.integers(0, 2**62)),
    data_through=st.sampled_from(["", "2026-11-22"]),
    allowed_again_at=st.sampled_from(["", "2026-11-24T09:00:00+00:00"]),
)


@given(_EXPLANATIONS)
def test_explanations_survive_json(one):
    assert Explanation.from_json(json.loads(json.dumps(one.as_json()))) == one


@pytest.mark.parametrize(
    "raw",
    [
        {"actual": "1"},
        {**explanation().as_json(), "mood": "good"},
        {**explanation().as_json(), "version": 2},
        {**explanation().as_json(), "window": {"days": 1}},
        {**explanation().as_json(), "window": 3},
    ],
)
def test_a_foreign_explanation_is_refused(raw):
    with pytest.raises(ValueError):
        Explanation.from_json(raw)
