"""A worker that is killed over a message to Slack: it arrives at most once, and the row says what is known."""

import datetime

import pytest
from django.utils import timezone

from rules.models import SlackMessage
from rules.queries.slack import SENDING_AT_MOST, tenants_with_slack_to_do
from rules.tests.slack_cast import inside, make_message, make_webhook, send
from tenants.tests.killed import killed_over

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_in_a_killed_workers_hands_is_never_sent_again(acme, live_sandbox):
    live_sandbox.fault("slow", platform="slack", seconds=60)
    message = make_message(make_webhook(acme, live_sandbox.url))
    with killed_over(acme, "rules.tasks.send_slack", SANDBOX_URL=live_sandbox.url) as until:
        until(lambda: _fresh(acme, message).state == "sending")
    live_sandbox.control("faults/clear", "POST")
    # The queue hands the job to another worker: the message is taken.
    assert send(acme).counts == {}
    past = timezone.now() - SENDING_AT_MOST - datetime.timedelta(seconds=1)
    inside(acme, lambda: SlackMessage.objects.filter(pk=message.pk).update(claimed_at=past))
    assert tenants_with_slack_to_do(timezone.now()) == [acme.pk]
    assert send(acme).counts == {"unknown": 1}
    row = _fresh(acme, message)
    assert (row.state, row.error_code) == ("maybe_sent", "local.worker_lost")
    assert send(acme).counts == {}
    assert len(live_sandbox.control("slack")["messages"]) <= 1


def _fresh(tenant, message):
    return inside(tenant, lambda: SlackMessage.objects.get(pk=message.pk))
