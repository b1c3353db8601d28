"""Webhook bodies as events: the recorded ones, and anything else that is JSON."""

import copy
import json
import math
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp.clients.events import (
    AccountEvent,
    IdentityEvent,
    InboundMessage,
    Media,
    NumberEvent,
    PreferenceEvent,
    Reaction,
    StatusEvent,
    TemplateEvent,
    UnknownEvent,
)
from whatsapp.clients.inbound import MOST_PROBLEMS, parse
from whatsapp.tests.clients.conftest import NUMBER, WABA, names, recorded

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BODIES = [name for name in names("in") if "raw_body" in recorded(name)["request"]]
SENT = "wamid.HBgLMTY1MDU1NTEyMzQVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA"
KERRY = {"wa_id": "16505551234", "user_id": "US.13491208655302741918", "profile_name": "Kerry Fisher"}


def events_of(name):
    parsed = parse(json.loads(recorded(name)["request"]["raw_body"]), received=NOW)
    assert parsed.problems == []
    return parsed.events


def body_of(*changes, waba=WABA, **entry):
    changes = [{"field": field, "value": value} for field, value in changes]
    return {"object": "whatsapp_business_account", "entry": [{"id": waba, "changes": changes, **entry}]}


def one(*changes, **entry):
    (event,) = parse(body_of(*changes, **entry), received=NOW).events
    return event


def moment(seconds):
    return datetime.fromtimestamp(seconds, UTC)


# Fixture: the one event it holds, and what matters of it.
EVENTS = {
    "webhook_account_update_restriction": (
        AccountEvent,
        {"waba": WABA, "field": "account_update", "event": "ACCOUNT_RESTRICTION", "at": moment(1795338005)},
    ),
    "webhook_bad_signature": (InboundMessage, {"text": "STOP"}),
    "webhook_inbound_brazil_wa_id": (
        InboundMessage,
        {"wa_id": "551187654321", "user_id": "BR.2200000000000000001", "text": "START", "profile_name": "Ana"},
    ),
    "webhook_inbound_bsuid_only": (
        InboundMessage,
        {"wa_id": "", "user_id": "US.13491208655302741918", "text": "STOP", "profile_name": "kfisher"},
    ),
    "webhook_inbound_button_reply": (
        InboundMessage,
        {"type": "interactive", "text": "Pause", "reply_id": "pause:1781000000000000005", "context_id": SENT, **KERRY},
    ),
    "webhook_inbound_image": (
        InboundMessage,
        {
            "type": "image",
            "text": "",
            "media": Media("1013859600285441", "image/jpeg", "SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=", "see"),
        },
    ),
    "webhook_inbound_list_reply": (InboundMessage, {"text": "Daily digest", "reply_id": "row-1"}),
    "webhook_inbound_reaction": (
        InboundMessage,
        {"type": "reaction", "reaction": Reaction(SENT, "👍"), "context_id": SENT, "text": ""},
    ),
    "webhook_inbound_template_quick_reply": (
        InboundMessage,
        {"type": "button", "text": "Stop promotions", "reply_id": "STOP", "context_id": SENT},
    ),
    "webhook_inbound_text_stop": (
        InboundMessage,
        {"text": " Stop. ", "at": moment(1795338000), "waba": WABA, "phone_number_id": NUMBER, **KERRY},
    ),
    "webhook_status_delivered_after_failed": (StatusEvent, {"status": "delivered", "wamid": SENT, "code": ""}),
    "webhook_status_early_before_send_commit": (StatusEvent, {"status": "sent", "opaque": "msg:44"}),
    "webhook_status_failed_130472": (StatusEvent, {"status": "failed", "code": 130472, "opaque": "msg:43"}),
    "webhook_status_failed_131026": (
        StatusEvent,
        {
            "status": "failed",
            "code": 131026,
            "title": "Message undeliverable",
            "details": "Message Undeliverable.",
            "recipient_wa_id": "16505551234",
            "recipient_user_id": "",
            "at": moment(1795338002),
        },
    ),
    "webhook_status_failed_131049": (StatusEvent, {"status": "failed", "code": 131049}),
    "webhook_status_new_value": (StatusEvent, {"status": "teleported"}),
    "webhook_status_read": (
        StatusEvent,
        {"status": "read", "recipient_wa_id": "16505551234", "recipient_user_id": "US.13491208655302741918"},
    ),
    "webhook_status_sent": (StatusEvent, {"status": "sent", "phone_number_id": NUMBER, "waba": WABA}),
    "webhook_status_unknown_wamid": (StatusEvent, {"opaque": "msg:9999999"}),
    "webhook_system_user_changed_number": (
        InboundMessage,
        {"type": "system", "wa_id": "16505551234", "new_wa_id": "16505559999", "new_user_id": ""},
    ),
    "webhook_template_category": (
        TemplateEvent,
        {"kind": "category", "value": "MARKETING", "name": "campaign_paused", "external_id": "12345678"},
    ),
    "webhook_template_quality": (
        TemplateEvent,
        {"kind": "quality", "value": "YELLOW", "language": "en_US", "external_id": "806312974732579"},
    ),
    "webhook_template_status_approved": (
        TemplateEvent,
        {"kind": "status", "value": "APPROVED", "external_id": "1689556908129832", "reason": "", "waba": WABA},
    ),
    "webhook_template_status_paused": (
        TemplateEvent,
        {"value": "PAUSED", "language": "ar", "details": "Paused for 3 hours because of low quality."},
    ),
    "webhook_template_status_rejected": (
        TemplateEvent,
        {"value": "REJECTED", "reason": "INVALID_FORMAT", "details": "Parameters are next to each other."},
    ),
    "webhook_unknown_field_value": (UnknownEvent, {"field": "brand_new_field", "at": moment(1795338000)}),
    "webhook_unknown_message_type": (InboundMessage, {"type": "hologram", "text": "", **KERRY}),
    "webhook_user_preferences_stop": (
        PreferenceEvent,
        {
            "value": "stop",
            "category": "marketing_messages",
            "at": moment(1795338056),
            "wa_id": "16505551234",
            "user_id": "US.13491208655302741918",
            "phone_number_id": NUMBER,
        },
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_every_recorded_event(name):
    kind, expected = EVENTS[name]
    (event,) = events_of(name)
    assert type(event) is kind
    assert {key: getattr(event, key) for key in expected} == expected


def test_no_recorded_body_is_left_out():
    more = {"webhook_batch_several_entries", "webhook_inbound_duplicate_id", "webhook_not_whatsapp_object"}
    assert set(BODIES) == set(EVENTS) | more


def test_a_batch_of_two_accounts_is_read_to_its_end():
    expected = recorded("webhook_batch_several_entries")["_expect"]
    events = events_of("webhook_batch_several_entries")
    counts = Counter(type(event) for event in events)
    assert counts == {
        InboundMessage: expected["inbound"],
        StatusEvent: expected["statuses"],
        TemplateEvent: expected["template_events"],
    }
    assert len({event.waba for event in events}) == expected["tenants"]
    (stop,) = (event for event in events if getattr(event, "text", "") == "STOP")
    assert (stop.waba, stop.phone_number_id, stop.profile_name) == (
        "102290129340777", "106540352242999", "Other Tenant User",
    )  # fmt: skip


def test_the_same_message_twice_has_one_id():
    events = events_of("webhook_inbound_duplicate_id")
    assert [event.wamid for event in events] == [events[0].wamid] * 2


def test_other_products_of_the_app_are_no_events():
    parsed = parse(recorded("webhook_not_whatsapp_object")["request"]["body"], received=NOW)
    assert parsed.events == []
    assert parsed.problems == ["object: not whatsapp_business_account"]


# --- What no fixture has ----------------------------------------------------------------------------------------


def message(**fields):
    return {"id": "wamid.1", "from": "16505551234", "timestamp": "1795338000", "type": "text", **fields}


def test_a_changed_id_names_the_person_by_the_old_one():
    told = {"user_id": "MX.2", "previous_user_id": "CO.1", "type": "user_changed_user_id"}
    event = one(("messages", {"messages": [{**message(type="system", system=told), "from": None}]}))
    assert (event.user_id, event.new_user_id, event.wa_id, event.new_wa_id) == ("CO.1", "MX.2", "", "")
    # As the documentation has it, only the sentence tells.
    told = {"user_id": "MX.2", "body": "User Ana changed from CO.1 to MX.2", "type": "user_changed_user_id"}
    event = one(("messages", {"messages": [{**message(type="system", system=told), "from": None}]}))
    assert (event.user_id, event.new_user_id) == ("CO.1", "MX.2")


def test_an_id_that_changes_is_told_by_a_field_of_its_own_too():
    row = {"wa_id": "16505551234", "user_id": {"previous": "CO.1", "current": "MX.2"}, "timestamp": "1795338000"}
    event = one(("user_id_update", {"metadata": {"phone_number_id": NUMBER}, "user_id_update": [row]}))
    assert type(event) is IdentityEvent
    assert (event.old_user_id, event.new_user_id, event.wa_id) == ("CO.1", "MX.2", "16505551234")


def test_a_scoped_id_in_the_place_of_a_number_is_one():
    event = one(("messages", {"messages": [message(**{"from": "US.1349"})]}))
    assert (event.wa_id, event.user_id) == ("", "US.1349")


def test_the_contact_is_found_by_either_form_of_a_number():
    contact = {"wa_id": "5491123456789", "user_id": "AR.1", "profile": {"name": "Eva"}}
    other = {"wa_id": "16505550000", "user_id": "US.2", "profile": {"name": "Other"}}
    value = {"contacts": [other, contact], "messages": [message(**{"from": "541123456789"})]}
    event = one(("messages", value))
    assert (event.wa_id, event.user_id, event.profile_name) == ("541123456789", "AR.1", "Eva")


def test_a_stranger_among_the_contacts_is_not_the_sender():
    value = {"contacts": [{"wa_id": "16505550000", "profile": {"name": "Other"}}], "messages": [message()]}
    assert one(("messages", value)).profile_name == ""


def test_edits_and_messages_taken_back_name_the_one_they_change():
    edit = {"original_message_id": "wamid.0", "message": {"type": "text", "text": {"body": "STOP"}}}
    event = one(("messages", {"messages": [message(type="edit", edit=edit)]}))
    assert (event.context_id, event.text) == ("wamid.0", "STOP")
    event = one(("messages", {"messages": [message(type="revoke", revoke={"original_message_id": "wamid.0"})]}))
    assert (event.context_id, event.text) == ("wamid.0", "")


@pytest.mark.parametrize("stamp", [None, "", "soon", "-1", "99999999999", True, [], "1795338000.5"])
def test_an_event_without_a_moment_takes_that_of_its_entry(stamp):
    parsed = parse(body_of(("messages", {"messages": [message(timestamp=stamp)]}), time=1795338007), received=NOW)
    assert parsed.events[0].at == moment(1795338007)
    assert parsed.problems == ["entry[0].changes[0].messages[0]: no timestamp"]


def test_without_any_moment_it_is_when_it_was_received():
    parsed = parse(body_of(("account_update", {"event": "X"})), received=NOW)
    assert parsed.events[0].at == NOW


def test_events_of_numbers_and_accounts():
    value = {"display_phone_number": "+1 555-078-3881", "event": "FLAGGED", "current_limit": "TIER_1K"}
    event = one(("phone_number_quality_update", value))
    assert type(event) is NumberEvent
    assert (event.display_phone_number, event.event, event.limit) == ("15550783881", "FLAGGED", "TIER_1K")
    assert one(("account_review_update", {"decision": "REJECTED"})).event == "REJECTED"
    assert one(("business_capability_update", {"max_daily_conversation_per_phone": 1000})).event == ""


def test_components_of_a_template_changed():
    value = {"message_template_id": 5, "message_template_name": "x", "message_template_language": "en"}
    event = one(("message_template_components_update", value))
    assert (event.kind, event.value, event.external_id) == ("components", "", "5")


def test_a_category_that_will_change_has_not_yet():
    value = {"message_template_id": 5, "message_template_name": "x", "correct_category": "MARKETING"}
    assert type(one(("template_category_update", value))) is UnknownEvent


def test_errors_of_whatsapp_itself_are_kept():
    event = one(("messages", {"errors": [{"code": 131000, "title": "x"}]}))
    assert (event.field, event.raw) == ("messages.errors", {"code": 131000, "title": "x"})


def test_what_cannot_be_read_is_named_by_its_place_without_its_text():
    value = {"messages": [message(id=None, text={"body": "private"}), 5], "statuses": {}}
    parsed = parse(body_of(("messages", value)), received=NOW)
    assert parsed.events == []
    assert parsed.problems == [
        "entry[0].changes[0].messages[0]: no id, or no sender",
        "entry[0].changes[0].messages[1]: not an object",
        "entry[0].changes[0].statuses: not a list",
    ]


def test_problems_have_an_end():
    parsed = parse(body_of(("messages", {"messages": [1] * 1000})), received=NOW)
    assert len(parsed.problems) == MOST_PROBLEMS


def test_what_is_kept_can_be_kept():
    text = "a\x00b\ud83d"
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    value = {"messages": [message(text={"body": text}, odd=[math.nan, math.inf, 1.5], **{"k\x00": deep})]}
    event = one(("messages", value))
    assert event.text == "ab?"
    assert event.raw["odd"] == [None, None, 1.5]
    stored = json.dumps(event.raw, ensure_ascii=False, allow_nan=False)
    assert "\x00" not in stored
    stored.encode()


# --- Anything ---------------------------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)
FIELDS = [
    "messages", "user_preferences", "user_id_update", "message_template_status_update", "template_category_update",
    "message_template_quality_update", "account_update", "phone_number_quality_update", "x",
]  # fmt: skip
KEYS = [
    "messages", "statuses", "errors", "contacts", "metadata", "user_preferences", "user_id_update", "event", "id",
    "from", "from_user_id", "timestamp", "type", "text", "button", "interactive", "system", "context", "image",
    "reaction", "profile", "wa_id", "user_id", "status", "recipient_id", "value", "message_template_id", "code",
]  # fmt: skip
kinds = st.sampled_from(["text", "button", "interactive", "image", "system", "reaction", "edit", "sent", "failed", "1"])
# Nearly right: known keys with values of any type.
nearly = st.recursive(
    anything | kinds | st.just("16505551234"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=40,
)


def assert_fit(parsed):
    for event in parsed.events:
        json.dumps(event.raw, ensure_ascii=False, allow_nan=False).encode()
        assert event.at.tzinfo is not None
        if isinstance(event, InboundMessage):
            assert event.wamid
            assert event.wa_id or event.user_id
    assert len(parsed.problems) <= MOST_PROBLEMS


@given(anything)
def test_no_json_makes_it_raise(body):
    assert_fit(parse(body, received=NOW))
    assert_fit(parse({"object": "whatsapp_business_account", "entry": body}, received=NOW))
    assert_fit(parse({"object": "whatsapp_business_account", "entry": [{"changes": body, "id": body}]}, received=NOW))


@given(st.lists(st.tuples(st.sampled_from(FIELDS), nearly), max_size=4))
def test_nothing_that_is_nearly_right_makes_it_raise(changes):
    assert_fit(parse(body_of(*changes), received=NOW))


@given(nearly, nearly)
def test_no_message_and_no_status_makes_it_raise(inbound, status):
    assert_fit(parse(body_of(("messages", {"messages": [inbound], "statuses": [status]})), received=NOW))


@given(
    name=st.sampled_from(sorted(EVENTS)),
    before=st.lists(anything, max_size=3),
    after=st.lists(anything, max_size=3),
    keys=st.dictionaries(st.text(max_size=5), anything, max_size=3),
)
def test_an_event_is_found_among_whatever_else(name, before, after, keys):
    body = copy.deepcopy(recorded(name)["request"]["body"])
    (expected,) = parse(body, received=NOW).events
    (entry,) = body["entry"]
    (change,) = entry["changes"]
    for key in ("messages", "statuses", "contacts", "user_preferences"):
        if key in change["value"]:
            change["value"][key] = [*before, *change["value"][key], *after]
    junk = [{"field": "messages", "value": item} for item in before]
    entry["changes"] = [*before, *junk, change, *after]
    body["entry"] = [*before, {"id": entry["id"], "changes": after}, entry, *after]
    found = parse({**keys, **body}, received=NOW).events
    assert expected in found
