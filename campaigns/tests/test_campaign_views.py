import csv
import datetime
import io
from decimal import Decimal

import openpyxl
import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditLog
from campaigns.models import Campaign
from campaigns.tests.factories import make_account, make_campaign, record_days
from stratum.lib.spreadsheets import safe_text
from tenants.context import tenant_context

LIST = "/campaigns/"
YESTERDAY = timezone.now().date() - datetime.timedelta(days=2)


def spent(campaign, cents=10_000, **more):
    record_days(campaign, {YESTERDAY: {"spend_cents": cents, "impressions": 1000, "clicks": 20, **more}})
    return campaign


def labels_of(campaign):
    with tenant_context(campaign.tenant_id), transaction.atomic():
        return Campaign.objects.get(pk=campaign.pk).labels


def newest_entry(tenant):
    with tenant_context(tenant), transaction.atomic():
        return AuditLog.objects.order_by("-pk").first()


def body(response):
    return (b"".join(response.streaming_content) if response.streaming else response.content).decode()


@pytest.fixture
def own_cache(settings):
    """A cache that no other process clears in between: completeness is learnt once an hour, then it costs nothing."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "views"}}


# --- The list -------------------------------------------------------------------------------------------------


def test_list_shows_the_workspaces_campaigns_alone(acme, globex, viewer, client_of):
    spent(make_campaign(acme, name="Ours"), 12_345)
    spent(make_campaign(globex, name="Theirs"), 99_999)
    text = body(client_of(viewer).get(LIST))
    assert "Ours" in text
    assert "123.45" in text
    assert "Theirs" not in text
    assert "999.99" not in text


@pytest.mark.parametrize("campaigns", [1, 3])
def test_list_takes_the_same_queries_for_any_number(
    acme, viewer, client_of, campaigns, django_assert_num_queries, own_cache
):
    account = make_account(acme)
    for _number in range(campaigns):
        spent(make_campaign(acme, account=account, labels=["a"]))
    client = client_of(viewer)
    client.get(LIST)
    with django_assert_num_queries(LIST_QUERIES):
        client.get(LIST)


LIST_QUERIES = 15


def test_fragment_holds_the_table_and_what_depends_on_the_state(acme, manager, client_of):
    make_campaign(acme, name="Ours")
    text = body(client_of(manager).get(LIST, headers={"HX-Request": "true"}))
    assert text.count("<html") == 0
    assert 'id="campaign-table"' in text
    assert text.count('hx-swap-oob="true"') == 6


def test_going_back_gets_the_whole_page(acme, viewer, client_of):
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert "<html" in body(client_of(viewer).get(LIST, headers=headers))


def test_empty_list_teaches_and_no_match_says_so(acme, manager, viewer, client_of):
    assert "No campaigns yet" in body(client_of(manager).get(LIST))
    make_campaign(acme)
    found = body(client_of(viewer).get(LIST, {"q": "nothing like it"}))
    assert "No campaign matches" in found
    assert "past the end" in body(client_of(viewer).get(LIST, {"page": "7"}))


@pytest.mark.parametrize(
    "query",
    [
        "sort=nonsense",
        "page=-1",
        "per=7",
        "columns=x,y",
        "range=custom&from=x",
        "q=%00",
        "account=9" * 3,
        "compare=year",
    ],
)
def test_any_query_string_opens_the_list(acme, viewer, client_of, query):
    spent(make_campaign(acme))
    assert client_of(viewer).get(f"{LIST}?{query}").status_code == 200


def test_only_editors_can_select(acme, viewer, manager, client_of):
    make_campaign(acme)
    assert "data-row-all" not in body(client_of(viewer).get(LIST))
    assert "data-row-all" in body(client_of(manager).get(LIST))


def test_names_are_escaped_everywhere(acme, manager, client_of):
    campaign = spent(make_campaign(acme, name="<script>alert(1)</script>", labels=['"><b>x']))
    client = client_of(manager)
    for path in (LIST, f"/campaigns/{campaign.pk}/", "/search/?q=alert"):
        text = body(client.get(path))
        assert "<script>alert(1)" not in text
        assert '"><b>x' not in text
        assert "&lt;script&gt;alert(1)" in text


# --- Labels ---------------------------------------------------------------------------------------------------


def test_bulk_label_and_its_undo(acme, manager, client_of):
    one, two, other = (make_campaign(acme) for _number in range(3))
    client = client_of(manager)
    response = client.post(
        "/campaigns/labels/add/", {"ids": [one.pk, two.pk], "label": " Q4  push ", "state": "sort=name"}
    )
    assert response["Location"] == f"{LIST}?sort=name"
    assert (labels_of(one), labels_of(two), labels_of(other)) == (["Q4 push"], ["Q4 push"], [])
    entry = newest_entry(acme)
    assert entry.new_value["campaign_ids"] == [one.pk, two.pk]
    assert entry.user_id == manager.pk
    undo = client.post(f"/campaigns/labels/undo/{entry.pk}/", headers={"HX-Request": "true"})
    assert undo["HX-Refresh"] == "true"
    assert labels_of(one) == []
    assert newest_entry(acme).new_value["undoes"] == entry.pk


def test_undo_leaves_what_somebody_changed_since(acme, manager, client_of):
    had, fresh = make_campaign(acme, labels=["sale"]), make_campaign(acme)
    client = client_of(manager)
    client.post("/campaigns/labels/add/", {"ids": [had.pk, fresh.pk], "label": "sale"})
    client.post(f"/campaigns/labels/undo/{newest_entry(acme).pk}/")
    assert (labels_of(had), labels_of(fresh)) == (["sale"], [])


def test_all_matching_means_the_filter_not_the_page(acme, manager, client_of):
    paused = [make_campaign(acme, status="paused") for _number in range(3)]
    active = make_campaign(acme)
    data = {"scope": "all", "state": "status=paused&per=25", "label": "stopped"}
    client_of(manager).post("/campaigns/labels/add/", data)
    assert [labels_of(campaign) for campaign in paused] == [["stopped"]] * 3
    assert labels_of(active) == []


def test_labels_reach_no_other_workspace(acme, globex, manager, client_of):
    foreign = make_campaign(globex)
    client = client_of(manager)
    client.post("/campaigns/labels/add/", {"ids": [foreign.pk], "label": "ours"})
    assert client.post(f"/campaigns/{foreign.pk}/labels/add/", {"label": "ours"}).status_code == 404
    assert labels_of(foreign) == []
    assert newest_entry(acme) is None


@pytest.mark.parametrize("data", [{"label": ""}, {"label": "x" * 51}, {"label": "ok"}, {"ids": ["x"], "label": "ok"}])
def test_bulk_label_refuses_in_words(acme, manager, client_of, data):
    campaign = make_campaign(acme)
    given = {"ids": [campaign.pk], **data} if data["label"] != "ok" else data
    response = client_of(manager).post("/campaigns/labels/add/", given, follow=True)
    assert "toast-is-bad" in body(response)
    assert labels_of(campaign) == []


def test_labels_need_the_right_to_edit(acme, analyst, client_of):
    campaign = make_campaign(acme)
    client = client_of(analyst)
    assert client.post("/campaigns/labels/add/", {"ids": [campaign.pk], "label": "x"}).status_code == 403
    assert client.post(f"/campaigns/{campaign.pk}/labels/add/", {"label": "x"}).status_code == 403
    assert labels_of(campaign) == []


def test_one_campaigns_labels(acme, manager, client_of):
    campaign = make_campaign(acme)
    client, path = client_of(manager), f"/campaigns/{campaign.pk}/labels"
    added = client.post(f"{path}/add/", {"label": "Sale"}, headers={"HX-Request": "true"})
    assert "Remove label Sale" in body(added)
    assert client.post(f"{path}/add/", {"label": " "}, headers={"HX-Request": "true"}).status_code == 422
    assert newest_entry(acme).new_value == {"labels": ["Sale"]}
    client.post(f"{path}/remove/", {"label": "Sale"})
    assert labels_of(campaign) == []


def targets_of(campaign):
    with tenant_context(campaign.tenant_id), transaction.atomic():
        return Campaign.objects.values_list("target_cpa_cents", "target_roas").get(pk=campaign.pk)


def test_targets_are_set_and_taken_away(acme, manager, client_of):
    campaign = make_campaign(acme, currency="EUR")
    client, path = client_of(manager), f"/campaigns/{campaign.pk}/targets/"
    saved = client.post(path, {"cpa": "12.50", "roas": "3"}, headers={"HX-Request": "true"})
    assert 'value="12.50"' in body(saved)
    assert targets_of(campaign) == (1250, 3)
    assert newest_entry(acme).new_value == {"target_cpa_cents": 1250, "target_roas": "3"}
    assert 'value="3.00"' in body(client.get(f"/campaigns/{campaign.pk}/"))
    client.post(path, {"cpa": "", "roas": "2.5"})
    assert targets_of(campaign) == (None, Decimal("2.50"))


@pytest.mark.parametrize(
    "given", [{"cpa": "0"}, {"cpa": "-1"}, {"cpa": "1.005"}, {"roas": "x"}, {"roas": "10001"}, {"roas": "1.234"}]
)
def test_senseless_targets_are_refused_and_stay_in_the_form(acme, manager, client_of, given):
    campaign = make_campaign(acme)
    answer = client_of(manager).post(f"/campaigns/{campaign.pk}/targets/", given, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert f'value="{next(iter(given.values()))}"' in body(answer)
    assert targets_of(campaign) == (None, None)


def test_targets_need_the_right_and_the_workspace(acme, globex, analyst, manager, client_of):
    ours, foreign = make_campaign(acme), make_campaign(globex)
    assert client_of(analyst).post(f"/campaigns/{ours.pk}/targets/", {"cpa": "5"}).status_code == 403
    assert client_of(manager).post(f"/campaigns/{foreign.pk}/targets/", {"cpa": "5"}).status_code == 404
    assert (targets_of(ours), targets_of(foreign)) == ((None, None), (None, None))


def test_a_campaign_holds_so_many_labels(acme, manager, client_of):
    campaign = make_campaign(acme, labels=[str(number) for number in range(20)])
    client = client_of(manager)
    answer = client.post(f"/campaigns/{campaign.pk}/labels/add/", {"label": "more"}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    client.post("/campaigns/labels/add/", {"ids": [campaign.pk], "label": "more"})
    assert "more" not in labels_of(campaign)


def test_only_label_changes_can_be_undone_there(acme, manager, client_of):
    campaign = make_campaign(acme)
    client = client_of(manager)
    client.post(f"/campaigns/{campaign.pk}/labels/add/", {"label": "Sale"})
    assert client.post(f"/campaigns/labels/undo/{newest_entry(acme).pk}/").status_code == 404
    client.get("/campaigns/export/")
    answer = client.post(f"/campaigns/labels/undo/{newest_entry(acme).pk}/", follow=True)
    assert "toast-is-bad" in body(answer)


# --- Saved views ----------------------------------------------------------------------------------------------


def test_saved_view_lives_and_dies(acme, viewer, client_of):
    client = client_of(viewer)
    made = client.post("/campaigns/views/add/", {"name": "Paused", "query": "status=paused&page=4"})
    assert made["Location"] == f"{LIST}?status=paused"
    with tenant_context(acme):
        viewer.refresh_from_db()
    key = viewer.preferences["campaign_views"][0]["key"]
    assert "Paused" in body(client.get(LIST))
    client.post(f"/campaigns/views/{key}/rename/", {"name": "Stopped"})
    assert "Stopped" in body(client.get(LIST))
    client.post(f"/campaigns/views/{key}/delete/")
    assert "Stopped" not in body(client.get(LIST)).replace("“Stopped” deleted", "")
    assert newest_entry(acme).resource_type == "users"


@pytest.mark.parametrize("name", ["", "   ", "paused"])
def test_saved_view_needs_a_name_of_its_own(acme, viewer, client_of, name):
    client = client_of(viewer)
    client.post("/campaigns/views/add/", {"name": "Paused", "query": ""})
    assert "toast-is-bad" in body(client.post("/campaigns/views/add/", {"name": name}, follow=True))


def test_saved_views_are_the_persons_own(acme, viewer, manager, client_of):
    client_of(viewer).post("/campaigns/views/add/", {"name": "Mine alone", "query": "q=x"})
    assert "Mine alone" not in body(client_of(manager).get(LIST))


def test_saving_a_view_keeps_the_other_preferences(acme, viewer, client_of):
    with tenant_context(acme), transaction.atomic():
        type(viewer).objects.filter(pk=viewer.pk).update(preferences={"theme": "dark"})
    client_of(viewer).post("/campaigns/views/add/", {"name": "Mine", "query": "q=x"})
    with tenant_context(acme):
        viewer.refresh_from_db()
    assert viewer.preferences["theme"] == "dark"
    assert viewer.email_hash


# --- Exports --------------------------------------------------------------------------------------------------


def read_csv(response):
    return list(csv.reader(io.StringIO(body(response).removeprefix("\ufeff"))))


def test_csv_holds_what_the_list_shows(acme, globex, analyst, client_of):
    spent(make_campaign(acme, name="A", status="paused"), 12_345)
    spent(make_campaign(acme, name="B"), 50)
    spent(make_campaign(globex, name="C", status="paused"), 99)
    query = {"format": "csv", "status": "paused", "columns": "name,spend", "compare": "off"}
    rows = read_csv(client_of(analyst).get("/campaigns/export/", query))
    assert rows[0] == ["Campaign", "Campaign ID", "Platform", "Account", "Spend (USD)"]
    assert [(row[0], row[4]) for row in rows[1:]] == [("A", "123.45")]


def test_csv_runs_no_formula(acme, analyst, client_of):
    make_campaign(acme, name='=HYPERLINK("http://x")')
    rows = read_csv(client_of(analyst).get("/campaigns/export/"))
    assert rows[1][0] == '\'=HYPERLINK("http://x")'


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_texts_that_begin_like_formulas_are_quoted(text):
    assert safe_text(text) == f"'{text}"
    assert safe_text(f"x{text}") == f"x{text}"


def test_xlsx_holds_values_not_formulas(acme, analyst, client_of):
    spent(make_campaign(acme, name="=1+1"), 12_345)
    response = client_of(analyst).get("/campaigns/export/", {"format": "xlsx"})
    book = openpyxl.load_workbook(io.BytesIO(b"".join(response.streaming_content)))
    heads = [cell.value for cell in book.worksheets[0][1]]
    first = dict(zip(heads, (cell for cell in book.worksheets[0][2]), strict=True))
    assert first["Campaign"].value == "=1+1"
    assert first["Campaign"].data_type == "s"
    assert first["Spend (USD)"].value == 123.45
    assert len(book.worksheets) == 2


def test_export_is_recorded(acme, analyst, client_of):
    make_campaign(acme)
    body(client_of(analyst).get("/campaigns/export/", {"q": "camp"}))
    entry = newest_entry(acme)
    assert (entry.action, entry.user_id, entry.new_value["campaigns"]) == ("export", analyst.pk, 1)


def test_export_needs_its_right(acme, viewer, client_of):
    assert client_of(viewer).get("/campaigns/export/").status_code == 403
    with tenant_context(acme), transaction.atomic():
        type(viewer).objects.filter(pk=viewer.pk).update(permissions={"can_export": True})
    assert client_of(viewer).get("/campaigns/export/").status_code == 200


# --- One campaign ---------------------------------------------------------------------------------------------


def test_campaign_page_shows_its_own_currency_and_zone(acme, viewer, client_of):
    account = make_account(acme, currency="EUR", timezone="Asia/Tokyo", name="Tokyo account")
    campaign = spent(make_campaign(acme, account=account, name="Ours"), 4_200, revenue_cents=8_400)
    text = body(client_of(viewer).get(f"/campaigns/{campaign.pk}/"))
    for part in ("Ours", "€42.00", "2.00×", "Asia/Tokyo", "Tokyo account"):
        assert part in text


def test_foreign_campaign_is_not_found(acme, globex, viewer, client_of):
    foreign = make_campaign(globex)
    client = client_of(viewer)
    assert client.get(f"/campaigns/{foreign.pk}/").status_code == 404
    assert client.get(f"/campaigns/{foreign.pk}/days/2026-11-01/").status_code == 404


@pytest.mark.parametrize("days", [1, 3])
def test_campaign_page_takes_the_same_queries_for_any_days(
    acme, viewer, client_of, days, django_assert_num_queries, own_cache
):
    campaign = make_campaign(acme, daily_budget_cents=1000)
    record_days(campaign, {YESTERDAY - datetime.timedelta(days=n): {"spend_cents": 5} for n in range(days)})
    client, path = client_of(viewer), f"/campaigns/{campaign.pk}/"
    client.get(path)
    with django_assert_num_queries(CAMPAIGN_QUERIES):
        client.get(path)


CAMPAIGN_QUERIES = 17


def test_neighbours_are_the_workspaces_own(acme, globex, viewer, client_of):
    first, middle, last = (make_campaign(acme, name=name) for name in ("A", "M", "Z"))
    make_campaign(globex, name="N")
    text = body(client_of(viewer).get(f"/campaigns/{middle.pk}/"))
    assert f'rel="prev" href="{reverse("campaigns:campaign_detail", args=[first.pk])}' in text
    assert f'rel="next" href="{reverse("campaigns:campaign_detail", args=[last.pk])}' in text


def test_day_history_tells_every_state_of_a_number(acme, viewer, client_of):
    campaign = make_campaign(acme)
    start = timezone.now() - datetime.timedelta(days=3)
    for step, conversions in enumerate((1, 4, 5)):
        values = {"spend_cents": 1000, "conversions_micros": conversions * 1_000_000}
        record_days(campaign, {YESTERDAY: values}, known_at=start + datetime.timedelta(days=step))
    text = body(client_of(viewer).get(f"/campaigns/{campaign.pk}/days/{YESTERDAY}/"))
    rows = text.split("<tr>")[2:]
    assert len(rows) == 3
    for row, conversions in zip(rows, ("5", "4", "1"), strict=True):
        assert f'<td class="num">{conversions}<' in row
    assert "First arrival" in rows[-1]


def test_history_of_a_day_that_is_none(acme, viewer, client_of):
    campaign = make_campaign(acme)
    client = client_of(viewer)
    assert client.get(f"/campaigns/{campaign.pk}/days/yesterday/").status_code == 404
    assert "Nothing was ever known" in body(client.get(f"/campaigns/{campaign.pk}/days/2026-01-01/"))


@pytest.mark.parametrize(
    "query", ["first=x&second=y", "first=ctr&second=none", "first=roas&second=cpa", "range=7d&compare=off"]
)
def test_course_takes_any_pair_of_figures(acme, viewer, client_of, query):
    campaign = spent(make_campaign(acme))
    client = client_of(viewer)
    headers = {"HX-Request": "true", "HX-Target": "campaign-course"}
    assert client.get(f"/campaigns/{campaign.pk}/?{query}").status_code == 200
    fragment = body(client.get(f"/campaigns/{campaign.pk}/?{query}", headers=headers))
    assert fragment.lstrip().startswith("<div")
    assert "<html" not in fragment


def test_activity_holds_bulk_changes_of_this_campaign_alone(acme, manager, client_of):
    ours, other = make_campaign(acme), make_campaign(acme)
    client_of(manager).post("/campaigns/labels/add/", {"ids": [ours.pk], "label": "Seen here"})
    assert "Label “Seen here” added" in body(client_of(manager).get(f"/campaigns/{ours.pk}/"))
    assert "Label “Seen here” added" not in body(client_of(manager).get(f"/campaigns/{other.pk}/"))


def test_raw_data_hides_secrets_and_breakdowns_survive_nonsense(acme, viewer, client_of):
    campaign = make_campaign(
        acme,
        raw_data={"access_token": "tok-secret", "name": "raw name"},
        demographics_age={"18-24": {"impressions": 5, "spend_cents": 300}, "25-34": "many"},
        demographics_gender=["not", "a", "split"],
    )
    text = body(client_of(viewer).get(f"/campaigns/{campaign.pk}/"))
    assert "raw name" in text
    assert "tok-secret" not in text
    assert "By age" in text
    assert "By gender" not in text


# --- Data health ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accounts", [1, 3])
def test_data_health_takes_the_same_queries_for_any_number(
    acme, viewer, client_of, accounts, django_assert_num_queries, own_cache
):
    for _number in range(accounts):
        spent(make_campaign(acme))
    client = client_of(viewer)
    client.get("/data-health/")
    with django_assert_num_queries(HEALTH_QUERIES):
        client.get("/data-health/")


HEALTH_QUERIES = 10


def test_data_health_says_how_far_behind(acme, globex, viewer, client_of):
    late = make_campaign(acme, account=make_account(acme, name="Late one"))
    record_days(late, {timezone.now().date() - datetime.timedelta(days=10): {"spend_cents": 1}})
    make_account(globex, name="Foreign one")
    text = body(client_of(viewer).get("/data-health/"))
    assert "Late one" in text
    assert "9 days behind" in text
    assert "Foreign one" not in text
