"""An import as a whole: what goes in, where it belongs, what is refused, and that nothing is ever half in."""

import dataclasses
from datetime import date
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db import transaction

from accounts.models import AuditLog
from campaigns.choices import RevisionSource
from campaigns.exports import ReportRefused
from campaigns.models import AdAccount, Campaign, CampaignMetric, DailyTotal, ImportBatch, MetricRevision
from campaigns.queries.import_answers import Answers
from campaigns.queries.import_preview import control_of, preview_of
from campaigns.queries.rollups import campaign_differences, day_differences
from campaigns.services.imports import (
    DuplicateImport,
    import_cancel,
    import_check,
    import_confirm,
    import_retry,
    import_run,
    import_undo,
    import_undo_plan,
)
from campaigns.services.metrics import MetricRow, metrics_upsert
from campaigns.tests.exports import reports
from campaigns.tests.exports.broken import BROKEN
from campaigns.tests.exports.builders import Delivery, deliveries, write_csv, write_utf16, write_xlsx
from campaigns.tests.factories import make_account, make_campaign
from campaigns.tests.import_helpers import NEW_ACCOUNT, check, import_file, person, run, upload
from stratum.lib.errors import DomainError
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant

FROM_FILE = Answers(timezone="Europe/Madrid", accepted=True)


@pytest.fixture
def meta_file(tmp_path):
    return write_csv(tmp_path / "meta.csv", reports.meta(deliveries(), totals="last", ids=True))


def nothing_written():
    with unscoped("test"), transaction.atomic():
        return not any(
            model.objects.exists() for model in (AdAccount, Campaign, CampaignMetric, DailyTotal, MetricRevision)
        )


def test_a_report_goes_in_whole(in_acme, manager, meta_file):
    batch = upload(manager, meta_file)
    assert (batch.status, batch.platform, batch.checked_at) == ("uploaded", "meta", None)
    assert batch.file.name.startswith(f"{in_acme.pk}/imports/")
    assert "meta" not in batch.file.name
    batch = check(manager, batch)
    preview = preview_of(batch)
    assert (preview.whole.rows, preview.whole.campaigns, preview.whole.without_ids) == (15, 3, 0)
    assert control_of(batch).is_checked
    assert control_of(batch).is_within
    assert nothing_written()
    batch = run(manager, batch)
    assert batch.status == "done"
    assert (batch.counts["days_added"], batch.counts["campaigns_created"]) == (15, 3)
    assert (batch.date_from, batch.date_to) == (date(2026, 4, 11), date(2026, 4, 15))
    account = AdAccount.objects.get()
    assert (account.name, account.currency, account.timezone, account.platform) == (
        "Main", "EUR", "Europe/Madrid", "meta",
    )  # fmt: skip
    assert batch.ad_account == account
    totals = reports.sums(deliveries())
    assert sum(Campaign.objects.values_list("total_spend_cents", flat=True)) == totals["spend"] * 100
    assert sum(DailyTotal.objects.values_list("clicks", flat=True)) == totals["clicks"]
    assert campaign_differences() == day_differences() == []
    assert set(CampaignMetric.objects.values_list("import_batch", flat=True)) == {batch.pk}


def test_import_is_audited_as_the_persons_import(in_acme, manager, meta_file):
    batch = import_file(manager, meta_file)
    entries = AuditLog.objects.filter(resource_type="import_batches", resource_id=str(batch.pk)).order_by("id")
    assert [(entry.action, entry.actor_kind) for entry in entries] == [
        ("create", "user"), ("update", "user"), ("update", "import"),
    ]  # fmt: skip
    assert {entry.user_id for entry in entries} == {manager.pk}


@pytest.mark.parametrize("name", list(BROKEN))
def test_broken_file_leaves_nothing_behind(acme, manager, tmp_path, settings, name):
    path = BROKEN[name](tmp_path)
    try:
        batch = upload(manager, path)
    except DomainError:
        with tenant_context(acme):
            assert not ImportBatch.objects.exists()
    else:
        batch = check(manager, batch)
        if name != "no_currency":  # that one is asked for, not refused
            assert batch.status == "refused"
            assert batch.error
            assert batch.error_code
    assert nothing_written()


def test_refused_upload_keeps_no_file(acme, manager, tmp_path):
    with pytest.raises(ReportRefused):
        upload(manager, BROKEN["pdf"](tmp_path))
    assert default_storage.listdir(f"{acme.pk}/imports")[1] == []


def test_too_large_is_refused_before_it_is_read(acme, manager, meta_file, settings):
    settings.IMPORT_MAX_BYTES = 100
    with pytest.raises(DomainError) as refused:
        upload(manager, meta_file)
    assert refused.value.code == "too_large"


# --- The same report again ---------------------------------------------------------------------------------------


def test_same_bytes_are_refused_with_the_earlier_import(in_acme, manager, meta_file):
    first = import_file(manager, meta_file)
    with pytest.raises(DuplicateImport) as refused:
        upload(manager, meta_file)
    assert refused.value.earlier == first


def test_same_upload_waiting_is_the_same_import(in_acme, manager, meta_file):
    first = upload(manager, meta_file)
    assert upload(manager, meta_file) == first
    assert ImportBatch.objects.count() == 1


def test_same_report_in_another_container_is_refused(in_acme, manager, tmp_path, meta_file):
    first = import_file(manager, meta_file)
    twin = write_utf16(tmp_path / "twin.csv", reports.meta(deliveries(), totals="last", ids=True))
    batch = check(manager, upload(manager, twin))
    assert (batch.status, batch.error_code) == ("refused", "duplicate")
    assert batch.counts["earlier"] == first.pk


def test_twins_confirmed_together_go_in_once(in_acme, manager, tmp_path, meta_file):
    twin = write_utf16(tmp_path / "twin.csv", reports.meta(deliveries(), totals="last", ids=True))
    first, second = check(manager, upload(manager, meta_file)), check(manager, upload(manager, twin))
    assert run(manager, first).status == "done"
    second = run(manager, second)
    assert (second.status, second.error_code) == ("refused", "duplicate")
    assert CampaignMetric.objects.count() == 15


def test_confirming_twice_queues_once(in_acme, manager, meta_file):
    batch = check(manager, upload(manager, meta_file))
    run(manager, batch)
    assert import_confirm(batch=batch, answers=NEW_ACCOUNT, actor=person(manager)).status == "done"
    assert import_run(batch_id=batch.pk) is None


def test_second_overlapping_report_changes_what_differs_only(in_acme, manager, tmp_path, meta_file):
    import_file(manager, meta_file)
    rows = deliveries(days=7)
    rows[0] = dataclasses.replace(rows[0], clicks=rows[0].clicks + 5)
    later = write_csv(tmp_path / "later.csv", reports.meta(rows, ids=True))
    account = AdAccount.objects.get()
    batch = import_file(manager, later, Answers(account_id=account.pk, accepted=True))
    assert batch.status == "done", batch.error
    assert {key: batch.counts[key] for key in ("days_added", "days_changed", "days_unchanged")} == {
        "days_added": 6, "days_changed": 1, "days_unchanged": 14,
    }  # fmt: skip
    revision = MetricRevision.objects.get()
    assert (revision.new_clicks - revision.old_clicks, revision.source) == (5, RevisionSource.IMPORT)


# --- Columns that are absent -------------------------------------------------------------------------------------


def test_absent_columns_overwrite_nothing(in_acme, manager, tmp_path, meta_file):
    import_file(manager, meta_file)
    before = list(CampaignMetric.objects.order_by("id").values_list("clicks", "revenue_cents"))
    table = [["Day", "Campaign name", "Campaign ID", "Impressions", "Amount spent (EUR)"]]
    table += [[row.day, row.campaign, row.campaign_id, row.impressions, row.spend + 1] for row in deliveries()]
    path = write_csv(tmp_path / "fewer.csv", table)
    batch = import_file(manager, path, Answers(account_id=AdAccount.objects.get().pk, accepted=True))
    assert batch.counts["days_changed"] == 15
    assert list(CampaignMetric.objects.order_by("id").values_list("clicks", "revenue_cents")) == before


# --- Accounts ---------------------------------------------------------------------------------------------------


def google_with_accounts(path, *accounts, currency="EUR"):
    """One campaign a day and account; `accounts` are (customer id, name)."""
    table = [["Campaign", "Campaign ID", "Day", "Account", "Customer ID", "Currency code", "Cost", "Clicks", "Impr."]]
    for number, (customer, name) in enumerate(accounts):
        for day in ("2026-04-13", "2026-04-14"):
            table.append([f"C{number}", 9000 + number, day, name, customer, currency, "12.50", 4, 100])
    return write_csv(path, table)


def test_accounts_come_from_the_file(in_acme, manager, tmp_path):
    path = google_with_accounts(tmp_path / "g.csv", ("123-456-7890", "North"), ("222-333-4444", "South"))
    batch = import_file(manager, path, FROM_FILE)
    assert batch.status == "done", batch.error
    assert batch.ad_account is None
    accounts = AdAccount.objects.order_by("name")
    assert [(a.external_id, a.name, a.currency, a.timezone) for a in accounts] == [
        ("1234567890", "North", "EUR", "Europe/Madrid"),
        ("2223334444", "South", "EUR", "Europe/Madrid"),
    ]
    assert list(Campaign.objects.order_by("name").values_list("ad_account__name", "metrics__clicks").distinct()) == [
        ("North", 4), ("South", 4),
    ]  # fmt: skip
    assert campaign_differences() == day_differences() == []


def test_existing_account_of_the_file_is_used(in_acme, acme, manager, tmp_path):
    account = make_account(acme, platform="google", external_id="1234567890", currency="EUR", timezone="Asia/Dubai")
    batch = import_file(manager, google_with_accounts(tmp_path / "g.csv", ("123-456-7890", "North")), FROM_FILE)
    assert batch.ad_account == account
    assert AdAccount.objects.get().timezone == "Asia/Dubai"


def test_other_currency_than_the_account_is_refused(in_acme, acme, manager, tmp_path):
    make_account(acme, platform="google", external_id="1234567890", currency="USD")
    batch = import_file(manager, google_with_accounts(tmp_path / "g.csv", ("123-456-7890", "North")), FROM_FILE)
    assert (batch.status, batch.error_code) == ("refused", "currency_mismatch")
    assert "EUR" in batch.error
    assert not CampaignMetric.objects.exists()


def test_another_chosen_account_than_the_files_is_refused(in_acme, acme, manager, tmp_path):
    other = make_account(acme, platform="google", external_id="5555555555", currency="EUR")
    path = google_with_accounts(tmp_path / "g.csv", ("123-456-7890", "North"))
    batch = import_file(manager, path, Answers(account_id=other.pk, accepted=True))
    assert (batch.status, batch.error_code) == ("refused", "account_mismatch")


def test_account_known_by_name_learns_its_id(in_acme, manager, tmp_path):
    table = [["Campaign", "Day", "Currency code", "Cost", "Clicks", "Impr."], ["C0", "2026-04-12", "EUR", "1.00", 1, 9]]
    first = import_file(manager, write_csv(tmp_path / "a.csv", table), Answers(account_name="Shop", accepted=True))
    assert first.status == "done", first.error
    account = AdAccount.objects.get()
    assert account.external_id.startswith("name:")
    path = google_with_accounts(tmp_path / "g.csv", ("123-456-7890", "Shop"))
    second = import_file(manager, path, Answers(account_id=account.pk, accepted=True))
    assert second.status == "done", second.error
    account.refresh_from_db()
    assert account.external_id == "1234567890"
    # The campaign was known by its name: it learns its id and keeps its days.
    campaign = Campaign.objects.get()
    assert (campaign.external_id, campaign.account_id) == ("9000", "1234567890")
    assert campaign.metrics.count() == 3


def test_account_must_be_clear(in_acme, manager, meta_file):
    batch = import_file(manager, meta_file, Answers(accepted=True))
    assert (batch.status, batch.error_code) == ("refused", "account_needed")
    assert nothing_written()


def test_chosen_account_of_another_workspace_is_not_there(in_acme, globex, manager, meta_file):
    foreign = make_foreign_account(globex)
    batch = import_file(manager, meta_file, Answers(account_id=foreign, accepted=True))
    assert (batch.status, batch.error_code) == ("refused", "account_gone")


def make_foreign_account(tenant):
    with unscoped("test"):
        return AdAccount.objects.create(tenant=tenant, platform="meta", external_id="x", name="x", currency="USD").pk


def test_currency_of_a_silent_file_is_the_answer(in_acme, manager, tmp_path):
    path = BROKEN["no_currency"](tmp_path)
    batch = check(manager, upload(manager, path))
    assert batch.status == "uploaded"
    assert preview_of(batch).head.currency is None
    batch = run(manager, batch, dataclasses.replace(NEW_ACCOUNT, currency="KWD"))
    assert batch.status == "done", batch.error
    assert set(Campaign.objects.values_list("currency", flat=True)) == {"KWD"}
    # Three decimals: 1,234.56 dinars are 1,234,560 fils.
    assert min(CampaignMetric.objects.values_list("spend_cents", flat=True)) == 1_234_560


# --- Campaigns ------------------------------------------------------------------------------------------------------


def names_only(path, rows):
    return write_csv(path, reports.meta(rows))


def test_campaigns_without_ids_have_stable_keys(in_acme, manager, tmp_path):
    rows = deliveries(days=2)
    first = import_file(manager, names_only(tmp_path / "a.csv", rows))
    assert first.status == "done", first.error
    ids = dict(Campaign.objects.values_list("name", "id"))
    assert all(key.startswith("name:") for key in Campaign.objects.values_list("external_id", flat=True))
    account = AdAccount.objects.get()
    second = import_file(
        manager, names_only(tmp_path / "b.csv", deliveries(days=4)), Answers(account_id=account.pk, accepted=True)
    )
    assert second.counts["campaigns_created"] == 0
    assert dict(Campaign.objects.values_list("name", "id")) == ids


def test_names_are_matched_within_the_account_only(in_acme, acme, manager, tmp_path):
    other = make_account(acme)
    namesake = make_campaign(acme, account=other, name="Brand Search")
    import_file(manager, names_only(tmp_path / "a.csv", deliveries(days=1)))
    assert Campaign.objects.filter(name="Brand Search").count() == 2
    assert not namesake.metrics.exists()


def test_a_report_without_ids_finds_campaigns_by_name(in_acme, manager, tmp_path, meta_file):
    import_file(manager, meta_file)
    account = AdAccount.objects.get()
    rows = deliveries(days=6)
    batch = import_file(manager, names_only(tmp_path / "n.csv", rows), Answers(account_id=account.pk, accepted=True))
    assert batch.counts["campaigns_created"] == 0
    assert batch.counts["days_added"] == 3


def test_repeated_names_are_warned_of(in_acme, manager, tmp_path):
    rows = deliveries(days=2)
    batch = check(manager, upload(manager, names_only(tmp_path / "a.csv", [*rows, *rows])))
    assert "duplicate_names" in {warning["code"] for warning in batch.warnings}


def test_states_that_the_report_does_not_give_are_told_from_its_last_days(in_acme, manager, tmp_path):
    recent = Delivery(date(2026, 4, 30), "Recent", "1", 10, 1, Decimal(1))
    old = Delivery(date(2026, 4, 1), "Old", "2", 10, 1, Decimal(1))
    batch = import_file(manager, write_csv(tmp_path / "a.csv", reports.meta([old, recent], ids=True)))
    assert dict(Campaign.objects.values_list("name", "status")) == {"Recent": "active", "Old": "paused"}
    assert "no_status" in {warning["code"] for warning in batch.warnings}


def test_older_report_does_not_rename(in_acme, manager, tmp_path, meta_file):
    import_file(manager, meta_file)
    old = [
        dataclasses.replace(row, campaign=f"Old {row.campaign}", day=date(2026, 3, row.day.day)) for row in deliveries()
    ]
    path = write_csv(tmp_path / "old.csv", reports.meta(old, ids=True))
    batch = import_file(manager, path, Answers(account_id=AdAccount.objects.get().pk, accepted=True))
    assert batch.counts["days_added"] == 15
    assert not Campaign.objects.filter(name__startswith="Old").exists()


def test_connected_account_is_not_renamed_by_a_report(in_acme, acme, manager, tmp_path):
    account = make_account(acme, platform="google", external_id="1234567890", currency="EUR", status="ok")
    make_campaign(acme, account=account, external_id="9000", name="As synced", status="paused")
    import_file(manager, google_with_accounts(tmp_path / "g.csv", ("123-456-7890", "North")), FROM_FILE)
    assert list(Campaign.objects.values_list("name", "status")) == [("As synced", "paused")]


def test_plan_limit_refuses_the_whole_report(in_acme, acme, manager, meta_file):
    make_campaign(acme)
    with unscoped("test"):
        Tenant.objects.update(max_campaigns=2)
    batch = import_file(manager, meta_file)
    assert (batch.status, batch.error_code) == ("refused", "campaign_limit")
    assert "2" in batch.error
    assert Campaign.objects.count() == 1
    assert not CampaignMetric.objects.exists()
    with unscoped("test"):
        Tenant.objects.update(max_campaigns=4)
    batch = import_retry(batch=batch, actor=person(manager))
    assert run(manager, check(manager, batch)).status == "done"


# --- Warnings, cancelling, progress ----------------------------------------------------------------------------------


def wrong_totals(path):
    table = reports.meta(deliveries(), totals="last", ids=True)
    table[-1][2] = "1"
    return write_csv(path, table)


def test_differing_totals_must_be_agreed_to(in_acme, manager, tmp_path):
    batch = check(manager, upload(manager, wrong_totals(tmp_path / "w.csv")))
    assert not control_of(batch).is_within
    with pytest.raises(DomainError) as refused:
        run(manager, batch, dataclasses.replace(NEW_ACCOUNT, accepted=False))
    assert refused.value.code == "warnings_not_accepted"
    assert run(manager, batch).status == "done"


def test_cancelled_upload_cannot_be_confirmed(in_acme, manager, meta_file):
    batch = check(manager, upload(manager, meta_file))
    assert import_cancel(batch=batch, actor=person(manager)).status == "refused"
    with pytest.raises(DomainError):
        run(manager, batch)
    with pytest.raises(DomainError):
        import_cancel(batch=batch, actor=person(manager))


def test_unread_upload_cannot_be_confirmed(in_acme, manager, meta_file):
    with pytest.raises(DomainError) as refused:
        run(manager, upload(manager, meta_file))
    assert refused.value.code == "not_checked"


def test_check_twice_is_harmless(in_acme, manager, meta_file):
    batch = check(manager, upload(manager, meta_file))
    assert import_check(batch_id=batch.pk, actor=person(manager)) is None


def test_lost_file_is_said(in_acme, manager, meta_file):
    batch = upload(manager, meta_file)
    default_storage.delete(batch.file.name)
    batch = check(manager, batch)
    assert (batch.status, batch.error_code) == ("refused", "file_gone")
    with pytest.raises(DomainError):
        import_retry(batch=batch, actor=person(manager))


def test_progress_is_told_and_forgotten(in_acme, manager, meta_file, monkeypatch):
    told = []
    monkeypatch.setattr(cache, "set", lambda key, value, *args: told.append((key, value["phase"])))
    batch = import_file(manager, meta_file)
    assert {phase for _key, phase in told} == {"reading", "writing"}
    assert {key for key, _phase in told} == {f"import-progress:{in_acme.pk}:{batch.pk}"}


def test_import_that_keeps_failing_is_given_up(in_acme, manager, meta_file):
    batch = check(manager, upload(manager, meta_file))
    import_confirm(batch=batch, answers=NEW_ACCOUNT, actor=person(manager))
    ImportBatch.objects.filter(pk=batch.pk).update(attempts=5)
    batch = import_run(batch_id=batch.pk)
    assert (batch.status, batch.error_code) == ("refused", "gave_up")
    assert nothing_written()


# --- Undo -----------------------------------------------------------------------------------------------------------


def test_undo_takes_everything_back(in_acme, manager, meta_file):
    batch = import_file(manager, meta_file)
    plan = import_undo_plan(batch)
    assert (plan.days.removed, plan.campaigns_removed, plan.days.kept) == (15, 3, 0)
    assert import_undo(batch=batch, actor=person(manager)) == plan
    assert not Campaign.objects.exists()
    assert not CampaignMetric.objects.exists()
    assert not DailyTotal.objects.exists()
    assert not AdAccount.objects.exists()
    batch.refresh_from_db()
    assert batch.status == "undone"
    with pytest.raises(DomainError):
        import_undo(batch=batch, actor=person(manager))
    # Taken back, it may go in again; campaigns and account come back as they were.
    again = import_file(manager, meta_file)
    assert again.status == "done", again.error
    assert Campaign.objects.count() == 3
    assert campaign_differences() == day_differences() == []


def test_undo_restores_former_values_and_keeps_what_changed_since(in_acme, manager, tmp_path, meta_file):
    import_file(manager, meta_file)
    account = AdAccount.objects.get()
    rows = [dataclasses.replace(row, clicks=row.clicks + 1) for row in deliveries()]
    second = import_file(
        manager,
        write_csv(tmp_path / "b.csv", reports.meta(rows, ids=True)),
        Answers(account_id=account.pk, accepted=True),
    )
    changed = CampaignMetric.objects.order_by("id").first()
    metrics_upsert(
        account=account,
        rows=[MetricRow(changed.campaign_id, changed.date, clicks=999)],
        source=RevisionSource.SYNC,
        known_at=second.finished_at,
        actor=person(manager),
    )
    done = import_undo(batch=second, actor=person(manager))
    assert (done.days.restored, done.days.kept_changed, done.days.removed) == (14, 1, 0)
    clicks = [row.clicks for row in deliveries()]
    assert (
        sum(CampaignMetric.objects.exclude(pk=changed.pk).values_list("clicks", flat=True)) == sum(clicks) - clicks[0]
    )
    changed.refresh_from_db()
    assert changed.clicks == 999
    assert campaign_differences() == day_differences() == []


def test_undo_keeps_campaigns_that_somebody_touched(in_acme, manager, meta_file):
    batch = import_file(manager, meta_file)
    Campaign.objects.filter(name="Brand Search").update(labels=["summer"])
    assert import_undo_plan(batch).campaigns_removed == 2
    assert import_undo(batch=batch, actor=person(manager)).campaigns_kept == 1
    assert Campaign.objects.get().name == "Brand Search"
    assert AdAccount.objects.exists()


def test_undo_leaves_days_that_a_later_report_holds(in_acme, manager, tmp_path, meta_file):
    first = import_file(manager, meta_file)
    account = AdAccount.objects.get()
    path = write_csv(tmp_path / "b.csv", reports.meta(deliveries(days=7), ids=True))
    second = import_file(manager, path, Answers(account_id=account.pk, accepted=True))
    plan = import_undo_plan(first)
    assert (plan.days.kept_later, plan.days.removed, plan.campaigns_removed) == (15, 0, 0)
    with pytest.raises(DomainError) as refused:
        import_undo(batch=first, actor=person(manager))
    assert refused.value.code == "nothing_to_undo"
    assert import_undo(batch=second, actor=person(manager)).days.removed == 6
    assert import_undo(batch=first, actor=person(manager)).days.removed == 15


def test_workbook_goes_in_like_text(in_acme, manager, tmp_path):
    rows = deliveries(days=3)
    path = write_xlsx(tmp_path / "book.xlsx", reports.meta(rows, ids=True, day_cells=True))
    assert import_file(manager, path).counts["days_added"] == 9


def test_other_workspace_may_import_the_same_file(acme, globex, manager, outsider, meta_file):
    assert import_file(manager, meta_file).status == "done"
    assert import_file(outsider, meta_file).status == "done"
    for tenant in (acme, globex):
        with tenant_context(tenant), transaction.atomic():
            assert (Campaign.objects.count(), CampaignMetric.objects.count()) == (3, 15)
