"""The tab 'What it was worth': what it says, who sees it, its file, and that it does not cost more with more rows."""

import csv
import io

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditLog
from campaigns.models import ExchangeRate
from campaigns.tests.factories import make_account, make_campaign
from rules.tests.account_cast import acted, day, days, enabled, figure, held_out, moved, on, paused
from rules.tests.factories import make_rule
from rules.tests.platform_cast import NOW, make_budget_rule, make_pause_rule
from rules.tests.test_views import HTMX, inside, url


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def tab(client, rule, **more):
    headers = more.pop("headers", {})
    return client.get(url("rule_detail", rule.pk), {"tab": "worth", **more}, **headers).content.decode()


def stopped(tenant, rule, name="Tents"):
    """A campaign at 70.00 a day and half of it back, stopped on three days."""
    campaign = make_campaign(tenant, name=name)
    days(campaign, 5, 11, spend_cents=7_000, revenue_cents=3_500)
    paused(rule, campaign, on(12))
    enabled(campaign, on(16))
    return campaign


@pytest.fixture
def pauser(acme):
    """A pause rule that stopped one campaign."""

    def made():
        rule = make_pause_rule(acme, name="Stop loss")
        stopped(acme, rule)
        return rule

    return inside(acme, made)


def test_the_tab_says_what_pauses_avoided_and_how_that_is_known(acme, pauser, viewer, client_of):
    client = client_of(viewer)
    page = tab(client, pauser)
    assert 'aria-current="page">What it was worth' in page
    for words in (
        "24 Oct – 22 Nov 2026", "Spend avoided", "≈ $210", "3 days stopped", "≈ $105", "at a ROAS of 0.50× before",
        "Active → Paused", "$210.00", "(days stopped) − (what was spent on those days all the same)", "14 at most",
    ):  # fmt: skip
        assert words in page, words
    assert "Beside its hold-out group" not in page
    assert "Around its changes of budgets" not in page
    assert "compare-menu" not in page  # nothing is compared with an earlier period here
    assert url("rule_account_export", pauser.pk) not in page  # viewers do not export
    early = tab(client, pauser, range="7d")
    assert "Nothing to account for in these days" in early
    assert "$210" not in early


def test_the_empty_tab_teaches(acme, viewer, analyst, client_of):
    rule = make_rule(acme)
    assert "Nothing to account for in these days" in tab(client_of(viewer), rule)
    assert "Replay it on past days" not in tab(client_of(viewer), rule)
    assert "Replay it on past days" in tab(client_of(analyst), rule)


def test_filters_sorting_and_pages_are_one_fragment(acme, pauser, viewer, client_of):
    def more():
        boats = make_campaign(acme, name="Boats")
        days(boats, 5, 11, spend_cents=100, revenue_cents=500)
        parts = {"spend_cents": 500, "revenue_cents": 400}
        acted(pauser, boats, on(13), condition_result=figure(boats, 9, 11, parts=parts))
        for number in range(30):
            acted(pauser, make_campaign(acme, name=f"Rope {number}"), on(14))

    inside(acme, more)
    client = client_of(viewer)
    fragment = tab(client, pauser, q="boa", headers=HTMX)
    assert fragment.lstrip().startswith('<div id="account-table"')
    assert "Boats" in fragment
    assert "Tents" not in fragment
    assert "Proved wrong" in fragment
    assert "+$11.00" in fragment  # 15.00 now, 4.00 then
    assert "Boats" in tab(client, pauser, verdict="wrong", headers=HTMX)
    assert "No action here" in tab(client, pauser, verdict="right", headers=HTMX)
    assert "Tents" not in tab(client, pauser, headers=HTMX)  # on the second page
    assert "Tents" in tab(client, pauser, page=2, headers=HTMX)
    by_worth = tab(client, pauser, sort="-avoided", headers=HTMX)
    assert by_worth.index("Tents") < by_worth.index("Rope")
    assert "tab=worth" in by_worth  # links of the table stay on the tab


def test_a_rule_that_pauses_nothing_says_nothing_of_pauses(acme, viewer, client_of):
    def made():
        rule = make_rule(acme)
        campaign = make_campaign(acme)
        labels = {"before": {"labels": ["a"]}, "after": {"labels": ["a", "Hot"]}}
        acted(rule, campaign, on(12), action_result={"action": "apply_label", **labels})
        acted(rule, campaign, on(14), action_result={"action": "send_alert", "before": {}, "after": {}})
        return rule

    page = tab(client_of(viewer), inside(acme, made))
    assert "Label applied: Hot" in page
    assert "Alert sent" in page
    assert "Spend avoided" not in page
    assert "Later revenue" not in page
    assert "No action can be compared." in page


def test_budgets_have_their_weeks_around_them(acme, viewer, client_of):
    def made():
        rule, campaign = make_budget_rule(acme), make_campaign(acme)
        days(campaign, 3, 9, spend_cents=1_000, revenue_cents=3_000)
        days(campaign, 11, 17, spend_cents=1_500, revenue_cents=3_600)
        moved(rule, campaign, on(10), 10_000, 12_000)
        moved(rule, campaign, on(20), 12_000, 14_400)
        return rule

    page = tab(client_of(viewer), inside(acme, made))
    for words in ("Raised", "$70.00 → $105.00", "3.00× → 2.40×", "$100.00 → $120.00", "the 7 days after are not over"):
        assert words in page, words
    assert "Lowered" not in page


def test_the_hold_out_group_in_words(acme, viewer, client_of):
    def made():
        rule = make_rule(acme, holdout_percent=20)
        for tell, revenue in ((acted, 3_000), (held_out, 2_500)):
            campaign = make_campaign(acme)
            days(campaign, 3, 9, spend_cents=1_000, revenue_cents=2_000)
            days(campaign, 11, 17, spend_cents=1_000, revenue_cents=revenue)
            tell(rule, campaign, on(10))
        return rule

    page = tab(client_of(viewer), inside(acme, made))
    assert (
        "ROAS of the campaigns that it acted on: 2.00× → 3.00×; of the hold-out group: 2.00× → 2.50×. "
        "The difference between the two changes is +0.50×."
    ) in page
    assert "Too few to tell: it takes at least 10 campaigns on each side, here are 1 and 1." in page


def test_currencies_without_a_rate_stand_beside_the_sum(acme, viewer, client_of):
    def made():
        rule = make_pause_rule(acme)
        for code in ("EUR", "EGP"):
            campaign = make_campaign(acme, account=make_account(acme, currency=code))
            days(campaign, 5, 11, spend_cents=10_000)
            paused(rule, campaign, on(12))
            enabled(campaign, on(14))
        for number in (4, 10):
            ExchangeRate.objects.create(currency="USD", date=day(number), per_euro="2")
        return rule

    page = tab(client_of(viewer), inside(acme, made))
    assert "≈ $200" in page
    assert "2 days stopped; and ≈ EGP\u00a0100" in page
    assert "No exchange rate on some of these days: EGP." in page


def test_the_file_holds_all_actions_of_the_days(acme, pauser, analyst, viewer, client_of):
    inside(acme, lambda: stopped(acme, pauser, name="=Boats"))
    client = client_of(analyst)
    path = url("rule_account_export", pauser.pk)
    page = tab(client, pauser, q="tents", range="30d")
    assert f'href="{path}?range=30d"' in page
    assert client_of(viewer).get(path).status_code == 403
    assert client.post(path).status_code == 405
    answer = client.get(path)
    assert answer["Content-Disposition"] == (
        f'attachment; filename="stratum-rule-{pauser.pk}-20261024-20261122.csv"'
    )  # fmt: skip
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {line["campaign"] for line in lines} == {"Tents", "'=Boats"}
    kept = ("day", "fate", "currency", "days_stopped", "spend_avoided", "revenue_forgone", "verdict", "settling")
    assert [lines[0][name] for name in kept] == ["2026-11-12", "applied", "USD", "3", "210.00", "105.00", "", "False"]
    assert len(client.get(path, {"range": "7d"}).content.decode().splitlines()) == 1
    entry = inside(acme, lambda: AuditLog.objects.filter(action="export").order_by("-pk").first())
    assert entry.resource_id == str(pauser.pk)


def test_another_workspace_sees_neither_the_tab_nor_the_file(acme, globex, pauser, outsider, client_of):
    client = client_of(outsider)
    assert client.get(url("rule_detail", pauser.pk), {"tab": "worth"}).status_code == 404
    assert client.get(url("rule_account_export", pauser.pk)).status_code == 404

    def look_alike():
        rule = make_pause_rule(globex, name="Stop loss")
        stopped(globex, rule, name="Tents of globex")
        return rule

    theirs = inside(globex, look_alike)
    page = tab(client, theirs)
    assert "Tents of globex" in page
    assert "≈ $210" in page  # theirs alone
    assert "≈ $420" not in page


def test_one_row_and_three_rows_take_the_same_statements(acme, pauser, analyst, client_of):
    client, counts = client_of(analyst), []
    inside(acme, lambda: held_out(pauser, make_campaign(acme), on(10)))
    tab(client, pauser)
    for more in (0, 2):
        for number in range(more):
            inside(acme, lambda name=f"More {number}": stopped(acme, pauser, name=name))
        for ask in ({}, {"headers": HTMX}):
            with CaptureQueriesContext(connection) as captured:
                tab(client, pauser, **ask)
            counts.append(len(captured))
    assert counts[:2] == counts[2:]
