"""Staff pages of campaigns, imports and exchange rates."""

import datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditLog
from accounts.tests.factories import make_user
from campaigns import tasks
from campaigns.models import AdAccount, Campaign, CampaignMetric, Connection, ExchangeRate, SyncRun
from campaigns.services.sync.runs import LeaseLost, step_count
from campaigns.tests.change_helpers import ask, fresh, ledger_of, make_changeable, set_change
from campaigns.tests.factories import make_account, make_campaign, make_connected_account, make_connection, make_day
from campaigns.tests.import_helpers import import_file
from tenants.context import tenant_context, unscoped
from tenants.tests.factories import make_tenant

UPLOAD = "/admin/campaigns/exchangerate/upload/"


@pytest.fixture
def support(db):
    return make_tenant("support")


@pytest.fixture
def staff_client(support, client_of):
    return client_of(make_user(support, "admin", is_staff=True, is_superuser=True))


@pytest.fixture
def looker_client(support, client_of):
    return client_of(make_user(support, "viewer", is_staff=True))


def table(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("rates.csv", text.encode(), "text/csv")


def rates() -> dict[str, Decimal]:
    with transaction.atomic():
        return {f"{r.date} {r.currency} {r.source}": r.per_euro for r in ExchangeRate.objects.all()}


def test_rates_are_uploaded_with_a_trail(staff_client, support):
    text = "date,currency,per_euro\n2026-01-05,USD,1.1\n2026-01-05,AED,4.04\n"
    response = staff_client.post(UPLOAD, {"file": table(text), "reason": "Missing holidays"}, follow=True)
    assert "2 rates added, 0 corrected, 0 as they were." in response.content.decode()
    assert rates() == {"2026-01-05 USD upload": Decimal("1.1"), "2026-01-05 AED upload": Decimal("4.04")}
    with tenant_context(support), transaction.atomic():
        entry = AuditLog.objects.get(resource_type="exchange_rates")
        assert (entry.reason, entry.new_value["added"]) == ("Missing holidays", 2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("day,currency\n", "first line"),
        ("date,currency,per_euro\n2026-01-05,USD,0\n", "Line 2"),
    ],
)
def test_a_bad_table_changes_nothing_and_says_why(staff_client, text, complaint):
    response = staff_client.post(UPLOAD, {"file": table(text), "reason": "x"})
    assert response.status_code == 200
    assert complaint in response.context["form"].errors["file"][0]
    assert rates() == {}


def test_rates_are_uploaded_by_those_who_may_act(looker_client):
    text = "date,currency,per_euro\n2026-01-05,USD,1.1\n"
    assert looker_client.get(UPLOAD).status_code == 403
    assert looker_client.post(UPLOAD, {"file": table(text), "reason": "x"}).status_code == 403
    assert rates() == {}


def test_a_rate_can_be_removed(staff_client):
    with transaction.atomic():
        rate = ExchangeRate.objects.create(date=datetime.date(2026, 1, 5), currency="USD", per_euro="11")
    page = reverse("admin:campaigns_exchangerate_delete", args=[rate.pk])
    assert "Remove this exchange rate for good?" in staff_client.get(page).content.decode()
    staff_client.post(page, {"post": "yes", "reason": "Typo"})
    assert rates() == {}


def test_tokens_are_named_and_never_shown(staff_client, acme):
    connection = make_connection(acme, access_token="secret-access", refresh_token="secret-refresh")
    account = make_connected_account(acme, connection=connection)
    for page in (
        reverse("admin:campaigns_connection_change", args=[connection.pk]),
        reverse("admin:campaigns_adaccount_change", args=[account.pk]),
    ):
        assert "secret-" not in staff_client.get(page).content.decode()
    assert "stored, encrypted" in staff_client.get(
        reverse("admin:campaigns_connection_change", args=[connection.pk])
    ).content.decode()  # fmt: skip


def test_labels_of_a_campaign_are_changed_and_nothing_else(staff_client, acme):
    campaign = make_campaign(acme, name="Summer")
    page = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    data = {"labels": '["vip"]', "name": "Other", "status": "archived", "reason": "Asked for"}
    assert staff_client.post(page, data).status_code == 302
    with tenant_context(acme), transaction.atomic():
        row = Campaign.objects.get(pk=campaign.pk)
        assert (row.labels, row.name, row.status) == (["vip"], "Summer", "active")


@pytest.mark.parametrize("labels", ['{"a": 1}', "[1]", '["' + "x" * 51 + '"]', '[""]'])
def test_labels_are_a_list_of_short_texts(staff_client, acme, labels):
    page = reverse("admin:campaigns_campaign_change", args=[make_campaign(acme).pk])
    response = staff_client.post(page, {"labels": labels, "reason": "x"})
    assert "labels" in response.context["adminform"].form.errors


def test_days_are_found_by_the_name_of_their_campaign(staff_client, acme):
    wanted = make_day(make_campaign(acme, name="Winter coats"), datetime.date(2026, 1, 5))
    make_day(make_campaign(acme, name="Summer"), datetime.date(2026, 1, 5))
    found = staff_client.get(reverse("admin:campaigns_campaignmetric_changelist"), {"q": "winter"}).context["cl"]
    assert [row.pk for row in found.result_list] == [wanted.pk]


def test_one_workspaces_days_come_in_the_order_of_their_index(staff_client, acme):
    make_day(make_campaign(acme), datetime.date(2026, 1, 5))
    with CaptureQueriesContext(connection) as captured:
        staff_client.get(reverse("admin:campaigns_campaignmetric_changelist"), {"tenant__id__exact": acme.pk})
    listed = [q["sql"] for q in captured.captured_queries if 'ORDER BY "campaign_metrics"' in q["sql"]]
    assert listed
    assert all('ORDER BY "campaign_metrics"."date" DESC' in sql for sql in listed)


def test_amounts_are_shown_in_their_currency(staff_client, acme):
    campaign = make_campaign(acme, account=make_account(acme, currency="JPY"))
    make_day(campaign, datetime.date(2026, 1, 5), spend_cents=1234567, conversions=1, conversions_micros=1_250_000)
    text = staff_client.get(reverse("admin:campaigns_campaignmetric_changelist")).content.decode()
    assert "¥1,234,567" in text
    assert "1.25" in text


def test_an_import_is_undone_by_its_service(staff_client, acme, tmp_path):
    report = tmp_path / "report.csv"
    report.write_text(
        "Campaign name,Campaign ID,Day,Impressions,Link clicks,Amount spent (USD),Reporting starts,Reporting ends\n"
        "Summer,238500001,2026-01-05,1000,10,12.50,2026-01-05,2026-01-05\n"
        "Summer,238500001,2026-01-06,900,9,11.50,2026-01-06,2026-01-06\n"
    )
    batch = import_file(make_user(acme, "manager"), report)
    assert batch.status == "done"
    data = {"action": "undo", "_selected_action": [batch.pk], "reason": "Wrong workspace"}
    page = reverse("admin:campaigns_importbatch_changelist")
    assert "Done for 1 row." in staff_client.post(page, data, follow=True).content.decode()
    with tenant_context(acme), transaction.atomic():
        batch.refresh_from_db()
        assert batch.status == "undone"
        assert not CampaignMetric.objects.exists()
        entry = AuditLog.objects.filter(resource_type="import_batches").latest("pk")
        assert (entry.actor_kind, entry.reason) == ("staff", "Wrong workspace")
    assert "Only an import that is in can be undone." in staff_client.post(page, data, follow=True).content.decode()


def test_a_deleted_campaign_is_still_found(staff_client, acme):
    campaign = make_campaign(acme)
    with unscoped("test set-up"), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(is_deleted=True)
    assert staff_client.get(reverse("admin:campaigns_campaign_change", args=[campaign.pk])).status_code == 200


# --- Connections and platforms --------------------------------------------------------------------------------------


def run_action(client, model: str, name: str, *rows, reason: str = "Asked for") -> str:
    data = {"action": name, "_selected_action": [row.pk for row in rows], "reason": reason}
    response = client.post(reverse(f"admin:campaigns_{model}_changelist"), data, follow=True)
    return response.content.decode()


def test_staff_disconnect_an_account_with_a_reason(staff_client, acme):
    account = make_connected_account(acme)
    assert "Say why" in run_action(staff_client, "adaccount", "disconnect", account, reason="")
    run_action(staff_client, "adaccount", "disconnect", account, reason="Ticket 12")
    with tenant_context(acme), transaction.atomic():
        assert AdAccount.objects.get().status == "disabled"
        assert Connection.objects.get().access_token is None
        entry = AuditLog.objects.get(resource_type="ad_accounts")
    assert (entry.actor_kind, entry.reason, entry.new_value["status"]) == ("staff", "Ticket 12", "disabled")
    assert "This account is not connected." in run_action(staff_client, "adaccount", "disconnect", account)


def test_staff_end_a_connection_with_all_its_accounts(staff_client, looker_client, acme):
    connection = make_connection(acme)
    make_connected_account(acme, connection=connection)
    make_connected_account(acme, connection=connection)
    run_action(looker_client, "connection", "end", connection)
    with tenant_context(acme), transaction.atomic():
        assert Connection.objects.get().status == "ok"  # those who may only look end nothing
    run_action(staff_client, "connection", "end", connection)
    with tenant_context(acme), transaction.atomic():
        assert set(AdAccount.objects.values_list("status", flat=True)) == {"disabled"}
        ended = Connection.objects.get()
    assert (ended.status, ended.access_token) == ("ended", None)


def test_status_of_an_account_is_not_edited_past_the_services(staff_client, acme):
    account = make_account(acme, name="Old")
    page = reverse("admin:campaigns_adaccount_change", args=[account.pk])
    staff_client.post(page, {"name": "New", "status": "ok", "reason": "Asked for"})
    with tenant_context(acme), transaction.atomic():
        row = AdAccount.objects.get()
    assert (row.name, row.status) == ("New", "import_only")


def test_staff_see_which_platforms_are_registered(staff_client, looker_client, settings):
    settings.META_CLIENT_ID, settings.META_CLIENT_SECRET = "an-id", "a-secret"
    for client in (staff_client, looker_client):
        page = client.get("/admin/campaigns/connection/platforms/").content.decode()
        assert "GOOGLE_CLIENT_ID" in page
        assert "META_CLIENT_SECRET" not in page
        assert f"{settings.PUBLIC_URL}/connections/tiktok/callback/" in page
        assert "a-secret" not in page
    assert "platforms/" in staff_client.get(reverse("admin:campaigns_connection_changelist")).content.decode()


def test_page_of_platforms_is_for_staff(acme, client_of, client):
    outsider = client_of(make_user(acme, "admin"))
    assert outsider.get("/admin/campaigns/connection/platforms/").status_code == 403
    assert client.get("/admin/campaigns/connection/platforms/").status_code == 302


def test_command_lists_platforms(live_sandbox, settings):
    settings.SNAPCHAT_CLIENT_SECRET = ""
    out = StringIO()
    call_command("platforms", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0].split()[:2] == ["Meta", "sandbox"]
    assert "missing: SNAPCHAT_CLIENT_SECRET" in out.getvalue()
    assert "sandbox-secret" not in out.getvalue()


def test_staff_ask_again_and_take_back_with_a_reason(staff_client, acme, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks.apply_changes, "delay_on_commit", lambda **message: sent.append(message))
    failed = ask(make_changeable(acme), "status", "paused")
    set_change(failed, state="failed")
    page = reverse("admin:campaigns_campaignchange_changelist")
    data = {"action": "retry", "_selected_action": [failed.pk], "reason": "Ticket 12"}
    assert "Done for 1 row." in staff_client.post(page, data, follow=True).content.decode()
    again = ledger_of(fresh(failed).campaign)[-1]
    assert (again.state, again.actor_label, again.user_id) == ("queued", "Stratum staff", None)
    assert sent == [{"tenant_id": acme.pk, "change_ids": [again.pk]}]
    with tenant_context(acme), transaction.atomic():
        entry = AuditLog.objects.filter(resource_type="campaign_changes").latest("pk")
    assert (entry.actor_kind, entry.reason) == ("staff", "Ticket 12")
    data = {"action": "take_back", "_selected_action": [again.pk], "reason": "Not after all"}
    assert "Done for 1 row." in staff_client.post(page, data, follow=True).content.decode()
    assert fresh(again).error_code == "local.taken_back"
    assert len(sent) == 1


# --- Syncs ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch):
    found: list[int] = []
    monkeypatch.setattr(tasks.sync_account, "delay_on_commit", lambda tenant_id, run_id: found.append(run_id))
    return found


def test_an_account_is_synced_by_staff(staff_client, acme, sent):
    fine, broken = make_connected_account(acme), make_connected_account(acme, status="needs_reauth")
    data = {"action": "sync_now", "_selected_action": [fine.pk, broken.pk], "reason": "Asked for by phone"}
    text = staff_client.post(reverse("admin:campaigns_adaccount_changelist"), data, follow=True).content.decode()
    assert "Done for 1 row." in text
    assert "Connect this account again first." in text
    with tenant_context(acme), transaction.atomic():
        run = SyncRun.objects.get()
        # Staff belong to another workspace: the run names nobody, the trail does.
        assert (run.ad_account_id, run.trigger, run.requested_by) == (fine.pk, "person", None)
        entry = AuditLog.objects.filter(resource_type="sync_runs").latest("pk")
        assert (entry.actor_kind, entry.reason) == ("staff", "Asked for by phone")
    assert sent == [run.pk]


def test_a_run_is_ended_by_staff_and_its_worker_stops(staff_client, acme):
    account = make_connected_account(acme)
    with tenant_context(acme), transaction.atomic():
        run = SyncRun.objects.create(ad_account=account, lease="held", error_kind="rate")
    data = {"action": "end", "_selected_action": [run.pk], "reason": "It hangs"}
    page = reverse("admin:campaigns_syncrun_changelist")
    assert "Done for 1 row." in staff_client.post(page, data, follow=True).content.decode()
    with tenant_context(acme), transaction.atomic(), pytest.raises(LeaseLost):
        step_count(run, {"days": 1})  # the worker that held it
    with tenant_context(acme), transaction.atomic():
        run.refresh_from_db()
        assert (run.status, run.lease, run.error) == ("failed", "", "Stratum’s support ended this sync.")
        entry = AuditLog.objects.filter(resource_type="sync_runs").latest("pk")
        assert (entry.new_value, entry.reason) == ({"status": "failed"}, "It hangs")
    assert "This sync is over already." in staff_client.post(page, data, follow=True).content.decode()
    index = staff_client.get("/admin/").content.decode()
    assert "Failed syncs, 24 hours" in index
