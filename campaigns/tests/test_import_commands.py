"""The commands: what they print, how they end, and what they leave."""

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from campaigns.models import AdAccount, Campaign, CampaignMetric, DailyTotal, ImportBatch
from campaigns.tests.exports import reports
from campaigns.tests.exports.broken import BROKEN
from campaigns.tests.exports.builders import deliveries, write_csv
from campaigns.tests.factories import make_account
from campaigns.tests.import_helpers import check, upload
from tenants.context import tenant_context, unscoped


@pytest.fixture
def meta_file(tmp_path):
    return write_csv(tmp_path / "meta.csv", reports.meta(deliveries(), totals="last", ids=True))


def counts():
    with unscoped("test"), transaction.atomic():
        return [model.objects.count() for model in (AdAccount, Campaign, CampaignMetric)]


def test_import_report_imports_and_says_what(acme, meta_file, capsys):
    call_command("import_report", meta_file, tenant="acme", platform="meta", account="Main")
    out = capsys.readouterr().out
    assert "Meta, campaign, en" in out
    assert "15 rows, 15 campaign-days, 3 campaigns" in out
    assert "Imported: 15 days added, 0 changed, 0 unchanged; 3 campaigns new" in out
    assert f": {reports.sums(deliveries())['spend']} / " in out
    assert " ok" in out
    with tenant_context(acme), transaction.atomic():
        account = AdAccount.objects.get()
        assert (account.name, account.timezone) == ("Main", acme.timezone)


def test_import_report_into_an_account_there_is(acme, meta_file):
    account = make_account(acme, external_id="act_77", currency="EUR")
    call_command("import_report", meta_file, tenant="acme", account="act_77")
    with tenant_context(acme), transaction.atomic():
        assert ImportBatch.objects.get().ad_account == account


def test_dry_run_imports_nothing(acme, meta_file, capsys):
    call_command("import_report", meta_file, tenant="acme", dry_run=True)
    assert "nothing was imported" in capsys.readouterr().out
    assert counts() == [0, 0, 0]
    with tenant_context(acme):
        assert not ImportBatch.objects.exists()
    assert default_storage.listdir(f"{acme.pk}/imports")[1] == []
    # …and does not stand in the way of the import.
    call_command("import_report", meta_file, tenant="acme")
    assert counts() == [1, 3, 15]


def test_dry_run_leaves_a_waiting_upload_alone(acme, manager, meta_file):
    batch = upload(manager, meta_file)
    call_command("import_report", meta_file, tenant="acme", dry_run=True)
    assert default_storage.exists(batch.file.name)
    assert check(manager, batch).status == "uploaded"


def test_refused_dry_run_leaves_no_file(acme, tmp_path):
    with pytest.raises(CommandError):
        call_command("import_report", BROKEN["word_in_a_number"](tmp_path), tenant="acme", dry_run=True)
    assert default_storage.listdir(f"{acme.pk}/imports")[1] == []


@pytest.mark.parametrize("name", ["pdf", "word_in_a_number", "meta_whole_period", "zip_bomb_declared"])
def test_refused_file_ends_with_its_sentence(acme, tmp_path, name):
    with pytest.raises(CommandError) as refused:
        call_command("import_report", BROKEN[name](tmp_path), tenant="acme")
    assert str(refused.value).rstrip()[-1] in ".?"
    assert counts() == [0, 0, 0]


def test_refusal_of_the_import_is_an_error_too(acme, meta_file, tmp_path):
    call_command("import_report", meta_file, tenant="acme")
    with pytest.raises(CommandError, match="already"):
        call_command("import_report", meta_file, tenant="acme")
    silent = BROKEN["no_currency"](tmp_path)
    with pytest.raises(CommandError, match="currency"):
        call_command("import_report", silent, tenant="acme", account="Other")
    with pytest.raises(CommandError, match="no workspace"):
        call_command("import_report", meta_file, tenant="nobody")
    with pytest.raises(CommandError):
        call_command("import_report", tmp_path / "missing.csv", tenant="acme")


def test_check_rollups_agrees_after_an_import(acme, meta_file, capsys):
    call_command("import_report", meta_file, tenant="acme")
    capsys.readouterr()
    call_command("check_rollups")
    assert capsys.readouterr().out == "Roll-ups agree with the daily numbers.\n"


def test_check_rollups_finds_and_repairs(acme, globex, meta_file, capsys):
    for tenant in ("acme", "globex"):
        call_command("import_report", meta_file, tenant=tenant)
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.filter(name="Brand Search").update(clicks=1)
        DailyTotal.objects.filter(date="2026-04-11").update(spend_cents=1)
        DailyTotal.objects.filter(date="2026-04-12").delete()
        DailyTotal.objects.create(
            platform="meta", currency="EUR", date="2025-01-01", ad_account=AdAccount.objects.get()
        )
    capsys.readouterr()
    with pytest.raises(CommandError, match="4 sums"):
        call_command("check_rollups")
    assert capsys.readouterr().out.count(f"workspace {acme.pk}, ") == 4
    call_command("check_rollups", tenant="globex")
    call_command("check_rollups", repair=True)
    call_command("check_rollups")
    with pytest.raises(CommandError):
        call_command("check_rollups", tenant="nobody")


def test_a_wrongly_rounded_count_is_found(acme, meta_file):
    call_command("import_report", meta_file, tenant="acme")
    with tenant_context(acme), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE campaigns SET conversions_micros = conversions * 1000000, conversions = conversions + 3")
    with pytest.raises(CommandError):
        call_command("check_rollups")
