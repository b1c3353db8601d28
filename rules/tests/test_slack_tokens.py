"""Tokens of installations: renewed before they run out and when they have, by one worker at a time, or found dead."""

import datetime
import threading
import time

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.tests.at_once import in_threads
from rules import tasks
from rules.models import Alert, SlackMessage, SlackTarget
from rules.queries.slack import REFRESH_AT_MOST, tenants_with_slack_tokens_to_refresh
from rules.services.slack_sending import MAX_TRIES
from rules.services.slack_tokens import MAX_REFRESH_TRIES, install_refresh
from rules.tests.slack_cast import due_now, inside, make_message, make_slack_rule, send
from rules.tests.slack_install_cast import (
    ROTATING,
    audited,
    change,
    in_minutes,
    make_install,
    make_install_target,
    refresh,
    rotating,
)
from rules.tests.test_notify_slack import evaluate, newest, spend
from stratum.celery import app
from tenants.context import tenant_context
from tenants.tests.killed import killed_over


@pytest.fixture
def install(acme, live_sandbox):
    """Its token has 12 hours."""
    return make_install(acme, live_sandbox, seconds=ROTATING)


def refreshes(sandbox) -> int:
    """How many refresh tokens were used."""
    with sandbox.world.lock:
        return sum(token.used for token in sandbox.world.grants._tokens.values() if token.kind == "refresh")


def messages(tenant):
    return inside(tenant, lambda: list(SlackMessage.objects.order_by("pk")))


def alerts(tenant):
    return inside(tenant, lambda: list(Alert.objects.order_by("pk")))


def target_of(install):
    return inside(install.tenant_id, lambda: SlackTarget.objects.get(install=install.pk))


# --- Before it runs out -------------------------------------------------------------------------------------------


def test_a_token_that_lasts_is_left_alone(acme, install, live_sandbox):
    assert tenants_with_slack_tokens_to_refresh(timezone.now()) == []
    assert refresh(acme) is None
    make_message(make_install_target(install))
    assert send(acme).sent == 1
    assert refreshes(live_sandbox) == 0


def test_the_beat_renews_half_an_hour_before(acme, globex, install, live_sandbox):
    make_install(globex, live_sandbox, team_id="T-for-ever")
    other = make_install(globex, live_sandbox, seconds=ROTATING)
    for one in (install, other):
        change(one, token_expires_at=in_minutes(29))
    assert tenants_with_slack_tokens_to_refresh(timezone.now()) == [acme.pk, globex.pk]
    app.conf.task_always_eager = True
    try:
        assert tasks.refresh_slack() == {"tenants": 2}
        assert tasks.refresh_slack() is None
    finally:
        app.conf.task_always_eager = False
    assert refreshes(live_sandbox) == 2
    after = change(install)
    assert after.access_token.startswith("xoxe.xoxb-sandbox-")
    assert after.access_token != install.access_token
    assert after.refresh_token != install.refresh_token
    assert after.token_expires_at > in_minutes(11 * 60)
    assert (after.refresh_claimed_at, after.refresh_tries, after.last_error) == (None, 0, "")


def test_sending_renews_what_the_beat_has_missed(acme, install, live_sandbox):
    rotating(install)
    make_message(make_install_target(install))
    assert send(acme).sent == 1
    assert refreshes(live_sandbox) == 1


# --- When it has run out ------------------------------------------------------------------------------------------


def test_a_token_that_slack_calls_expired_is_renewed_and_the_message_sent(acme, install, live_sandbox):
    """Our clock says that it lasts; Slack's word counts."""
    live_sandbox.control("tokens/expire", "POST", platform="slack")
    make_message(make_install_target(install))
    assert send(acme).counts == {"sent": 1}
    assert refreshes(live_sandbox) == 1
    (message,) = messages(acme)
    assert (message.state, message.attempts) == ("sent", 1)
    assert target_of(install).failures == 0


def test_it_is_renewed_once_for_a_message(acme, install, live_sandbox):
    target = make_install_target(install)
    live_sandbox.fault("token_expired", platform="slack", count=None)
    make_message(target)
    assert send(acme).failed == 1
    assert refreshes(live_sandbox) == 1
    assert change(install).status == "ok"
    assert target_of(install).failures == 1


def test_without_anything_to_renew_it_an_expired_token_is_dead(acme, install, live_sandbox):
    change(install, refresh_token=None, token_expires_at=in_minutes(-1))
    live_sandbox.control("tokens/expire", "POST", platform="slack")
    make_message(make_install_target(install))
    assert send(acme).failed == 1
    after = change(install)
    assert (after.status, after.last_error) == (
        "broken", "The bot’s token has run out. Install Stratum in Slack again.",
    )  # fmt: skip


def test_while_another_worker_renews_it_a_message_waits(acme, install, live_sandbox):
    change(install, token_expires_at=in_minutes(-1), refresh_claimed_at=timezone.now())
    make_message(make_install_target(install))
    assert send(acme).counts == {"postponed": 1}
    assert messages(acme)[0].error_code == "local.token_renewal"
    assert refreshes(live_sandbox) == 0
    change(install, refresh_claimed_at=None)
    due_now(acme)
    assert send(acme).sent == 1


def test_a_message_outlasts_the_renewal_of_its_token(acme, install, live_sandbox):
    change(install, token_expires_at=in_minutes(-1), refresh_claimed_at=timezone.now())
    make_message(make_install_target(install))
    for _try in range(MAX_TRIES + 1):
        assert send(acme).counts == {"postponed": 1}
        due_now(acme)
    assert messages(acme)[0].attempts == 0
    change(install, refresh_claimed_at=None)
    assert send(acme).counts == {"sent": 1}


def test_a_token_that_still_counts_is_used_while_another_worker_renews_it(acme, install, live_sandbox):
    rotating(install, refresh_claimed_at=timezone.now())
    make_message(make_install_target(install))
    assert send(acme).sent == 1
    assert refreshes(live_sandbox) == 0


# --- One worker at a time -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_workers_use_a_refresh_token_once(acme, install, live_sandbox):
    rotating(install)
    live_sandbox.fault("slow", platform="slack", endpoint="oauth", seconds=1)
    results = in_threads(lambda: refresh(acme), lambda: refresh(acme))
    assert results.count({"tried": 1}) == 1
    assert refreshes(live_sandbox) == 1
    assert change(install).status == "ok"


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_send_renew_it_once(acme, install, live_sandbox):
    live_sandbox.control("tokens/expire", "POST", platform="slack")
    for number in range(2):
        make_message(make_install_target(install, name=f"Bot {number}"))
    results = in_threads(lambda: send(acme), lambda: send(acme))
    due_now(acme)
    results.append(send(acme))
    assert sum(one.sent for one in results) == 2
    assert sum(one.failed for one in results) == 0
    assert refreshes(live_sandbox) == 1


@pytest.mark.django_db(transaction=True)
def test_a_killed_workers_claim_lapses_and_its_token_may_be_used(acme, install, live_sandbox):
    """It had asked Slack: the refresh token is used up, which the next try finds out and tells."""
    rotating(install)
    target = make_install_target(install)
    live_sandbox.fault("slow", platform="slack", endpoint="oauth", seconds=60)
    settings = {name: value for name, value in live_sandbox.settings().items() if name.startswith(("SLACK", "SANDBOX"))}
    with killed_over(acme, "rules.tasks.refresh_tenant_slack", **settings) as until:
        until(lambda: refreshes(live_sandbox) == 1)
    held = change(install)
    assert (held.status, held.refresh_tries) == ("ok", 1)
    assert refresh(acme) is None
    assert tenants_with_slack_tokens_to_refresh(timezone.now()) == []
    # The token itself has ten minutes more.
    make_message(target)
    assert send(acme).sent == 1
    change(install, refresh_claimed_at=timezone.now() - REFRESH_AT_MOST - datetime.timedelta(seconds=1))
    assert tenants_with_slack_tokens_to_refresh(timezone.now()) == [acme.pk]
    assert refresh(acme) == {"tried": 1}
    after = change(install)
    assert after.status == "broken"
    assert "Install Stratum in Slack again." in after.last_error
    assert alerts(acme)[0].status == "open"


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_before_it_asks_costs_nothing(acme, install, live_sandbox):
    rotating(install, refresh_claimed_at=timezone.now() - REFRESH_AT_MOST - datetime.timedelta(seconds=1))
    assert refresh(acme) == {"tried": 1}
    assert change(install).status == "ok"
    assert refreshes(live_sandbox) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("meanwhile", ["nothing", "refused", "installed anew", "removed"])
def test_a_slow_worker_keeps_what_it_got_while_nobody_has_better(acme, install, live_sandbox, meanwhile):
    """Its claim has lapsed; the tokens that come are the only good ones, unless the installation has others."""
    rotating(install)
    live_sandbox.fault("slow", platform="slack", endpoint="oauth", seconds=2)
    slow = threading.Thread(target=in_threads, args=(lambda: refresh(acme),))
    slow.start()
    while refreshes(live_sandbox) == 0:
        time.sleep(0.01)
    lapsed = timezone.now() - REFRESH_AT_MOST - datetime.timedelta(seconds=1)
    change(install, refresh_claimed_at=lapsed)
    if meanwhile == "refused":
        assert refresh(acme) == {"tried": 1}
        assert change(install).status == "broken"
    elif meanwhile == "installed anew":
        change(install, access_token="xoxb-sandbox-new", token_since=timezone.now())
    elif meanwhile == "removed":
        change(install, is_deleted=True, access_token="", refresh_token=None)
    slow.join()
    after = change(install)
    if meanwhile == "installed anew":
        assert after.access_token == "xoxb-sandbox-new"
    elif meanwhile == "removed":
        assert (after.access_token, after.refresh_token) == ("", None)
    else:
        assert after.status == "ok"
        assert after.access_token not in ("", install.access_token)
        assert [one.status for one in alerts(acme)] in ([], ["resolved"])
        make_message(make_install_target(install))
        assert send(acme).sent == 1


def test_tokens_that_were_replaced_are_not_renewed(acme, install, live_sandbox):
    rotating(install)
    replaced = change(install, token_since=timezone.now())
    with tenant_context(acme):
        assert install_refresh(install) is False
        assert install_refresh(replaced) is True


# --- When it fails ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("connection_reset", "Slack did not say whether it renewed the bot’s token."),
        ("server_error", "The bot’s token could not be renewed: Slack says: internal_error."),
        ("rate_limit", "The bot’s token could not be renewed: Slack asked to wait."),
    ],
)
def test_trouble_is_said_and_tried_again_later(acme, install, live_sandbox, fault, words):
    rotating(install)
    live_sandbox.fault(fault, platform="slack", endpoint="oauth", seconds=90)
    before = timezone.now()
    assert refresh(acme) == {"tried": 1}
    after = change(install)
    assert (after.status, after.refresh_tries, after.refresh_claimed_at) == ("ok", 1, None)
    assert words in after.last_error
    assert after.next_refresh_at >= before + datetime.timedelta(seconds=90 if fault == "rate_limit" else 60)
    assert refresh(acme) is None
    change(install, next_refresh_at=before)
    assert refresh(acme) == {"tried": 1}
    assert change(install).last_error == ""
    assert audited(acme)[-1] == (
        "update", {"refresh": "failed", "reason": audited(acme)[-1][1]["reason"], "tries": 1},
    )  # fmt: skip


def test_the_tries_are_bounded(acme, install, live_sandbox):
    change(install, token_expires_at=in_minutes(-1))
    make_message(make_install_target(install))
    live_sandbox.fault("server_error", platform="slack", endpoint="oauth", count=None)
    pauses = []
    for _try in range(MAX_REFRESH_TRIES):
        before = timezone.now()
        assert refresh(acme) == {"tried": 1}
        after = change(install)
        pauses.append(after.next_refresh_at - before if after.next_refresh_at else None)
        change(install, next_refresh_at=None)
    assert pauses[1] > pauses[0] * 1.5
    assert max(pauses[:-1]) < datetime.timedelta(minutes=16)
    assert change(install).status == "broken"
    assert "could not be renewed, however often" in change(install).last_error
    assert refresh(acme) is None
    assert len(alerts(acme)) == 1


def test_a_registration_that_is_wrong_may_be_mended(acme, install, live_sandbox, settings):
    rotating(install)
    settings.SLACK_CLIENT_SECRET = "wrong"
    refresh(acme)
    after = change(install, next_refresh_at=None)
    assert (after.status, "does not accept the registration" in after.last_error) == ("ok", True)
    settings.SLACK_CLIENT_SECRET = "sandbox-secret"
    assert refresh(acme) == {"tried": 1}
    assert change(install).last_error == ""


def test_a_sandboxs_refresh_token_is_never_shown_to_slack(acme, install, live_sandbox, settings):
    rotating(install)
    settings.SLACK_OAUTH_BASE = "http://127.0.0.1:1"
    refresh(acme)
    assert "another Slack than" in change(install).last_error
    assert refreshes(live_sandbox) == 0


# --- Dead ---------------------------------------------------------------------------------------------------------


def test_a_refused_refresh_breaks_it_and_people_are_told(acme, install, live_sandbox, manager, client_of):
    target = make_install_target(install)
    rotating(install, refresh_token="xoxe-sandbox-used")
    make_message(target)
    assert send(acme).failed == 1
    after = change(install)
    assert (after.status, after.last_error) == (
        "broken",
        "Slack does not accept what renews the bot’s token any more. Install Stratum in Slack again.",
    )
    assert target_of(install).status == "broken"
    (alert,) = alerts(acme)
    assert (alert.status, alert.occurrences, alert.title) == (
        "open", 1, "Stratum cannot write to Slack any more: Sandbox",
    )  # fmt: skip
    assert "Sandbox" in client_of(manager).get(reverse("rules:alert_list")).content.decode()
    assert ("update", {"status": "broken", "reason": "invalid_refresh_token"}) in audited(acme)
    # It is not asked again and again.
    assert refresh(acme) is None
    make_message(target)
    assert send(acme).failed == 1
    assert messages(acme)[-1].error == (
        "The installation in Slack does not work any more. Install Stratum in Slack again."
    )
    assert len(alerts(acme)) == 1


@pytest.mark.parametrize(
    ("provoke", "words"),
    [
        (lambda sandbox, _install: sandbox.control("grants/revoke", "POST", platform="slack"), "token was revoked"),
        (lambda _sandbox, install: change(install, access_token="xoxb-sandbox-x"), "does not know this token"),
    ],
)
def test_a_dead_token_breaks_it_at_once(acme, live_sandbox, provoke, words):
    install = make_install(acme, live_sandbox)
    target = make_install_target(install)
    provoke(live_sandbox, install)
    make_message(target)
    assert send(acme).failed == 1
    assert words in messages(acme)[0].error
    after = change(install)
    assert after.status == "broken"
    assert words in after.last_error
    assert (target_of(install).status, target_of(install).failures) == ("broken", 0)
    # The channel says how it is mended, too.
    assert target_of(install).last_error == after.last_error
    assert len(alerts(acme)) == 1


def test_what_is_wrong_with_a_channel_leaves_the_installation_alone(acme, live_sandbox):
    install = make_install(acme, live_sandbox)
    make_message(make_install_target(install, channel="old-campaigns"))
    assert send(acme).failed == 1
    assert change(install).status == "ok"
    assert alerts(acme) == []


def test_a_rule_that_writes_there_says_why_it_fails(acme, install, live_sandbox):
    spend(acme)
    make_slack_rule(acme, make_install_target(install))
    rotating(install, refresh_token="xoxe-sandbox-used")
    refresh(acme)
    assert evaluate(acme).failed == 1
    assert "Install Stratum in Slack again." in newest(acme).error
