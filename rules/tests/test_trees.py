"""Condition trees: what is read, what is refused and where, and that sentences read back as the same tree."""

import pytest
from hypothesis import assume, given

from rules.conditions import ConditionError, Group, leaves, node_json, parse_tree
from rules.conditions.text import TextError, parse_text, write_text
from rules.conditions.trees import MAX_DEPTH, MAX_TESTS
from rules.tests.trees import trees

ROAS = {
    "field": "roas",
    "operator": "less_than",
    "window": {"kind": "last_n_full_days", "days": 3},
    "value": "1.5",
}


def parsed(raw):
    try:
        return parse_tree(raw)
    except ConditionError as error:
        assume(error.code != "tree_too_large")
        raise


@given(trees())
def test_json_reads_back_as_the_same_tree(raw):
    tree = parsed(raw)
    assert parse_tree(node_json(tree)) == tree


@given(trees())
def test_sentence_reads_back_as_the_same_tree(raw):
    tree = parsed(raw)
    assert parse_text(write_text(tree)) == tree


def test_a_sentence_as_a_person_writes_it():
    tree = parse_text(
        'CPA over the last 3 full days is above 1.2 × the account average and (status is "Active" or labels contains '
        '"always on") and spend over the month to date is between 100 and 500'
    )
    assert isinstance(tree, Group)
    assert [test.field.key for test in leaves(tree)] == ["cpa", "status", "labels", "spend"]
    assert write_text(tree).startswith("cpa over the last 3 full days is above 1.2 × the account average and (status")


def test_and_binds_more_tightly_than_or():
    text = "clicks over today is above 1 or clicks over today is above 2 and clicks over today is above 3"
    assert node_json(parse_text(text)).keys() == {"any"}
    assert parse_text(text) == parse_text(text.replace("or ", "or (") + ")")


@pytest.mark.parametrize(
    ("text", "offset", "hint"),
    [
        ("", 0, "spend"),
        ("roas is below 1", 0, ""),
        ("profit over today is above 1", 0, "roas"),
        ("roas over yesterday is below 1", 10, "the last 3 full days"),
        ("roas over today resembles 1", 16, "is below"),
        ("roas over today is below", 24, ""),
        ("roas over today is below 1 but spend over today is above 2", 27, "and"),
        ("(roas over today is below 1", 27, ")"),
        ("status is active", 10, ""),
        ('status is "sleeping"', 0, "active"),
        ("roas over the last 0 full days is below 1", 0, ""),
        ("roas over today is below 1 ; drop", 27, ""),
        ("roas over today is below 2 × the moon average", 33, "account average"),
        ("roas over today is below 2 × spend over today", 0, ""),
        ("spend over today is between 5 or 6", 30, "and"),
        ("spend over its lifetime has risen by at least 20%", 0, ""),
        ("labels contains \"unfinished", 16, ""),
    ],
)  # fmt: skip
def test_sentence_that_cannot_be_read_is_refused_at_its_place(text, offset, hint):
    with pytest.raises(TextError) as refused:
        parse_text(text)
    assert refused.value.offset == offset
    assert hint in " ".join(refused.value.allowed) or not hint
    assert str(refused.value)


@pytest.mark.parametrize(
    ("raw", "place", "code"),
    [
        ([], "condition", "not_an_object"),
        ({"all": []}, "all", "group_empty"),
        ({"all": [ROAS], "any": [ROAS]}, "all", "unknown_key"),
        ({"all": [ROAS, {**ROAS, "value": "much"}]}, "all[1].value", "value_not_number"),
        ({"any": [{"all": [{**ROAS, "field": "profit"}]}]}, "any[0].all[0].field", "unknown_field"),
        ({**ROAS, "operator": "contains"}, "operator", "operator_not_allowed"),
        ({**ROAS, "window": {"kind": "last_week"}}, "window", "window_unknown"),
        ({**ROAS, "window": {"kind": "last_n_full_days"}}, "window.days", "window_days"),
        ({**ROAS, "window": {"kind": "last_n_full_days", "days": 366}}, "window.days", "window_days"),
        ({**ROAS, "window": {"kind": "today", "days": 1}}, "window.days", "window_days"),
        ({**ROAS, "window": None}, "window", "window_unknown"),
        ({**ROAS, "surprise": 1}, "surprise", "unknown_key"),
        ({key: value for key, value in ROAS.items() if key != "value"}, "value", "right_side"),
        ({**ROAS, "average": {"of": "account"}}, "value", "right_side"),
        ({**ROAS, "operator": "between"}, "value", "between_two"),
        ({**ROAS, "operator": "between", "value": ["2", "1"]}, "value", "between_order"),
        ({**ROAS, "operator": "top", "value": "0"}, "value", "share_invalid"),
        ({**ROAS, "operator": "falls_by", "value": "120"}, "value", "percent_invalid"),
        ({**ROAS, "each_day": "yes"}, "each_day", "each_day_invalid"),
        ({**ROAS, "window": {"kind": "month_to_date"}, "each_day": True}, "each_day", "each_day_window"),
        ({**ROAS, "operator": "top", "value": "3", "each_day": True}, "each_day", "each_day_operator"),
        ({"field": "status", "operator": "equals", "value": "paused", "window": {"kind": "today"}}, "window",
         "window_not_allowed"),
    ],
)  # fmt: skip
def test_tree_that_cannot_be_read_is_refused_at_its_place(raw, place, code):
    with pytest.raises(ConditionError) as refused:
        parse_tree(raw)
    assert (refused.value.field, refused.value.code) == (place, code)


def without_value(**side):
    return {**{key: value for key, value in ROAS.items() if key != "value"}, **side}


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (without_value(metric={"field": "spend", "window": {"kind": "today"}}), "metric.field"),
        (without_value(metric={"field": "roas"}), "metric.window"),
        (without_value(metric={"field": "roas", "window": {"kind": "today"}, "factor": "0"}), "metric.factor"),
        (without_value(average={"of": "moon"}), "average.of"),
        (without_value(average={"of": "account", "factor": "-1"}), "average.factor"),
    ],
)
def test_right_side_that_cannot_be_read_is_refused_at_its_place(raw, place):
    with pytest.raises(ConditionError) as refused:
        parse_tree(raw)
    assert refused.value.field == place


def test_trees_have_an_end():
    deep = ROAS
    for _level in range(MAX_DEPTH):
        deep = {"all": [deep]}
    parse_tree(deep)
    with pytest.raises(ConditionError) as refused:
        parse_tree({"any": [deep]})
    assert refused.value.code == "tree_too_deep"
    with pytest.raises(ConditionError) as refused:
        parse_tree({"all": [ROAS] * (MAX_TESTS + 1)})
    assert refused.value.code == "tree_too_large"
