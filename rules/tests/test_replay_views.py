"""The screen of a replay: from a rule's page, from the editor, small and large, and who may see it."""

import datetime

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import CampaignMetric
from campaigns.tests.factories import make_campaign
from rules import tasks
from rules.models import Rule
from rules.services import replays
from rules.tests.factories import make_rule
from rules.tests.test_views import FORM
from tenants.context import tenant_context

DAYS = 10
ONE_DAY = datetime.timedelta(days=1)
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def nothing_kept():
    cache.clear()


def hot_days(tenant, **fields):
    """Ten days of 150.00, each known the night after it."""
    campaign = make_campaign(tenant, **fields)
    today = datetime.datetime.now(datetime.UTC).date()
    with tenant_context(tenant), transaction.atomic():
        for back in range(1, DAYS + 1):
            day = today - back * ONE_DAY
            night = datetime.datetime.combine(day + ONE_DAY, datetime.time(2), datetime.UTC)
            CampaignMetric.objects.create(
                campaign=campaign, date=day, spend_cents=15_000, revenue_cents=6_000,
                first_known_at=night, known_at=night,
            )  # fmt: skip
    return campaign


def page_of(rule, **query):
    return reverse("rules:rule_replay", args=[rule.pk], query=query or None)


def text_of(response):
    return response.content.decode()


def test_rule_page_leads_to_its_replay(acme, analyst, viewer, client_of):
    hot_days(acme, name="Tents")
    rule = make_rule(acme, name="Too hot")
    client = client_of(analyst)
    assert f'href="{page_of(rule)}"' in text_of(client.get(reverse("rules:rule_detail", args=[rule.pk])))
    page = text_of(client.get(page_of(rule)))
    for words in ("Would have acted", "Proved wrong", "Spend touched", "Tents", "Still right", "once a day"):
        assert words in page, words
    # Nine mornings: on the tenth, yesterday's check, the day before is known as well.
    table = client.get(page_of(rule), **HTMX)
    assert text_of(table).count("Still right") == DAYS - 1
    looker = client_of(viewer)
    assert looker.get(page_of(rule)).status_code == 403
    assert page_of(rule) not in text_of(looker.get(reverse("rules:rule_detail", args=[rule.pk])))


def test_editor_replays_a_rule_that_is_not_saved(acme, manager, client_of):
    hot_days(acme, name="Tents")
    client = client_of(manager)
    assert reverse("rules:rule_replay_draft") in text_of(client.get(reverse("rules:rule_create")))
    answer = client.post(reverse("rules:rule_replay_draft"), {**FORM, "name": ""})
    assert answer.status_code == 302
    assert "Tents" in text_of(client.get(answer.url))
    assert client.get(answer.url, **HTMX).status_code == 200
    with tenant_context(acme), transaction.atomic():
        assert not Rule.objects.exists()


def test_editor_says_what_is_wrong_with_the_form(acme, manager, client_of):
    client = client_of(manager)
    answer = client.post(reverse("rules:rule_replay_draft"), {**FORM, "condition_value": "much"})
    assert answer.status_code == 422
    assert 'id="rule-form"' in text_of(answer)


def test_unsaved_rules_of_other_workspaces_do_not_exist(acme, manager, outsider, client_of):
    url = client_of(manager).post(reverse("rules:rule_replay_draft"), FORM).url
    assert client_of(manager).get(url).status_code == 200
    answer = client_of(outsider).get(url)
    assert answer.status_code == 404
    assert "no longer kept" in text_of(answer)


def test_large_replay_is_a_worker_s_and_the_page_says_how_far_it_is(
    acme, analyst, client_of, monkeypatch, django_capture_on_commit_callbacks
):
    hot_days(acme, name="Tents")
    rule = make_rule(acme)
    monkeypatch.setattr(replays, "INLINE_CELLS", 0)
    client, sent = client_of(analyst), []
    monkeypatch.setattr(tasks.run_replay, "delay_on_commit", lambda **kwargs: sent.append(kwargs))
    page = text_of(client.get(page_of(rule)))
    assert "Walking through the days" in page
    client.get(page_of(rule))
    assert len(sent) == 1  # under way already: asked for once
    panel = reverse("rules:replay_progress_panel", query={"replay": sent[0]["replay_id"]})
    assert client.get(panel).status_code == 200
    assert tasks.run_replay(**sent[0]) == {"days": 30, "acted": DAYS - 1, "wrong": 0}
    assert client.get(panel).status_code == 286
    assert "Tents" in text_of(client.get(page_of(rule)))
    assert tasks.run_replay(**sent[0]) is None


def test_failed_replay_says_so_and_can_be_tried_again(acme, analyst, client_of, monkeypatch):
    rule = make_rule(acme)
    hot_days(acme)
    monkeypatch.setattr(replays, "INLINE_CELLS", 0)
    client, sent = client_of(analyst), []
    monkeypatch.setattr(tasks.run_replay, "delay_on_commit", lambda **kwargs: sent.append(kwargs))
    client.get(page_of(rule))
    monkeypatch.setattr(replays, "replay_now", lambda *_args, **_kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tasks.run_replay(**sent[0])
    assert "The replay failed" in text_of(client.get(page_of(rule)))
    assert "Walking through the days" in text_of(client.get(page_of(rule)))
    assert len(sent) == 2


def test_spans_search_and_verdicts(acme, analyst, client_of):
    hot_days(acme, name="Tents")
    hot_days(acme, name="Boats")
    rule = make_rule(acme)
    client = client_of(analyst)
    assert 'aria-current="page">90 days' in text_of(client.get(page_of(rule, days=90)))
    assert 'aria-current="page">30 days' in text_of(client.get(page_of(rule, days=7)))
    found = text_of(client.get(page_of(rule, q="boa"), **HTMX))
    assert "Boats" in found
    assert "Tents" not in found
    assert "No action here" in text_of(client.get(page_of(rule, verdict="wrong"), **HTMX))
    hot_days(acme, name="Ropes")
    cache.clear()
    assert "page=2" in text_of(client.get(page_of(rule), **HTMX))  # 27 actions, 25 on a page
    assert text_of(client.get(page_of(rule, page=2), **HTMX)).count("Still right") == 2


def test_nothing_to_find_is_said(acme, analyst, client_of):
    rule = make_rule(acme)
    assert "No campaign is in the rule" in text_of(client_of(analyst).get(page_of(rule)))
    make_campaign(acme)
    cache.clear()
    page = text_of(client_of(analyst).get(page_of(rule)))
    assert "It would have done nothing" in page
    assert "held back" in page


def test_rule_that_cannot_be_read_says_why(acme, analyst, client_of):
    rule = make_rule(acme, condition_field="weather")
    assert "The rule cannot be read" in text_of(client_of(analyst).get(page_of(rule)))


def test_statements_do_not_grow(acme, analyst, client_of):
    rule = make_rule(acme)
    client, counts = client_of(analyst), []
    hot_days(acme)
    client.get(page_of(rule))
    for more in (0, 2):
        for _number in range(more):
            hot_days(acme)
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            assert client.get(page_of(rule)).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
    with CaptureQueriesContext(connection) as captured:
        client.get(page_of(rule))
    assert len(captured) < counts[0]  # kept for the next page of the table
