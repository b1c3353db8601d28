"""The outbox: what is queued, sent once to a real mail server, and what is kept when the server does not take it."""

import datetime
import logging
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from django.conf import settings as configured
from django.db import connection, transaction
from django.utils import timezone

from accounts import tasks
from accounts.audit import Actor
from accounts.choices import EmailKind
from accounts.clients import smtp as smtp_client
from accounts.clients.letters import Answer, Verdict
from accounts.emails import UNSUBSCRIBE_PLACE, email_render
from accounts.models import AuditLog, EmailAttachment, EmailMessage, EmailSuppression, User
from accounts.queries import email_sending_at_most, tenants_with_email_to_do
from accounts.services import Attachment, email_send_again
from accounts.services.email_sending import MAX_TRIES, EmailsSent, _keep
from accounts.tests.factories import make_email, make_suppression, make_user
from accounts.tests.mail_cast import change, fresh, inside, mail_server, make_certificate, send
from campaigns.tests.at_once import in_threads
from stratum.celery import app
from stratum.embedded.files import LOOPBACK
from stratum.lib.errors import DomainError
from tenants.context import tenant_context, unscoped
from tenants.tests.killed import killed_over

JOB = Actor.job("test")
PDF = b"%PDF-1.7\r\n\x00\xff.\r\n..\n\rend"


@pytest.fixture
def mail(settings):
    with mail_server(settings) as server:
        yield server


# --- Queueing ---------------------------------------------------------------------------------------------------


def test_the_same_key_again_gives_the_row_that_is_there(acme, globex):
    first = make_email(acme, dedupe_key="digest:1:2026-11-29")
    again = make_email(acme, dedupe_key="digest:1:2026-11-29", subject="Another", attachments=[_file()])
    assert (again.pk, again.subject) == (first.pk, "Spend is high")
    assert inside(acme, EmailAttachment.objects.count) == 0
    # The key is the workspace's own.
    assert make_email(globex, dedupe_key="digest:1:2026-11-29").pk != first.pk
    assert make_email(acme).pk != make_email(acme).pk


@pytest.mark.django_db(transaction=True)
def test_the_same_key_at_the_same_moment_makes_one_row(acme):
    rows = in_threads(*[lambda: make_email(acme, dedupe_key="once", attachments=[_file()]) for _ in range(4)])
    assert len({row.pk for row in rows}) == 1
    assert inside(acme, EmailAttachment.objects.count) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"address": None}, "no_address"),
        ({"address": "reader"}, "bad_address"),
        ({"address": "a@client.example\nBcc: all@client.example"}, "bad_address"),
        ({"address": "a@client.example, b@client.example"}, "bad_address"),
        ({"subject": "Hi\r\nBcc: all@client.example"}, "bad_subject"),
        ({"subject": "Hi\u2028Bcc: all@client.example"}, "bad_subject"),
        ({"subject": " "}, "bad_subject"),
        ({"attachments": [Attachment("a\r\nX: y.csv", "text/csv", b"")]}, "bad_attachment"),
        ({"attachments": [Attachment("../a.csv", "text/csv", b"")]}, "bad_attachment"),
        ({"attachments": [Attachment("a.csv", "text/csv\r\nX: y", b"")]}, "bad_attachment"),
        ({"attachments": [Attachment("a.bin", "application/pdf", b"x" * (6 * 2**20))] * 2}, "too_large"),
    ],
)
def test_what_could_not_be_sent_is_refused(acme, fields, code):
    with pytest.raises(DomainError) as refusal:
        make_email(acme, **fields)
    assert refusal.value.code == code
    assert inside(acme, EmailMessage.objects.count) == 0


def test_a_row_keeps_no_words_and_no_address_in_clear(acme):
    make_email(acme, html="<p>Secret plan</p>", attachments=[Attachment("plan.pdf", "application/pdf", PDF)])
    with unscoped("test"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM email_messages m JOIN email_attachments a ON a.email_id = m.id")
        stored = " ".join(map(str, cursor.fetchone()))
        cursor.execute("SELECT new_value::text FROM audit_logs WHERE resource_type = 'email_messages'")
        (entry,) = cursor.fetchone()
    for word in ("reader@", "Spend is high", "Look at it", "Secret plan", "plan.pdf", "PDF-1.7"):
        assert word not in stored + entry


# --- Delivering -------------------------------------------------------------------------------------------------


def _file(**changes):
    return Attachment(**{"name": "bericht für März.pdf", "content_type": "application/pdf", "content": PDF, **changes})


def test_a_message_arrives_whole(acme, mail):
    email = make_email(
        acme,
        subject="Ausgaben über dem Ziel – 3 Kampagnen, die heute mehr als ihr ganzes Tagesbudget ausgegeben haben",
        text="Grüße\n.\n..dots\n" + "long " * 400 + "\n",
        html="<p>Grüße</p>",
        attachments=[_file(), _file(name="rows.csv", content_type="text/csv", content="a;ü\r\n1;2\n".encode("utf-16"))],
    )
    assert send(acme).counts == {"sent": 1}
    (arrived,) = mail.received
    assert mail.recipients == ["reader@client.example"]
    assert (arrived["To"], arrived["Subject"]) == ("reader@client.example", email.subject)
    assert (arrived["Message-ID"], arrived["Auto-Submitted"]) == (email.message_id, "auto-generated")
    assert arrived.get_body(("plain",)).get_content().replace("\r\n", "\n") == email.text
    assert arrived.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"
    files = {part.get_filename(): part.get_payload(decode=True) for part in arrived.iter_attachments()}
    assert files == {"bericht für März.pdf": PDF, "rows.csv": "a;ü\r\n1;2\n".encode("utf-16")}
    row = fresh(email)
    assert (row.state, row.attempts, row.error) == ("sent", 1, "")
    assert row.sent_at is not None
    assert send(acme).counts == {}


def test_a_run_uses_one_connection(acme, mail):
    for number in range(3):
        make_email(acme, address=f"reader{number}@client.example")
    assert send(acme).sent == 3
    assert len(mail.sessions) == 1


def test_a_workspace_sends_its_own_only(acme, globex, mail):
    make_email(globex, address="other@globex.example")
    make_email(acme)
    send(acme)
    assert mail.recipients == ["reader@client.example"]


@pytest.mark.parametrize(
    ("where", "answer", "state", "code", "words"),
    [
        ("at_rcpt", "421 4.7.0 Closing", "pending", "421 4.7.0", "asked to try later: 4.7.0 Closing"),
        ("at_rcpt", "450 4.2.1 Greylisted", "pending", "450 4.2.1", "Greylisted"),
        ("at_rcpt", "550 5.7.1 reader@client.example is spam", "failed", "550 5.7.1", "refused it"),
        ("at_rcpt", "550 5.1.1 <reader@client.example> unknown", "failed", "550 5.1.1", "no such mailbox"),
        ("at_rcpt", "cut", "pending", "local.cut_off", "before it had the message"),
        ("at_data", "554 5.7.1 No", "failed", "554 5.7.1", "refused it: 5.7.1 No"),
        ("at_data", "451 4.3.0 Busy", "pending", "451 4.3.0", "Busy"),
        ("at_data", "cut", "pending", "local.cut_off", "before it had the message"),
        ("after_data", "552 5.3.4 Too large", "failed", "552 5.3.4", "Too large"),
        ("after_data", "452 4.3.1 Disk full", "pending", "452 4.3.1", "Disk full"),
        ("after_data", "cut", "maybe_sent", "local.no_answer", "may have arrived"),
        ("after_data", "399 What?", "maybe_sent", "local.unexpected", "Something else"),
    ],
)
def test_what_a_server_answers_decides(acme, mail, where, answer, state, code, words):
    setattr(mail, where, answer)
    email = make_email(acme)
    send(acme)
    row = fresh(email)
    assert (row.state, row.error_code, row.attempts) == (state, code, 1)
    assert words in row.error
    assert "reader@client" not in row.error
    assert (row.next_retry_at is not None) == (state == "pending")
    # The next run leaves it alone: it is not due, or it is over.
    setattr(mail, where, "")
    mail.received.clear()
    assert send(acme).counts == {}
    assert mail.received == []
    if state == "pending":
        change(email, next_retry_at=timezone.now())
        assert send(acme).counts == {"sent": 1}


def test_a_server_that_never_answers(acme, mail, settings):
    settings.EMAIL_TIMEOUT = 1
    mail.after_data = "hang"
    email = make_email(acme)
    assert send(acme).counts == {"unknown": 1}
    assert fresh(email).state == "maybe_sent"
    mail.after_data, mail.at_rcpt = "", "hang"
    later = make_email(acme)
    assert send(acme).counts == {"postponed": 1}
    assert fresh(later).error_code == "local.cut_off"


def test_tries_are_further_and_further_apart_and_end(acme, mail):
    mail.at_rcpt = "450 4.2.1 Greylisted"
    email, pauses = make_email(acme), []
    for _try in range(MAX_TRIES):
        before = timezone.now()
        send(acme)
        row = fresh(email)
        if row.next_retry_at:
            pauses.append(round((row.next_retry_at - before).total_seconds() / 60))
        change(email, next_retry_at=before)
    assert pauses == [1, 4, 16, 60]
    assert (row.state, row.attempts) == ("failed", MAX_TRIES)


def test_an_outage_costs_no_message_a_try(acme, settings):
    """The port of a server that is gone refuses connections."""
    with mail_server(settings):
        pass
    first, second = make_email(acme), make_email(acme)
    for _run in range(MAX_TRIES + 1):
        assert send(acme).counts == {"postponed": 1}
        assert (fresh(first).attempts, fresh(first).error_code) == (0, "local.no_connection")
        assert (fresh(second).attempts, fresh(second).state) == (0, "pending")
        assert fresh(first).next_retry_at > timezone.now()
        change(first, next_retry_at=None)
    with mail_server(settings) as back:
        assert send(acme).counts == {"sent": 2}
    assert len(back.received) == 2
    assert fresh(first).attempts == 1


@pytest.mark.parametrize(
    ("kind", "days", "words"),
    [
        (EmailKind.NOTICE, 1, "It has waited for 1 day,"),
        (EmailKind.ALERT, 3, "It has waited for 3 days,"),
        (EmailKind.DIGEST, 3, "It has waited for 3 days,"),
        (EmailKind.REPORT, 7, "It has waited for 7 days,"),
    ],
)
def test_a_message_waits_for_a_mail_server_until_it_is_of_no_use(acme, settings, kind, days, words):
    settings.EMAIL_HOST, settings.EMAIL_FOLDER = "", ""
    email, end = make_email(acme, kind=kind), timezone.now() - datetime.timedelta(days=days)
    change(email, created_at=end + datetime.timedelta(minutes=1))
    assert send(acme).counts == {"postponed": 1}
    change(email, created_at=end, next_retry_at=None)
    assert send(acme).counts == {"failed": 1}
    row = fresh(email)
    assert (row.state, row.error_code) == ("failed", "local.no_server")
    assert "No mail server is set up." in row.error
    assert words in row.error


@pytest.mark.parametrize(
    ("where", "answer"),
    [
        ("at_mail", "530 5.7.0 Authentication required"),
        ("at_mail", "550 5.7.1 Sender not allowed"),
        ("at_mail", "451 4.3.0 Sender is not looked up at present"),
        ("at_rcpt", "530 5.7.0 Authentication required"),
        ("at_rcpt", "550 5.1.8 Sender address rejected: domain not found"),
    ],
)
def test_a_sender_that_is_refused_ends_the_run_and_loses_nothing(acme, mail, where, answer):
    setattr(mail, where, answer)
    first, second = make_email(acme), make_email(acme)
    assert send(acme).counts == {"postponed": 1}
    row = fresh(first)
    assert (row.state, row.attempts, row.error_code) == ("pending", 0, answer[:9])
    assert "takes no e-mail from this installation" in row.error
    assert (fresh(second).state, fresh(second).error_code) == ("pending", "")
    setattr(mail, where, "")
    change(first, next_retry_at=None)
    assert send(acme).counts == {"sent": 2}


def test_a_connection_that_has_taken_its_fill_is_opened_anew(acme, mail):
    mail.at_next_mail = "450 4.7.0 Too many messages in this connection"
    for _number in range(3):
        make_email(acme)
    assert send(acme).counts == {"sent": 3}
    assert len(mail.sessions) == 3


def test_what_failed_is_sent_again_and_what_may_have_arrived_is_not(acme, mail):
    email, doubtful = make_email(acme), make_email(acme)
    change(email, state="failed", attempts=MAX_TRIES, error_code="local.no_connection", error="Gone.")
    change(doubtful, state="maybe_sent", attempts=1)
    inside(acme, lambda: email_send_again(email=email, actor=JOB))
    with pytest.raises(DomainError) as refused:
        inside(acme, lambda: email_send_again(email=doubtful, actor=JOB))
    assert refused.value.code == "not_failed"
    mail.at_rcpt = "450 4.2.1 Greylisted"
    assert send(acme).counts == {"postponed": 1}
    mail.at_rcpt = ""
    change(email, next_retry_at=None)
    assert send(acme).counts == {"sent": 1}
    assert len(mail.received) == 1


def test_a_password_never_travels_in_clear_where_tls_is_asked_for(acme, mail, settings):
    settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = True, "stratum", "hunter2-secret"
    email = make_email(acme)
    assert send(acme).counts == {"postponed": 1}
    assert fresh(email).error_code == "local.no_tls"


@pytest.mark.parametrize("is_trusted", [True, False])
def test_log_in_under_tls_and_only_with_a_certificate_that_holds(acme, settings, tmp_path, monkeypatch, is_trusted):
    asked = []

    def let_in(_server, _session, _envelope, _mechanism, login):
        asked.append((login.login, login.password))
        return AuthResult(success=True)

    with mail_server(settings, tls_context=make_certificate(tmp_path), authenticator=let_in) as mail:
        if is_trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
        settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = True, "stratum", "hunter2"
        email = make_email(acme)
        send(acme)
    assert fresh(email).state == ("sent" if is_trusted else "pending")
    assert fresh(email).error_code == ("" if is_trusted else "local.no_tls")
    assert asked == ([(b"stratum", b"hunter2")] if is_trusted else [])
    assert len(mail.received) == is_trusted


def test_a_refused_login_is_said_and_the_message_waits(acme, settings, caplog):
    options = {"authenticator": lambda *_args: AuthResult(success=False, handled=False), "auth_require_tls": False}
    with mail_server(settings, **options), caplog.at_level(logging.INFO):
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "stratum", "hunter2-secret"
        email = make_email(acme)
        assert send(acme).counts == {"postponed": 1}
    assert fresh(email).error_code == "local.login_refused"
    assert "hunter2-secret" not in caplog.text + fresh(email).error


def test_a_connection_that_stood_about_too_long_is_no_fault_of_the_letter(acme, mail, monkeypatch):
    """The server closes after the first message; the second goes over a new connection, in the same try."""
    outlet = smtp_client.SmtpOutlet()
    monkeypatch.setattr("accounts.services.email_sending.outlet", lambda: outlet)
    first, second = make_email(acme), make_email(acme)
    deliver = outlet.deliver

    def close_between(letter):
        answer = deliver(letter)
        outlet._smtp.sock.shutdown(2)
        return answer

    monkeypatch.setattr(outlet, "deliver", close_between)
    assert send(acme).counts == {"sent": 2}
    assert (fresh(first).attempts, fresh(second).attempts) == (1, 1)


def test_an_unknown_mailbox_is_not_written_to_again(acme, mail):
    mail.at_rcpt = "550 5.1.1 No such user"
    make_email(acme)
    send(acme)
    row = inside(acme, lambda: EmailSuppression.objects.get())
    assert (row.way, row.kind) == ("bounce", "")
    # Not even notices: there is nobody.
    again = make_email(acme, kind=EmailKind.NOTICE)
    assert (again.state, again.error_code) == ("suppressed", "local.bounced")


def test_logs_name_nobody(acme, mail, caplog):
    mail.at_rcpt = "550 5.1.1 <reader@client.example> unknown"
    email = make_email(acme)
    with caplog.at_level(logging.DEBUG):
        send(acme)
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("accounts.clients")]
    assert any(email.message_id in line and "550 5.1.1" in line for line in logged)
    assert "reader@" not in caplog.text
    assert "Spend is high" not in caplog.text


# --- Once, whatever happens -------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_deliver_once(acme, mail):
    emails = [make_email(acme, address=f"reader{number}@client.example") for number in range(6)]
    found = in_threads(lambda: send(acme), lambda: send(acme), lambda: send(acme))
    assert sum(result.sent for result in found) == 6
    assert sorted(mail.recipients) == sorted(email.address for email in emails)
    assert {fresh(email).attempts for email in emails} == {1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["at_rcpt", "after_data"])
def test_a_worker_that_is_killed_over_a_message_sends_it_at_most_once(acme, mail, where):
    """kill -9 of a worker process, before the server had the message and while it confirmed it."""
    setattr(mail, where, "hang")
    email = make_email(acme)
    server = {"EMAIL_HOST": LOOPBACK, "EMAIL_PORT": str(configured.EMAIL_PORT), "EMAIL_USE_TLS": "false"}
    with killed_over(acme, "accounts.tasks.send_email", **server) as until:
        until(lambda: fresh(email).state == "sending")
        if where == "after_data":
            until(mail.has_message.is_set)
    setattr(mail, where, "")
    arrived = len(mail.received)
    # The queue hands the job to another worker, at once and again: the message is taken.
    assert send(acme).counts == {}
    assert fresh(email).state == "sending"
    change(email, claimed_at=timezone.now() - email_sending_at_most() - datetime.timedelta(seconds=1))
    assert tenants_with_email_to_do(timezone.now()) == [acme.pk]
    assert send(acme).counts == {"unknown": 1}
    row = fresh(email)
    assert (row.state, row.error_code) == ("maybe_sent", "local.worker_lost")
    assert "may have arrived" in row.error
    assert send(acme).counts == {}
    assert len(mail.received) == arrived <= 1


def test_what_a_late_worker_says_changes_nothing(acme, mail):
    """Its message was given up meanwhile; the outcome of its try is no longer asked for."""
    email = make_email(acme)
    change(email, state="maybe_sent", attempts=1)
    result = EmailsSent()
    with tenant_context(acme):
        _keep(fresh(email), Answer(Verdict.LATER, "450"), result)
    assert (fresh(email).state, result.counts) == ("maybe_sent", {})


# --- Not wanted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off", "kind", "sent"),
    [
        ({"kind": "alert"}, EmailKind.ALERT, False),
        ({"kind": "alert"}, EmailKind.REPORT, True),
        ({}, EmailKind.REPORT, False),
        ({}, EmailKind.NOTICE, True),
        ({"way": "staff"}, EmailKind.NOTICE, False),
    ],
)
def test_who_unsubscribed_gets_a_row_that_says_so(acme, globex, mail, off, kind, sent):
    make_suppression(acme, "Reader@Client.example ", **off)
    email = make_email(acme, kind=kind)
    assert (email.state == "pending") == sent
    assert ("has unsubscribed" in email.error) == (not sent)
    # Another workspace is another sender.
    assert make_email(globex, kind=kind).state == "pending"


def test_who_unsubscribes_while_a_message_waits_does_not_get_it(acme, mail):
    email = make_email(acme)
    make_suppression(acme)
    assert send(acme).counts == {"suppressed": 1}
    assert mail.received == []
    assert (fresh(email).state, fresh(email).error_code) == ("suppressed", "local.unsubscribed")


def test_who_left_the_workspace_gets_nothing(acme, mail):
    person = make_user(acme, "analyst")
    email = make_email(acme, user=person)
    inside(acme, lambda: User.objects.filter(pk=person.pk).update(is_active=False))
    assert send(acme).counts == {"suppressed": 1}
    assert "cannot log in" in fresh(email).error


# --- Folder, settings, jobs ---------------------------------------------------------------------------------------


def test_without_a_mail_server_messages_become_files(acme, settings):
    settings.EMAIL_HOST = ""
    email = make_email(acme, attachments=[_file()])
    assert send(acme).counts == {"sent": 1}
    (path,) = Path(settings.EMAIL_FOLDER).iterdir()
    assert (path.suffix, path.stat().st_mode & 0o777) == (".eml", 0o600)
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert (message["Subject"], message["To"]) == ("Spend is high", "reader@client.example")
    assert next(message.iter_attachments()).get_content() == PDF
    assert fresh(email).state == "sent"


@pytest.mark.parametrize(("folder", "code"), [("", "local.no_server"), ("/proc/nowhere", "local.no_folder")])
def test_where_e_mail_can_go_nowhere_it_waits_and_says_why(acme, settings, folder, code):
    settings.EMAIL_HOST, settings.EMAIL_FOLDER = "", folder
    email = make_email(acme)
    assert send(acme).counts == {"postponed": 1}
    assert fresh(email).error_code == code
    assert fresh(email).error


def test_the_beat_sends_what_waits_in_every_workspace(acme, globex, mail):
    make_email(acme)
    make_email(globex, address="other@client.example")
    app.conf.task_always_eager = True
    try:
        assert tasks.send_due_email() == {"tenants": 2}
        assert tasks.send_due_email() is None
    finally:
        app.conf.task_always_eager = False
    assert sorted(mail.recipients) == ["other@client.example", "reader@client.example"]
    assert "accounts.send_due_email" in {entry["task"] for entry in app.conf.beat_schedule.values()}


def test_a_run_ends_in_time_and_leaves_the_rest(acme, mail):
    for _number in range(3):
        make_email(acme)
    ticks = iter([0.0, 1.0, 241.0])
    assert send(acme, clock=lambda: next(ticks)).counts == {"sent": 1}
    assert send(acme).sent == 2


# --- Templates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("locale", "direction"), [("en", "ltr"), ("ar", "rtl")])
def test_a_template_speaks_the_readers_language_and_direction(acme, locale, direction):
    person = make_user(acme, "analyst", locale=locale, full_name="Ann <b>")
    text, html = inside(acme, lambda: email_render("emails/test", {}, kind=EmailKind.REPORT, user=person))
    assert f'<html lang="{locale}" dir="{direction}">' in html
    assert "Ann &lt;b&gt;" in html
    assert "Ann <b>" in text
    assert acme.name in html
    assert acme.name in text
    assert UNSUBSCRIBE_PLACE in html
    assert UNSUBSCRIBE_PLACE in text
    _text, notice = inside(acme, lambda: email_render("emails/test", {}, kind=EmailKind.NOTICE, user=person))
    assert "unsubscribe.invalid" not in notice


def test_the_trail_tells_of_every_message(acme, admin):
    email = make_email(acme, user=admin)
    entry = inside(acme, lambda: AuditLog.objects.get(resource_type="email_messages"))
    assert (entry.action, entry.resource_id) == ("create", str(email.pk))
    assert entry.new_value == {"kind": "alert", "state": "pending", "user": admin.pk, "files": 0}
