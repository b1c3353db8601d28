"""Hypothesis strategies for condition trees, as JSON."""

from hypothesis import strategies as st

from rules.choices import Extended, Operator
from rules.conditions import FIELDS
from rules.conditions.fields import BUDGET, ValueType

NUMBERS = st.decimals(0, 9_999, places=2).map(lambda number: f"{number:f}")
FACTORS = st.decimals("0.01", 20, places=2).map(lambda number: f"{number:f}")
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs")), min_size=1, max_size=12).filter(
    lambda text: text.strip() and text == text.strip() and text.isprintable()
)
WINDOWS = st.one_of(
    st.builds(
        lambda kind, days: {"kind": kind, "days": days},
        st.sampled_from(["last_n_full_days", "last_n_complete_days", "last_n_days_incl_today"]),
        st.integers(1, 9),
    ),
    st.sampled_from([{"kind": "today"}, {"kind": "month_to_date"}, {"kind": "lifetime"}]),
)
DAY_WINDOWS = WINDOWS.filter(lambda window: window["kind"] != "lifetime")
COUNTED_WINDOWS = WINDOWS.filter(lambda window: "days" in window)
NUMERIC = [field for field in FIELDS.values() if field.numeric]
WORDED = [field for field in FIELDS.values() if not field.numeric]
PLAIN = [Operator.LESS_THAN, Operator.LTE, Operator.GREATER_THAN, Operator.GTE, Operator.EQUALS, Operator.NOT_EQUALS]


def windows_of(field):
    """A daily budget has no lifetime."""
    return DAY_WINDOWS if BUDGET in field.components else WINDOWS


@st.composite
def numeric_tests(draw):
    field = draw(st.sampled_from(NUMERIC))
    test = {"field": field.key}
    if field.windowed:
        test["window"] = draw(windows_of(field))
    changes = field.windowed and test["window"]["kind"] != "lifetime"
    kinds = ["number", "between", "average", "metric", "rank", *(["change"] if changes else [])]
    kind = draw(st.sampled_from(kinds))
    whole = field.value_type is ValueType.DAYS
    numbers = st.integers(0, 400).map(str) if whole else NUMBERS
    if kind == "number":
        test |= {"operator": draw(st.sampled_from(PLAIN)).value, "value": draw(numbers)}
        if field.windowed and "days" in test["window"] and draw(st.booleans()):
            test["each_day"] = True
    elif kind == "between":
        low, high = sorted([draw(numbers), draw(numbers)], key=float)
        test |= {"operator": Extended.BETWEEN.value, "value": [low, high]}
    elif kind == "average":
        average = {"of": draw(st.sampled_from(["account", "platform"])), "factor": draw(FACTORS)}
        test |= {"operator": draw(st.sampled_from(PLAIN)).value, "average": average}
    elif kind == "metric":
        other = draw(st.sampled_from([one for one in NUMERIC if one.value_type is field.value_type]))
        metric = {"field": other.key, "factor": draw(FACTORS)}
        if other.windowed:
            metric["window"] = draw(windows_of(other))
        test |= {"operator": draw(st.sampled_from(PLAIN)).value, "metric": metric}
    elif kind == "rank":
        value = draw(st.one_of(st.integers(1, 20).map(str), st.integers(1, 100).map(lambda share: f"{share}%")))
        test |= {"operator": draw(st.sampled_from([Extended.TOP, Extended.BOTTOM])).value, "value": value}
    else:
        operator = draw(st.sampled_from([Extended.RISES_BY, Extended.FALLS_BY]))
        test |= {"operator": operator.value, "value": str(draw(st.integers(1, 100)))}
    return test


@st.composite
def worded_tests(draw):
    field = draw(st.sampled_from(WORDED))
    operator = draw(st.sampled_from(field.operators))
    if field.choices:
        word = st.sampled_from([key for key, _label in field.choices])
    elif field.value_type is ValueType.CODE:
        word = st.sampled_from(["USD", "EUR", "JPY"])
    else:
        word = NAMES
    value = ", ".join(draw(st.lists(word, min_size=1, max_size=3, unique=True)))
    return {"field": field.key, "operator": operator.value, "value": value if operator == "in" else draw(word)}


TESTS = st.one_of(numeric_tests(), worded_tests())


def trees(depth: int = 4):
    """Trees of at most `depth` groups above a test."""
    groups = TESTS
    for _level in range(depth):
        below = groups
        groups = st.one_of(
            TESTS,
            st.builds(
                lambda mode, parts: {mode: parts},
                st.sampled_from(["all", "any"]),
                st.lists(below, min_size=1, max_size=3),
            ),
        )
    return groups
