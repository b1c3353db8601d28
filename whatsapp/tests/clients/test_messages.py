"""Messages as they go out: what WhatsApp refuses is not in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp.clients import messages
from whatsapp.clients.messages import Recipient, cleaned

PERSON = Recipient("+1 (650) 555-1234")


def parameters(message, part="body"):
    components = message.body()["template"]["components"]
    return next(component["parameters"] for component in components if component["type"] == part)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("Spring\nSale", "Spring Sale"),
        ("a\r\n\tb", "a b"),
        ("a    b", "a   b"),
        ("a   b", "a   b"),
        ("  12.50 ", "12.50"),
        ("\u2028x\x00\ud800", "x"),
        ("", "-"),
        (" \n ", "-"),
        ("مرحبا", "مرحبا"),
    ],
)
def test_values_are_one_line(value, sent):
    assert cleaned(value) == sent
    assert parameters(messages.template(PERSON, "t", "en", [value])) == [{"type": "text", "text": sent}]


@given(st.text(max_size=3000))
def test_no_value_is_refused_for_its_shape(value):
    sent = cleaned(value)
    assert 0 < len(sent) <= 1024
    assert len(sent.splitlines()) == 1
    assert "\t" not in sent
    assert "    " not in sent
    sent.encode()
    # Cleaning it again changes nothing.
    assert cleaned(sent) == sent


@given(st.text(max_size=6000), st.text(max_size=2000), st.text(max_size=100))
def test_every_text_can_be_put_on_the_wire(body, caption, title):
    sent = [
        messages.text(PERSON, body),
        messages.media(PERSON, "image", "1", caption),
        messages.buttons(PERSON, body, [("yes", title)]),
    ]
    for message in sent:
        json.dumps(message.body(), ensure_ascii=False).encode()
    assert len(sent[0].content["body"]) <= 4096
    assert len(sent[2].content["action"]["buttons"][0]["reply"]["title"]) <= 20


def test_values_by_name():
    message = messages.template(PERSON, "t", "en", {"campaign": "Spring", "spend": "12"})
    assert parameters(message) == [
        {"type": "text", "parameter_name": "campaign", "text": "Spring"},
        {"type": "text", "parameter_name": "spend", "text": "12"},
    ]


def test_a_template_with_all_its_parts():
    message = messages.template(
        PERSON, "t", "en", ["x"], header_media=("image", "77"), buttons=[(0, "url", "c/5"), (1, "quick_reply", "STOP")]
    )
    assert message.body() == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "16505551234",
        "type": "template",
        "template": {
            "name": "t",
            "language": {"code": "en"},
            "components": [
                {"type": "header", "parameters": [{"type": "image", "image": {"id": "77"}}]},
                {"type": "body", "parameters": [{"type": "text", "text": "x"}]},
                {
                    "type": "button",
                    "sub_type": "url",
                    "index": "0",
                    "parameters": [{"type": "text", "text": "c/5"}],
                },
                {
                    "type": "button",
                    "sub_type": "quick_reply",
                    "index": "1",
                    "parameters": [{"type": "payload", "payload": "STOP"}],
                },
            ],
        },
    }


def test_a_template_without_values_has_no_components():
    assert messages.template(PERSON, "t", "en").content == {"name": "t", "language": {"code": "en"}}
    assert parameters(messages.template(PERSON, "t", "en", header=["Title"]), "header")[0]["text"] == "Title"


def test_a_code_stands_in_text_and_button():
    message = messages.authentication(PERSON, "verify_code", "en_US", "123456")
    assert parameters(message) == parameters(message, "button") == [{"type": "text", "text": "123456"}]


@pytest.mark.parametrize("code", ["", "1" * 16])
def test_a_code_is_never_cut(code):
    with pytest.raises(ValueError):
        messages.authentication(PERSON, "verify_code", "en_US", code)


def test_files():
    document = messages.media(PERSON, "document", "77", "Report", filename="report.pdf")
    assert document.content == {"id": "77", "caption": "Report", "filename": "report.pdf"}
    assert messages.media(PERSON, "audio", "77", "unheard").content == {"id": "77"}
    with pytest.raises(ValueError):
        messages.media(PERSON, "hologram", "77")


def test_reply_buttons():
    message = messages.buttons(PERSON, "Pause it?", [("pause:5", "Pause"), ("keep:5", "Keep")])
    assert message.body()["interactive"] == {
        "type": "button",
        "body": {"text": "Pause it?"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "pause:5", "title": "Pause"}},
                {"type": "reply", "reply": {"id": "keep:5", "title": "Keep"}},
            ]
        },
    }


@pytest.mark.parametrize(
    "choices",
    [[], [("a", "A"), ("b", "B"), ("c", "C"), ("d", "D")], [("a", "A"), ("a", "B")], [("", "A")], [("x" * 257, "A")]],
)
def test_buttons_that_whatsapp_would_refuse(choices):
    with pytest.raises(ValueError):
        messages.buttons(PERSON, "?", choices)


def test_a_number_counts_before_an_id():
    both = Recipient("16505551234", "US.1349")
    assert (both.key(), both.address()) == ("16505551234", {"to": "16505551234"})
    only_id = Recipient(user_id="US.1349")
    assert (only_id.key(), only_id.address()) == ("US.1349", {"recipient": "US.1349"})
