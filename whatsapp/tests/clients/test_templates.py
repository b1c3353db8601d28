"""Reading templates of which nothing is certain, and writing what WhatsApp takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp.clients.templates import Button, TemplateDraft, placeholders, problems, shape
from whatsapp.services.standard_templates import standard_drafts

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["type", "text", "format", "buttons", "example", "body_text", "url", "header_text"])
        | st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip
words = st.text(alphabet="abc {}1234567890_\n*", max_size=60)


@given(json)
def test_any_json_is_read_without_an_error(components):
    found = shape(components)
    assert len({slot.key for slot in found.slots}) == len(found.slots)
    found.filled({slot.key: "x" for slot in found.slots})


@given(words, words, words)
def test_any_text_is_judged_and_what_passes_reads_back(header, body, example):
    names = placeholders(body)
    examples = {name: example.strip() or "x" for name in names}
    examples |= {f"header:{name}": "x" for name in placeholders(header)}
    draft = TemplateDraft("name", "en", "UTILITY", body, header=header, examples=examples)
    if problems(draft):
        return
    read = shape(draft.components())
    assert (read.body, read.header, read.unknown) == (body, header, ())
    assert {slot.key: slot.example for slot in read.slots} == {slot.key: slot.example for slot in draft.slots()}
    assert [slot.placeholder for slot in read.slots if slot.part == "body"] == [
        str(place + 1) for place in range(len(names))
    ]


@pytest.mark.parametrize(("draft", "variables"), standard_drafts(), ids=lambda one: getattr(one, "name", ""))
def test_stratums_own_templates_keep_whatsapps_rules(draft, variables):
    assert problems(draft) == []
    assert set(variables) == {slot.key for slot in draft.slots()}


def test_numbers_are_filled_in_their_own_order_and_names_in_that_of_appearance():
    assert placeholders("{{2}} and {{1}}, {{ 10 }}") == ["1", "2", "10"]
    assert placeholders("{{spend}} of {{campaign}}, {{spend}}") == ["spend", "campaign"]


def test_named_examples_are_read():
    found = shape([{"type": "BODY", "text": "Spent {{spend}} of {{budget}}.", "example": {
        "body_text_named_params": [{"param_name": "budget", "example": "20"}, {"param_name": "spend", "example": "5"}]
    }}])  # fmt: skip
    assert [(slot.key, slot.example) for slot in found.slots] == [("spend", "5"), ("budget", "20")]


def test_parts_that_cannot_be_filled_are_named():
    found = shape([
        {"type": "HEADER", "format": "VIDEO"},
        {"type": "BODY", "text": "Hi"},
        {"type": "CAROUSEL", "cards": []},
        {"type": "BUTTONS", "buttons": [{"type": "FLOW", "text": "Go"}, {"type": "QUICK_REPLY", "text": "No"}]},
    ])  # fmt: skip
    assert sorted(found.unknown) == ["CAROUSEL", "FLOW", "VIDEO"]


def test_what_is_handed_in_is_what_whatsapp_documents():
    draft = TemplateDraft(
        "x", "en", "UTILITY", "Spent {{1}} of {{2}} today.", header="On {{1}}",
        buttons=(Button("URL", "Open", "https://x.example/{{1}}"), Button("PHONE_NUMBER", "Call", "+4930123456")),
        examples={"1": "5", "2": "20", "header:1": "Monday", "button:0": "7"},
    )  # fmt: skip
    assert draft.components() == [
        {"type": "HEADER", "format": "TEXT", "text": "On {{1}}", "example": {"header_text": ["Monday"]}},
        {"type": "BODY", "text": "Spent {{1}} of {{2}} today.", "example": {"body_text": [["5", "20"]]}},
        {"type": "BUTTONS", "buttons": [
            {"type": "URL", "text": "Open", "url": "https://x.example/{{1}}", "example": ["7"]},
            {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+4930123456"},
        ]},
    ]  # fmt: skip
