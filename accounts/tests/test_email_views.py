"""Unsubscribing without a login, the way back, and what the profile page says of a person's e-mail."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.choices import EmailKind
from accounts.emails import UNSUBSCRIBE_PLACE, unsubscribe_token
from accounts.models import AuditLog, EmailMessage, EmailSuppression
from accounts.tests.factories import make_email, make_suppression
from accounts.tests.mail_cast import change, inside, mail_server, send
from accounts.views import emails as views
from stratum.lib.masking import mask_text
from stratum.lib.rate_limits import RateLimit

BODY = {"text": f"Stop: {UNSUBSCRIBE_PLACE}\n", "html": f'<a href="{UNSUBSCRIBE_PLACE}">Stop</a>'}


def text(response):
    return response.content.decode()


def link_of(email):
    return reverse("accounts:unsubscribe", args=[unsubscribe_token(email)])


def rows(tenant):
    return inside(tenant, lambda: list(EmailSuppression.objects.order_by("pk")))


@pytest.fixture
def browser(db):
    """As strict about CSRF as in production."""
    return Client(enforce_csrf_checks=True)


# --- The link ---------------------------------------------------------------------------------------------------


def test_a_message_carries_its_link_in_body_and_headers(acme, settings):
    with mail_server(settings) as mail:
        email = make_email(acme, **BODY)
        notice = make_email(acme, kind=EmailKind.NOTICE, address="other@client.example")
        send(acme)
    arrived, plain = mail.received
    # Signed with the second of its making: the one that was sent, not one made now.
    url = str(arrived["List-Unsubscribe"]).strip().strip("<>")
    assert url.startswith(settings.PUBLIC_URL + link_of(email).rsplit(":", 2)[0])
    assert arrived["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert url in arrived.get_body(("plain",)).get_content()
    assert f'href="{url}"' in arrived.get_body(("html",)).get_content()
    assert "reader" not in url
    assert notice.kind == "notice"
    assert plain["List-Unsubscribe"] is None


def test_opening_the_link_changes_nothing(acme, browser):
    """Programs that check links open every one of them."""
    email = make_email(acme)
    for _time in range(2):
        response = browser.get(link_of(email))
        assert (response.status_code, "Unsubscribe?" in text(response)) == (200, True)
    assert browser.head(link_of(email)).status_code == 200
    assert acme.name in text(response)
    assert "Alerts" in text(response)
    assert rows(acme) == []


def test_a_reader_unsubscribes_and_comes_back(acme, browser):
    email = make_email(acme)
    response = browser.post(link_of(email), {"scope": "kind"}, follow=True)
    assert "You are unsubscribed" in text(response)
    (row,) = rows(acme)
    assert (row.kind, row.way, row.email_id) == ("alert", "link", email.pk)
    assert make_email(acme).state == "suppressed"
    assert make_email(acme, kind=EmailKind.REPORT).state == "pending"
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text(response))[1]
    undo = reverse("accounts:resubscribe", args=[unsubscribe_token(email)])
    assert browser.post(undo).status_code == 403
    response = browser.post(undo, {"csrfmiddlewaretoken": token}, follow=True)
    assert "You are subscribed again." in text(response)
    assert rows(acme) == []
    assert make_email(acme).state == "pending"


def test_everything_at_once(acme, browser):
    email = make_email(acme)
    page = text(browser.post(link_of(email), {"scope": "all"}, follow=True))
    assert "no more alerts, summaries or reports" in page
    assert make_email(acme, kind=EmailKind.DIGEST).state == "suppressed"
    assert make_email(acme, kind=EmailKind.NOTICE).state == "pending"


def test_one_click_of_a_mail_program(acme, browser):
    """RFC 8058: a POST without cookies, token or redirect; again changes nothing."""
    email = make_email(acme)
    for _time in range(2):
        response = browser.post(
            link_of(email), "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        )
        assert response.status_code == 200
    (row,) = rows(acme)
    assert (row.kind, row.way) == ("alert", "header")


def test_the_evidence_is_in_the_trail_without_address_or_link(acme, browser):
    email = make_email(acme)
    browser.post(link_of(email), {"scope": "kind"}, headers={"User-Agent": "Mail/1"})
    entry = inside(acme, lambda: AuditLog.objects.get(resource_type="email_suppressions"))
    assert entry.new_value == {"address_hash": "•••", "kind": "alert", "way": "link", "email": email.pk}
    assert (entry.actor_label, entry.user_agent, entry.ip_address) == ("unsubscribe: link", "Mail/1", "127.0.0.1")
    assert (entry.endpoint, entry.http_method) == ("/unsubscribe/", "POST")
    url = "https://stratum.example" + link_of(email)
    assert unsubscribe_token(email) not in mask_text(f"GET {url} 200")


def test_a_link_works_for_somebody_logged_in_elsewhere(acme, globex, outsider, client_of):
    email = make_email(acme)
    client = client_of(outsider)
    assert acme.name in text(client.get(link_of(email)))
    client.post(link_of(email), {"scope": "kind"})
    assert len(rows(acme)) == 1
    assert rows(globex) == []
    entry = inside(acme, lambda: AuditLog.objects.get(resource_type="email_suppressions"))
    assert entry.user_id is None


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_that_was_cut_off_says_so(acme, browser, method):
    link = link_of(make_email(acme))
    response = getattr(browser, method)(link[:-9] + "/")
    assert (response.status_code, "not whole" in text(response)) == (404, True)
    assert rows(acme) == []


def test_a_link_of_a_removed_workspace_leads_nowhere(acme, browser):
    link = link_of(make_email(acme))
    inside(acme, lambda: type(acme).objects.update(is_deleted=True))
    assert browser.get(link).status_code == 404


def test_guessing_links_and_flipping_have_an_end(acme, browser, monkeypatch):
    monkeypatch.setattr(views, "BAD_LINKS", RateLimit("bad", limit=2, seconds=60))
    monkeypatch.setattr(views, "CHANGES", RateLimit("flips", limit=2, seconds=60))
    assert [browser.get("/unsubscribe/guess/").status_code for _time in range(3)] == [404, 404, 429]
    link = link_of(make_email(acme))
    assert [browser.post(link).status_code for _time in range(3)] == [302, 302, 429]
    # Who has a link is not kept from reading by those who guess.
    assert browser.get(link).status_code == 200


def test_who_bounced_is_not_offered_what_would_not_help(acme, browser):
    email = make_email(acme)
    make_suppression(acme, way="bounce")
    page = text(browser.get(link_of(email)))
    assert "Subscribe again" not in page
    assert "admin of the workspace" in page


# --- The profile page -------------------------------------------------------------------------------------------


def test_a_test_e_mail_reaches_the_person_who_asks(
    acme, viewer, client_of, settings, django_capture_on_commit_callbacks
):
    client = client_of(viewer)
    with mail_server(settings) as mail:
        with django_capture_on_commit_callbacks() as jobs:
            response = client.post("/profile/email/test/", follow=True)
        assert "A test e-mail is on its way" in text(response)
        assert len(jobs) == 1
        assert send(acme).sent == 1
    (arrived,) = mail.received
    assert mail.recipients == [viewer.email]
    assert viewer.full_name in arrived.get_body(("plain",)).get_content()
    assert "Sent" in text(client.get("/profile/"))


def test_only_so_many_tests(viewer, client_of, monkeypatch):
    monkeypatch.setattr(views, "TESTS", RateLimit("tests", limit=1, seconds=60))
    client = client_of(viewer)
    client.post("/profile/email/test/")
    assert "Enough tests" in text(client.post("/profile/email/test/", follow=True))
    assert inside(viewer.tenant_id, EmailMessage.objects.count) == 1


def test_the_profile_says_why_nothing_arrives_and_takes_it_back(acme, viewer, client_of):
    client = client_of(viewer)
    make_suppression(acme, viewer.email, kind="alert")
    make_suppression(acme, viewer.email)
    make_suppression(acme, "colleague@acme.example")
    change(make_email(acme, user=viewer, kind=EmailKind.NOTICE), state="failed", error="Mailbox is full.")
    page = text(client.get("/profile/"))
    for words in ("unsubscribed from: Alerts", "unsubscribed from all", "Failed", "Mailbox is full."):
        assert words in page
    client.post("/profile/email/subscribe/")
    assert len(rows(acme)) == 1
    assert "unsubscribed from" not in text(client.get("/profile/"))


def test_a_bounced_address_is_told_so(acme, viewer, client_of):
    make_suppression(acme, viewer.email, way="bounce")
    response = client_of(viewer).post("/profile/email/test/", follow=True)
    assert "no such mailbox" in text(response)
    # Asking again does not make the mailbox.
    client_of(viewer).post("/profile/email/subscribe/")
    assert len(rows(acme)) == 1


def test_the_profile_asks_the_same_for_one_message_and_three(acme, viewer, client_of):
    client, counts = client_of(viewer), []
    for _round in range(2):
        for number in range(1 if not counts else 2):
            make_email(acme, user=viewer)
            make_suppression(acme, viewer.email, kind=["alert", "report", "digest"][number + len(counts)])
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get("/profile/")
        counts.append(len(asked))
    assert counts[0] == counts[1]
