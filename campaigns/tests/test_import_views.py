"""The import screens: who may what, each state of an import, one query number whatever the rows."""

import csv
import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse

from campaigns import tasks
from campaigns.models import AdAccount, Campaign, ImportBatch
from campaigns.queries.import_answers import Answers
from campaigns.services.imports import import_run
from campaigns.services.imports.progress import ProgressReporter
from campaigns.tests.exports import reports
from campaigns.tests.exports.broken import BROKEN
from campaigns.tests.exports.builders import csv_text, deliveries, write_csv
from campaigns.tests.factories import make_account
from campaigns.tests.import_helpers import NEW_ACCOUNT, check, import_file, upload
from campaigns.tests.test_imports import google_with_accounts, wrong_totals
from campaigns.views import imports as views
from tenants.context import tenant_context

LIST, UPLOAD = "campaigns:import_list", "campaigns:import_upload"
NEW = {"account": "new", "account_name": "Main", "currency": "EUR", "timezone": "Europe/Madrid"}
AS_SCRIPT = {"HTTP_ACCEPT": "application/json"}


@pytest.fixture
def table():
    return csv_text(reports.meta(deliveries(), totals="last", ids=True)).encode()


@pytest.fixture
def meta_file(tmp_path, table):
    path = tmp_path / "meta.csv"
    path.write_bytes(table)
    return path


@pytest.fixture
def sent(monkeypatch):
    """Messages that would go to a worker after the commit."""
    found = []
    for task in (tasks.check_import, tasks.run_import):
        monkeypatch.setattr(task, "delay_on_commit", lambda name=task.name, **kwargs: found.append((name, kwargs)))
    return found


@pytest.fixture
def web(client_of, manager):
    return client_of(manager)


def url(name, batch):
    return reverse(f"campaigns:import_{name}", args=[batch.pk])


def send(web, data, name="meta.csv", **extra):
    headers = {key: extra.pop(key) for key in list(extra) if key.startswith("HTTP_")}
    return web.post(reverse(UPLOAD), {"file": SimpleUploadedFile(name, data), **extra}, **headers)


def newest(tenant):
    with tenant_context(tenant), transaction.atomic():
        return ImportBatch.objects.order_by("-pk").first()


# --- Upload --------------------------------------------------------------------------------------------------------


def test_upload_by_script_says_where_to_go_on(acme, web, table):
    response = send(web, table, **AS_SCRIPT)
    batch = newest(acme)
    assert response.json() == {"redirect": url("detail", batch)}
    assert batch.checked_at is not None


def test_upload_without_script_redirects(acme, web, table):
    response = send(web, table)
    assert response.status_code == 302
    assert response.url == url("detail", newest(acme))


def test_large_upload_is_read_by_a_worker(acme, web, table, sent, monkeypatch):
    monkeypatch.setattr(views, "INLINE_BYTES", 10)
    send(web, table)
    batch = newest(acme)
    assert batch.checked_at is None
    assert sent == [("campaigns.check_import", {"tenant_id": acme.pk, "batch_id": batch.pk})]
    assert "Reading the file" in web.get(url("detail", batch)).content.decode()


@pytest.mark.parametrize("name", ["pdf", "word_in_a_number", "meta_whole_period", "empty", "old_xls"])
def test_bad_file_gets_a_sentence(acme, web, tmp_path, name):
    path = BROKEN[name](tmp_path)
    response = send(web, path.read_bytes(), path.name, **AS_SCRIPT)
    if response.status_code == 422:
        sentence = response.json()["error"]
    else:
        page = web.get(response.json()["redirect"]).content.decode()
        sentence = newest(acme).error
        assert "Not imported." in page
    assert sentence[-1] in ".?"
    with tenant_context(acme), transaction.atomic():
        assert not Campaign.objects.exists()
        assert not AdAccount.objects.exists()


def test_bad_file_without_script_shows_the_page_again(web):
    response = send(web, b"%PDF-1.7", "report.pdf")
    assert response.status_code == 422
    assert "This is a PDF file" in response.content.decode()


def test_no_file_is_said(web):
    response = web.post(reverse(UPLOAD), {}, **AS_SCRIPT)
    assert (response.status_code, response.json()["error"]) == (422, "Choose a file first.")


def test_chosen_platform_counts(web, table):
    response = send(web, table, platform="google", **AS_SCRIPT)
    assert response.status_code == 422


class Unread:
    """A request body that must not be read."""

    def read(self, *args):
        raise AssertionError("the body was read")

    readline = read


def test_too_large_is_refused_by_its_length_alone(manager, client_of, settings):
    web = Client(enforce_csrf_checks=True)
    web.cookies = client_of(manager).cookies
    length = settings.IMPORT_MAX_BYTES + 10_000_000
    response = web.generic(
        "POST",
        reverse(UPLOAD),
        CONTENT_TYPE="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(length),
        **AS_SCRIPT,
        **{"wsgi.input": Unread()},
    )
    assert response.status_code == 413
    assert "larger than 200 MB" in response.json()["error"]


def test_upload_needs_its_csrf_token(manager, client_of, table):
    web = Client(enforce_csrf_checks=True)
    web.cookies = client_of(manager).cookies
    assert send(web, table).status_code == 403


def test_same_file_leads_to_its_earlier_import(acme, manager, web, meta_file, table):
    earlier = import_file(manager, meta_file)
    response = send(web, table, **AS_SCRIPT)
    assert response.json() == {"redirect": url("detail", earlier)}
    assert "was imported already" in web.get(url("detail", earlier)).content.decode()


# --- Preview and confirmation -------------------------------------------------------------------------------------


def test_preview_shows_what_was_found(web, acme, table):
    send(web, table)
    page = web.get(url("detail", newest(acme))).content.decode()
    for text in ("Meta", "Amount spent (EUR)", "Spend", "Brand Search", "11 Apr 2026 – 15 Apr 2026",
                 "Sum of the rows", "EUR", "English", "UTF-8"):  # fmt: skip
        assert text in page, text


def test_confirmation_queues_once_and_the_worker_finishes(acme, web, table, sent):
    send(web, table)
    batch = newest(acme)
    for _attempt in range(2):
        assert web.post(url("confirm", batch), NEW).status_code == 302
    assert sent == [("campaigns.run_import", {"tenant_id": acme.pk, "batch_id": batch.pk})]
    page = web.get(url("detail", batch)).content.decode()
    assert "Waiting for a worker" in page
    assert url("progress_panel", batch) in page
    with tenant_context(acme):
        assert import_run(batch_id=batch.pk).status == "done"
    page = web.get(url("detail", batch)).content.decode()
    assert "days added" in page
    assert "The rows add up to the totals row" in page
    assert "Campaigns of Main" in page


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({**NEW, "account_name": " "}, "Give the new ad account a name."),
        ({**NEW, "account": "999999"}, "Select a valid choice"),
        ({**NEW, "timezone": "Mars/Base"}, "Select a valid choice"),
        ({}, "This field is required."),
    ],
)
def test_wrong_answers_come_back_with_the_preview(acme, web, table, sent, answers, error):
    send(web, table)
    batch = newest(acme)
    response = web.post(url("confirm", batch), answers)
    assert response.status_code == 422
    assert error in response.content.decode()
    assert newest(acme).status == "uploaded"
    assert not sent


def test_currency_is_asked_where_the_file_is_silent(acme, web, tmp_path, sent):
    path = BROKEN["no_currency"](tmp_path)
    send(web, path.read_bytes())
    batch = newest(acme)
    assert batch.status == "uploaded"
    response = web.post(url("confirm", batch), {**NEW, "currency": ""})
    assert "choose the one of the ad account" in response.content.decode()
    assert web.post(url("confirm", batch), {**NEW, "currency": "GBP"}).status_code == 302
    with tenant_context(acme):
        assert import_run(batch_id=batch.pk).status == "done"
        with transaction.atomic():
            assert AdAccount.objects.get().currency == "GBP"


def test_accounts_of_the_file_are_offered(acme, web, tmp_path, sent):
    path = google_with_accounts(tmp_path / "g.csv", ("123-456-7890", "North"))
    send(web, path.read_bytes())
    batch = newest(acme)
    page = web.get(url("detail", batch)).content.decode()
    assert "As in the report: North" in page
    assert 'name="account_name"' not in page
    answers = {"account": "file", "timezone": "Europe/Madrid"}
    assert web.post(url("confirm", batch), answers).status_code == 302


def test_only_accounts_of_the_platform_and_currency_are_offered(acme, globex, web, table):
    fitting = make_account(acme, name="Fitting", currency="EUR")
    make_account(acme, name="Dollars", currency="USD")
    make_account(acme, name="Elsewhere", platform="google", currency="EUR")
    make_account(globex, name="Foreign", currency="EUR")
    send(web, table)
    batch = newest(acme)
    page = web.get(url("detail", batch)).content.decode()
    assert "Fitting" in page
    assert not [name for name in ("Dollars", "Elsewhere", "Foreign") if name in page]
    web.post(url("confirm", batch), {"account": str(fitting.pk)})
    assert newest(acme).answers["account_id"] == fitting.pk


def test_warnings_have_to_be_accepted(acme, web, tmp_path, sent):
    send(web, wrong_totals(tmp_path / "w.csv").read_bytes())
    batch = newest(acme)
    page = web.get(url("detail", batch)).content.decode()
    assert "Off by" in page
    assert web.post(url("confirm", batch), NEW).status_code == 422
    assert web.post(url("confirm", batch), {**NEW, "accepted": "on"}).status_code == 302
    lines = list(csv.reader(io.StringIO(web.get(url("warnings", batch)).content.decode("utf-8-sig"))))
    assert lines[0] == ["File", "Code", "Warning"]
    assert [line[:2] for line in lines[1:]] == [["meta.csv", "totals_differ"]]


def test_cancelled_upload_says_so(acme, web, table):
    send(web, table)
    batch = newest(acme)
    assert web.post(url("cancel", batch)).url == reverse(LIST)
    assert "Cancelled before it was imported." in web.get(url("detail", batch)).content.decode()
    assert web.post(url("confirm", batch), NEW).url == url("detail", batch)
    assert newest(acme).error_code == "cancelled"


# --- Progress -----------------------------------------------------------------------------------------------------


def test_progress_is_shown_until_it_is_over(acme, manager, web, meta_file):
    batch = upload(manager, meta_file)
    panel = url("progress_panel", batch)
    assert "<progress" in web.get(panel).content.decode()
    ProgressReporter(batch).tell("reading", 3, 4)
    response = web.get(panel)
    assert response.status_code == 200
    assert "75 %" in response.content.decode()
    check(manager, batch)
    response = web.get(panel)
    assert (response.status_code, response["HX-Refresh"]) == (286, "true")


# --- Refused, retried, undone ---------------------------------------------------------------------------------------


def test_refused_import_can_be_tried_again(acme, manager, web, meta_file):
    batch = import_file(manager, meta_file, Answers(accepted=True))
    assert batch.status == "refused"
    page = web.get(url("detail", batch)).content.decode()
    assert batch.error in page
    assert url("retry", batch) in page
    web.post(url("retry", batch))
    again = newest(acme)
    assert (again.pk, again.status) == (batch.pk, "uploaded")
    assert again.checked_at is not None
    assert "only a refused import" in web.post(url("retry", batch), follow=True).content.decode().lower()


def test_twin_links_to_the_earlier_import(acme, manager, web, tmp_path, meta_file):
    earlier = import_file(manager, meta_file)
    twin = write_csv(tmp_path / "twin.csv", reports.meta(deliveries(), totals="last", ids=True), separator=";")
    batch = import_file(manager, twin)
    page = web.get(url("detail", batch)).content.decode()
    assert url("detail", earlier) in page
    assert "Show that import" in page


def test_undo_shows_first_and_then_does_it(acme, manager, web, meta_file):
    batch = import_file(manager, meta_file)
    page = web.get(url("undo", batch)).content.decode()
    assert "15 campaign-days that it brought are removed." in page
    assert "3 campaigns that it brought are removed." in page
    with tenant_context(acme), transaction.atomic():
        assert Campaign.objects.count() == 3
    page = web.post(url("undo", batch), follow=True).content.decode()
    assert "The import was undone." in page
    assert "What it had brought" in page
    with tenant_context(acme), transaction.atomic():
        assert not Campaign.objects.exists()
    assert web.get(url("undo", batch)).url == url("detail", batch)


# --- List -----------------------------------------------------------------------------------------------------------


def make_batches(tenant, count, **fields):
    with tenant_context(tenant), transaction.atomic():
        account = AdAccount.objects.first()
        for number in range(count):
            ImportBatch.objects.create(
                **{
                    "filename": f"report-{number}.csv", "platform": "meta", "file": "x",
                    "file_sha256": f"{number:064d}", "status": "refused", "error": "No.", "ad_account": account,
                    **fields,
                }
            )  # fmt: skip


def test_empty_list_teaches_the_next_step(web, client_of, viewer):
    page = web.get(reverse(LIST)).content.decode()
    assert "No report imported yet" in page
    assert reverse(UPLOAD) in page
    assert reverse(UPLOAD) not in client_of(viewer).get(reverse(LIST)).content.decode()


def test_list_filters_sorts_and_pages(acme, web, manager, meta_file):
    done = import_file(manager, meta_file)
    make_batches(acme, 30)
    page = web.get(reverse(LIST), {"per": "25"}).content.decode()
    assert page.count("report-") >= 25
    assert "page=2" in page
    page = web.get(reverse(LIST), {"status": "done"}).content.decode()
    assert "meta.csv" in page
    assert "15 days added" in page
    assert "report-1.csv" not in page
    assert "report-7.csv" in web.get(reverse(LIST), {"q": "REPORT-7"}).content.decode()
    assert "No import matches" in web.get(reverse(LIST), {"platform": "tiktok"}).content.decode()
    for sort in ("file", "-file", "status", "account", "period", "when", "nonsense"):
        assert web.get(reverse(LIST), {"sort": sort}).status_code == 200
    assert url("detail", done) in web.get(reverse(LIST), {"sort": "when"}).content.decode()


def test_fragment_is_the_table_alone(acme, web):
    make_batches(acme, 1)
    page = web.get(reverse(LIST), HTTP_HX_REQUEST="true").content.decode()
    assert page.lstrip().startswith('<div id="import-table"')


@pytest.mark.parametrize("rows", [1, 3])
def test_list_takes_the_same_queries_for_any_rows(acme, manager, web, django_assert_num_queries, rows):
    make_account(acme)
    make_batches(acme, rows, uploaded_by=manager)
    web.get(reverse(LIST))
    with django_assert_num_queries(LIST_QUERIES):
        assert web.get(reverse(LIST)).status_code == 200


# Begin, session, workspace, person, imports, end.
LIST_QUERIES = 6


@pytest.mark.parametrize("days", [2, 6])
def test_detail_takes_the_same_queries_for_any_file(manager, web, django_assert_num_queries, tmp_path, days):
    path = write_csv(tmp_path / "a.csv", reports.meta(deliveries(days=days), ids=True))
    batch = import_file(manager, path)
    web.get(url("detail", batch))
    # Begin, session, workspace, person, import, its accounts, end.
    with django_assert_num_queries(7):
        assert web.get(url("detail", batch)).status_code == 200


# --- Who may ---------------------------------------------------------------------------------------------------------

READING = ("detail", "progress_panel", "warnings")
WRITING = ("confirm", "cancel", "retry", "undo")


@pytest.mark.parametrize("name", READING + WRITING)
def test_another_workspaces_import_is_not_found(acme, client_of, outsider, manager, meta_file, name):
    batch = check(manager, upload(manager, meta_file))
    method = "get" if name in READING else "post"
    assert getattr(client_of(outsider), method)(url(name, batch)).status_code == 404
    assert newest(acme).status == "uploaded"


def test_another_workspaces_imports_are_not_listed(acme, globex, client_of, outsider, manager, meta_file):
    import_file(manager, meta_file)
    page = client_of(outsider).get(reverse(LIST)).content.decode()
    assert "meta.csv" not in page
    assert "No report imported yet" in page


@pytest.mark.parametrize(
    ("role", "allowed"), [("viewer", False), ("analyst", False), ("manager", True), ("admin", True)]
)
def test_only_managers_and_admins_import(request, client_of, role, allowed, manager, meta_file, table):
    batch = check(manager, upload(manager, meta_file))
    web = client_of(request.getfixturevalue(role))
    assert web.get(reverse(LIST)).status_code == 200
    assert (web.get(reverse(UPLOAD)).status_code == 200) is allowed
    page = web.get(url("detail", batch))
    assert page.status_code == 200
    assert (url("confirm", batch) in page.content.decode()) is allowed
    for name in WRITING:
        assert (web.post(url(name, batch), NEW).status_code != 403) is allowed, name
    assert (send(web, table + b"\r\n").status_code != 403) is allowed


@pytest.mark.parametrize("name", ["confirm", "cancel", "retry"])
def test_changes_are_posts(web, manager, meta_file, name):
    batch = check(manager, upload(manager, meta_file))
    assert web.get(url(name, batch)).status_code == 405


def test_strangers_are_sent_to_the_login(db, meta_file, manager):
    batch = upload(manager, meta_file)
    for address in (reverse(LIST), reverse(UPLOAD), url("detail", batch)):
        assert Client().get(address).status_code == 302


def test_names_from_the_file_are_text(acme, manager, web, tmp_path):
    rows = deliveries(days=1, campaigns=("<script>alert(1)</script>", "=cmd()"))
    path = write_csv(tmp_path / "x.csv", reports.meta(rows, ids=True))
    renamed = path.rename(tmp_path / "=<b>x.csv")
    batch = check(manager, upload(manager, renamed))
    page = web.get(url("detail", batch)).content.decode()
    assert "<script>alert" not in page
    assert "<b>x.csv" not in page
    assert json.dumps(batch.preview)  # kept as it was, shown as text


def test_nothing_inline_on_the_pages(acme, manager, web, meta_file):
    batch = check(manager, upload(manager, meta_file))
    for address in (reverse(LIST), reverse(UPLOAD), url("detail", batch)):
        page = web.get(address).content.decode()
        assert " style=" not in page
        assert " onclick=" not in page


def test_answers_are_kept(acme, manager, web, meta_file, sent):
    batch = check(manager, upload(manager, meta_file))
    web.post(url("confirm", batch), NEW)
    kept = newest(acme).answers
    assert kept == {**NEW_ACCOUNT.to_json(), "currency": "", "accepted": False}


def test_among_several_accounts_none_is_taken_for_granted(acme, web, table, sent):
    make_account(acme, name="First", currency="EUR")
    make_account(acme, name="Second", currency="EUR")
    send(web, table)
    batch = newest(acme)
    assert "Choose the ad account" in web.get(url("detail", batch)).content.decode()
    assert web.post(url("confirm", batch), {"account": "", "timezone": "UTC"}).status_code == 422


def test_an_existing_account_needs_neither_name_nor_zone(acme, web, table, sent):
    account = make_account(acme, currency="EUR")
    send(web, table)
    batch = newest(acme)
    assert web.post(url("confirm", batch), {"account": str(account.pk)}).status_code == 302
