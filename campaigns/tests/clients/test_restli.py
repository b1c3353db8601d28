"""Rest.li's notation, compared with what LinkedIn's own library writes."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from linkedin_api.clients.restli.utils.encoder import encode, param_encode

from campaigns.clients import restli

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.booleans() | st.integers() | TEXTS,
    # The library sorts keys; ours keeps their order, which only shows when they are out of it.
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXTS, inner, max_size=4).map(lambda found: dict(sorted(found.items())))
    ),
    max_leaves=12,
)


@given(VALUES)
def test_values_are_written_as_linkedin_writes_them(value):
    assert restli.encoded(value) == encode(value)


@given(st.dictionaries(st.from_regex(r"[a-zA-Z]{1,8}", fullmatch=True), VALUES, max_size=4))
def test_queries_are_written_as_linkedin_writes_them(params):
    ordered = dict(sorted(params.items()))
    assert restli.query(ordered) == param_encode(ordered)


def test_syntax_is_literal_and_urns_are_encoded():
    params = {
        "q": "analytics",
        "dateRange": restli.date_range(date(2026, 11, 16), date(2026, 11, 18)),
        "accounts": [restli.urn("sponsoredAccount", 512345678)],
    }
    assert restli.query(params, fields=("dateRange", "pivotValues")) == (
        "q=analytics&dateRange=(start:(year:2026,month:11,day:16),end:(year:2026,month:11,day:18))"
        "&accounts=List(urn%3Ali%3AsponsoredAccount%3A512345678)&fields=dateRange,pivotValues"
    )


def test_parentheses_within_a_text_cannot_break_out():
    assert restli.encoded({"name": "a),status:(b"}) == "(name:a%29%2Cstatus%3A%28b)"


@pytest.mark.parametrize("value", [None, 1.5, b"x", object()])
def test_values_without_a_notation_are_refused(value):
    with pytest.raises(TypeError):
        restli.encoded(value)


@pytest.mark.parametrize("text", ["360000001", "urn:li:", "urn:li:sponsoredCampaign:"])
def test_texts_that_are_no_urns_are_refused(text):
    with pytest.raises(ValueError):
        restli.urn_id(text)
