"""Whatever order and however often a message's statuses come, it ends in the same state."""

import datetime
import itertools
import random

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.tests.factories import make_user
from tenants.context import tenant_context
from tenants.tests.factories import make_tenant
from whatsapp.clients.inbound import StatusEvent
from whatsapp.models import WhatsAppMessage
from whatsapp.services.statuses import history_fold, history_with, statuses_apply
from whatsapp.tests.factories import make_contact
from whatsapp.tests.webhook_cast import NUMBER_ID, WABA_ID, make_number

_examples = itertools.count(1)
START = datetime.datetime(2026, 11, 29, 8, tzinfo=datetime.UTC)
WORDS = st.sampled_from(["sent", "delivered", "read", "played", "failed", "deleted", "teleported"])


@st.composite
def statuses(draw):
    word = draw(WORDS)
    failed = word == "failed"
    return StatusEvent(
        waba=WABA_ID,
        phone_number_id=NUMBER_ID,
        wamid="wamid.one",
        status=word,
        at=START + datetime.timedelta(seconds=draw(st.integers(0, 5))),
        code=draw(st.sampled_from([131026, 131049, 130472])) if failed else "",
        details=draw(st.sampled_from(["", "because"])) if failed else "",
    )


def replay(events):
    history = []
    for event in events:
        history = history_with(history, event)
    return history, history_fold(history)


@given(st.lists(statuses(), max_size=8), st.data())
def test_any_order_and_any_repetition_ends_the_same(events, data):
    history, folded = replay(events)
    repeated = events + data.draw(st.lists(st.sampled_from(events), max_size=5) if events else st.just([]))
    shuffled = data.draw(st.permutations(repeated))
    assert replay(shuffled) == (history, folded)
    assert len({one["status"] for one in history}) == len(history)


@given(st.lists(statuses(), max_size=8))
def test_the_state_is_what_the_events_say(events):
    words = {event.status for event in events}
    _history, folded = replay(events)
    if words & {"read", "played"}:
        expected = "read"
    elif "delivered" in words:
        expected = "delivered"
    elif "failed" in words:
        expected = "failed"
    else:
        expected = "sent" if "sent" in words else "pending"
    assert folded.status == expected
    assert (folded.error_code != "") == (expected == "failed")
    assert (folded.read_at is not None) == (expected == "read")
    assert folded.read_at is None or folded.delivered_at is not None
    assert folded.delivered_at is None or folded.sent_at is not None


@given(st.lists(statuses(), max_size=6), statuses())
def test_a_state_only_moves_forward(events, late):
    rank = {"pending": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4}
    _history, before = replay(events)
    _history, after = replay([*events, late])
    assert rank[after.status] >= rank[before.status]


@pytest.mark.django_db(transaction=True)
@settings(max_examples=15)
@given(st.lists(statuses(), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_ledger_ends_the_same_in_any_order_and_split_over_any_bodies(events, chance: random.Random):
    tenant = make_tenant(f"statuses-{next(_examples)}")
    number = make_number(tenant, phone_number_id=f"9{next(_examples)}")
    contact = make_contact(make_user(tenant, "manager"))
    ends = []
    for _round in range(2):
        with tenant_context(tenant), transaction.atomic():
            row = WhatsAppMessage.objects.create(contact=contact, number=number, message_type="text", wamid="wamid.one")
        shuffled = [*events, *chance.sample(events, chance.randint(0, len(events)))]
        chance.shuffle(shuffled)
        cut = chance.randint(0, len(shuffled))
        for part in (shuffled[:cut], shuffled[cut:]):
            with tenant_context(tenant), transaction.atomic():
                statuses_apply(number, part)
        with tenant_context(tenant), transaction.atomic():
            row.refresh_from_db()
            ends.append((row.status, row.status_history, row.sent_at, row.delivered_at, row.read_at, row.error_code))
            row.delete()
    assert ends[0] == ends[1]
    assert ends[0][0] == replay(events)[1].status
