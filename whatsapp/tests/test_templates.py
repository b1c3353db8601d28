"""Templates: handed in, fetched, deleted, changed by events that come in any order, and filled."""

import datetime
import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditLog
from stratum.celery import app
from stratum.lib.errors import DomainError
from tenants.context import tenant_context
from whatsapp import services, tasks
from whatsapp.clients.events import TemplateEvent
from whatsapp.clients.templates import Button, TemplateDraft, shape
from whatsapp.models import WhatsAppNumber, WhatsAppTemplate
from whatsapp.queries.numbers import template_sync, tenants_with_templates_due
from whatsapp.queries.templates import sendable, template_values
from whatsapp.services.standard_templates import LANGUAGES
from whatsapp.tests.factories import make_template
from whatsapp.tests.number_cast import (
    ACTOR,
    GLOBEX,
    MARKETING,
    NORTHWIND,
    REPORTS,
    inside,
    make_number,
    number_of,
    sync,
    templates,
)

DRAFT = TemplateDraft(
    name="budget_alert",
    language="en",
    category="UTILITY",
    header="Budget of {{1}}",
    body="Campaign {{1}} has spent {{2}} today.",
    footer="Reply STOP to get no more.",
    buttons=(Button("URL", "Open", "https://stratum.example/c/{{1}}"), Button("QUICK_REPLY", "Pause")),
    examples={"1": "Spring Sale", "2": "12.50", "header:1": "Spring Sale", "button:0": "7"},
)
NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def whatsapp(live_sandbox):
    live_sandbox.control("whatsapp/modes", "POST", approve_after=600)
    return live_sandbox


@pytest.fixture
def number(acme, whatsapp):
    return make_number(acme)


def create(tenant, draft=DRAFT, **more):
    return inside(tenant, lambda: services.template_create(draft=draft, actor=ACTOR, **more))


def at_whatsapp(sandbox, **fields):
    """Meta decides something about a template."""
    return sandbox.control("whatsapp/template", "POST", waba=NORTHWIND, **fields)


def event(kind, value, *, minutes=0, **fields):
    values = {"waba": NORTHWIND, "name": "campaign_alert", "language": "en", "external_id": "", **fields}
    return TemplateEvent(kind=kind, value=value, at=NOW + datetime.timedelta(minutes=minutes), **values)


def apply(tenant, *events):
    return [inside(tenant, lambda one=one: services.template_event_apply(one)) for one in events]


# --- fetching -----------------------------------------------------------------------------------------------------


def test_the_accounts_templates_come_with_state_quality_and_reason(acme, number):
    result = sync(acme)
    assert (result.total, result.new, result.error) == (4, 4, "")
    found = templates(acme)
    paused = found["campaign_paused", "en_US"]
    assert (paused.status, paused.quality_score, paused.variables) == (
        "APPROVED", "GREEN", {"1": "rule", "2": "campaign"},
    )  # fmt: skip
    rejected = found["abandoned_cart", "en"]
    assert (rejected.status, rejected.rejected_reason) == ("REJECTED", "INVALID_FORMAT")
    assert "placeholders or its form are wrong" in sendable(rejected).reason
    assert found["verify_code", "en_US"].variables == {"1": "code", "button:0": "code"}
    assert found["weekly_digest", "ar"].status == "PAUSED"
    state = inside(acme, lambda: template_sync(timezone.now()))
    assert not state.is_running
    assert state.result == {"total": 4, "new": 4}


def test_fetching_again_changes_what_changed_and_keeps_what_people_chose(acme, number, whatsapp):
    sync(acme)
    mapped = templates(acme)["campaign_paused", "en_US"]
    inside(acme, lambda: services.template_map(template=mapped, variables={"2": "reason"}, actor=ACTOR))
    at_whatsapp(whatsapp, name="campaign_paused", status="PAUSED", quality="RED")
    result = sync(acme)
    assert (result.total, result.new, result.changed, result.gone) == (4, 0, 1, 0)
    found = templates(acme)["campaign_paused", "en_US"]
    assert (found.status, found.quality_score, found.variables) == ("PAUSED", "RED", {"1": "rule", "2": "reason"})
    assert sync(acme).counts == {"total": 4}


def test_what_is_gone_at_whatsapp_is_marked_and_comes_back(acme, number, whatsapp, manager):
    make_template(manager, name="long_gone", last_synced_at=NOW, external_id="1")
    result = sync(acme)
    assert result.gone == 1
    assert templates(acme)["long_gone", "en"].status == "DELETED"
    assert sync(acme).gone == 0


def test_all_pages_of_a_long_list_are_read(acme, number, whatsapp, monkeypatch):
    from whatsapp.clients import cloud

    monkeypatch.setattr(cloud.templates_list, "__kwdefaults__", {"page": 2})
    assert sync(acme).total == 4


def test_the_number_of_statements_does_not_grow(acme, number, whatsapp):
    def statements():
        with tenant_context(acme), CaptureQueriesContext(connection) as asked:
            services.templates_sync()
        return len(asked)

    first = statements()
    inside(acme, lambda: services.templates_create_standard(actor=ACTOR))
    sync(acme)
    at_whatsapp(whatsapp, name="campaign_paused", quality="YELLOW")
    # Two more: those that were handed in are many, and still one statement each for what is new and changed.
    assert statements() <= first + 2


@pytest.mark.parametrize("fault", [{"kind": "token_expired"}, {"kind": "rate_limit"}, {"kind": "server_error"}])
def test_a_fetch_that_fails_is_said_and_changes_no_template(acme, number, whatsapp, fault):
    sync(acme)
    before = {key: row.status for key, row in templates(acme).items()}
    whatsapp.control("faults", "POST", platform="whatsapp", endpoint="templates", **fault)
    result = sync(acme)
    assert result.error
    assert {key: row.status for key, row in templates(acme).items()} == before
    found = number_of(acme, number.pk)
    assert found.templates_result["error"] == result.error
    assert found.status == ("stopped" if fault["kind"] == "token_expired" else "ok")


def test_without_a_number_there_is_nothing_to_fetch(acme):
    assert sync(acme) is None
    with pytest.raises(DomainError, match="Connect a WhatsApp number first"):
        inside(acme, lambda: services.templates_ask(actor=ACTOR))


# --- handing in ---------------------------------------------------------------------------------------------------


def test_a_template_is_handed_in_and_reviewed(acme, number, whatsapp):
    row = create(acme, variables={"1": "campaign", "2": "figures"})
    assert row.status == "LOCAL_QUEUED"
    assert not sendable(row)
    result = sync(acme)
    assert (result.handed_in, result.total) == (1, 5)
    found = templates(acme)["budget_alert", "en"]
    assert (found.status, bool(found.external_id)) == ("PENDING", True)
    assert found.variables == {"header:1": "rule", "1": "campaign", "2": "figures", "button:0": "link"}
    assert not sendable(found)
    at_whatsapp(whatsapp, name="budget_alert", language="en", status="APPROVED")
    sync(acme)
    assert sendable(templates(acme)["budget_alert", "en"])


def test_what_whatsapp_does_not_take_says_why(acme, number, whatsapp):
    create(acme, TemplateDraft("campaign_paused", "en_US", "UTILITY", "Nothing is here in this workspace yet."))
    result = sync(acme)
    # It is at WhatsApp already: what stands there counts.
    assert result.refused == 1
    assert templates(acme)["campaign_paused", "en_US"].status == "APPROVED"
    inside(acme, lambda: WhatsAppTemplate.objects.create(name="Bad Name", language="en", category="UTILITY",
                                                         status="LOCAL_QUEUED"))  # fmt: skip
    assert sync(acme).refused == 1
    found = templates(acme)["Bad Name", "en"]
    assert found.status == "LOCAL_REFUSED"
    assert "lowercase" in sendable(found).reason
    assert sync(acme).counts == {"total": 4}


def test_what_cannot_be_handed_in_now_is_handed_in_later(acme, number, whatsapp):
    create(acme)
    whatsapp.control("faults", "POST", platform="whatsapp", endpoint="templates", kind="rate_limit")
    assert sync(acme).error
    assert templates(acme)["budget_alert", "en"].status == "LOCAL_QUEUED"
    assert sync(acme).handed_in == 1


def test_a_worker_that_is_lost_while_handing_in_makes_no_second_one(acme, number, whatsapp):
    """It arrived at WhatsApp, and the answer was never kept."""
    create(acme)
    sync(acme)
    row = templates(acme)["budget_alert", "en"]
    inside(acme, lambda: WhatsAppTemplate.objects.filter(pk=row.pk).update(status="LOCAL_SENDING", external_id=None))
    result = sync(acme)
    assert (result.handed_in, result.total) == (0, 5)
    found = templates(acme)["budget_alert", "en"]
    assert (found.status, found.external_id) == ("PENDING", row.external_id)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_hand_in_once(acme, whatsapp):
    make_number(acme)
    create(acme)
    counts = []

    def one():
        try:
            counts.append(sync(acme).counts)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(found.get("handed_in", 0) for found in counts) == 1
    assert len(templates(acme)) == 5
    assert sum(found.get("refused", 0) for found in counts) == 0


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"name": "Budget Alert"}, "name"),
        ({"category": "NEWS"}, "category"),
        ({"header": "x" * 61}, "header"),
        ({"header": "*bold*"}, "header"),
        ({"body": ""}, "body"),
        ({"body": "{{1}} has spent {{2}} today."}, "body"),
        ({"body": "Spent by {{1}}{{2}} today, more than was planned."}, "body"),
        ({"body": "Spent by {{1}} and {{3}} today."}, "body"),
        ({"body": "Hello {{ name }} of today and more"}, "body"),
        ({"body": "x" * 1025}, "body"),
        ({"footer": "x" * 61}, "footer"),
        ({"footer": "{{1}}"}, "footer"),
        ({"examples": {"1": "Spring Sale", "header:1": "x", "button:0": "7"}}, "example:2"),
        ({"buttons": (Button("URL", "Open", "http://x.example/"),)}, "button:0"),
        ({"buttons": (Button("URL", "Open", "https://x.example/{{1}}/more"),)}, "button:0"),
        ({"buttons": (Button("PHONE_NUMBER", "Call", "030 1234"),)}, "button:0"),
        ({"buttons": (Button("QUICK_REPLY", "x" * 26),)}, "button:0"),
        ({"buttons": (Button("QUICK_REPLY", "Yes"), Button("QUICK_REPLY", "yes"))}, "buttons"),
        ({"buttons": (Button("QUICK_REPLY", "Yes"), Button("URL", "Go", "https://x.example"),
                      Button("QUICK_REPLY", "No"))}, "buttons"),
    ],
)  # fmt: skip
def test_what_whatsapp_would_refuse_is_said_before(acme, number, fields, place):
    values = {name: getattr(DRAFT, name) for name in TemplateDraft.__slots__}
    with pytest.raises(DomainError) as refusal:
        create(acme, TemplateDraft(**{**values, **fields}))
    assert refusal.value.field == place
    assert templates(acme) == {}


def test_a_name_is_taken_once_in_a_language(acme, number):
    create(acme)
    with pytest.raises(DomainError) as refusal:
        create(acme)
    assert refusal.value.code == "name_taken"


def test_stratums_own_templates_are_accepted_in_every_language(acme, number, whatsapp):
    made = inside(acme, lambda: services.templates_create_standard(actor=ACTOR))
    assert made == 3 * len(LANGUAGES) == 18
    result = sync(acme)
    assert (result.handed_in, result.refused, result.total) == (18, 0, 22)
    found = templates(acme)
    for language in LANGUAGES:
        assert found["stratum_alert", language].variables == {"1": "title", "2": "text"}
        assert found["stratum_report", language].variables == {"1": "period", "2": "figures", "3": "link"}
        assert found["stratum_code", language].category == "AUTHENTICATION"
    assert inside(acme, lambda: services.templates_create_standard(actor=ACTOR)) == 0
    assert sync(acme).handed_in == 0


# --- deleting -----------------------------------------------------------------------------------------------------


def test_deleting_takes_one_language_at_whatsapp(acme, number, whatsapp):
    sync(acme)
    row = templates(acme)["campaign_paused", "en_US"]
    assert inside(acme, lambda: services.template_delete(template=row, actor=ACTOR)).status == "LOCAL_REMOVING"
    assert sync(acme).total == 3
    assert templates(acme)["campaign_paused", "en_US"].status == "DELETED"
    gone = templates(acme)["campaign_paused", "en_US"]
    assert inside(acme, lambda: services.template_delete(template=gone, actor=ACTOR)) is None
    assert ("campaign_paused", "en_US") not in templates(acme)


def test_deleting_what_is_gone_at_whatsapp_already_is_no_trouble(acme, number, whatsapp, manager):
    row = make_template(manager, external_id="1689556900000000", last_synced_at=NOW)
    inside(acme, lambda: services.template_delete(template=row, actor=ACTOR))
    assert sync(acme).error == ""
    assert templates(acme)["campaign_alert", "en"].status == "DELETED"


# --- events -------------------------------------------------------------------------------------------------------


def test_events_change_state_category_and_quality(acme, number, manager):
    make_template(manager, status="PENDING")
    changed = apply(
        acme,
        event("status", "REJECTED", reason="PROMOTIONAL", external_id="77"),
        event("category", "MARKETING"),
        event("quality", "YELLOW"),
    )
    assert changed == [True, True, True]
    row = templates(acme)["campaign_alert", "en"]
    assert (row.status, row.category, row.quality_score, row.external_id) == ("REJECTED", "MARKETING", "YELLOW", "77")
    assert "does not allow that" in sendable(row).reason
    assert inside(acme, lambda: AuditLog.objects.filter(resource_type="whatsapp_templates").count()) == 3


def test_only_newer_events_count_and_each_kind_for_itself(acme, number, manager):
    make_template(manager)
    late = event("status", "PENDING", minutes=-5)
    assert apply(acme, event("status", "PAUSED"), event("quality", "RED", minutes=9), late, late) == [
        True, True, False, False,
    ]  # fmt: skip
    assert apply(acme, event("status", "APPROVED", minutes=5)) == [True]
    row = templates(acme)["campaign_alert", "en"]
    assert (row.status, row.quality_score) == ("APPROVED", "RED")


def test_a_listing_does_not_undo_a_newer_event_nor_an_old_event_a_listing(acme, number, whatsapp):
    sync(acme)
    fields = {"name": "campaign_paused", "language": "en_US"}
    apply(acme, event("status", "DISABLED", minutes=60, **fields))
    sync(acme)
    assert templates(acme)["campaign_paused", "en_US"].status == "DISABLED"
    assert apply(acme, event("quality", "RED", minutes=-60, **fields)) == [False]
    assert templates(acme)["campaign_paused", "en_US"].quality_score == "GREEN"


def test_an_unknown_template_or_new_parts_are_fetched(acme, number):
    for one in (event("status", "APPROVED", name="brand_new"), event("components", "")):
        inside(acme, lambda: WhatsAppNumber.objects.update(templates_asked_at=None))
        assert apply(acme, one) == [False]
        assert number_of(acme, number.pk).templates_asked_at is not None
    assert templates(acme) == {}


@pytest.mark.parametrize("value", ["", "SOMETHING_NEW"])
def test_words_of_tomorrow_do_no_harm(acme, number, manager, value):
    make_template(manager)
    apply(acme, event("category", value), event("status", value))
    row = templates(acme)["campaign_alert", "en"]
    assert row.category == "UTILITY"
    assert row.status == (value or "APPROVED")
    if value:
        assert "does not know" in sendable(row).reason


def test_events_of_one_workspace_leave_the_other_alone(acme, globex, number, manager, outsider):
    make_template(manager)
    make_template(outsider)
    apply(acme, event("status", "PAUSED"))
    assert templates(globex)["campaign_alert", "en"].status == "APPROVED"


# --- filling ------------------------------------------------------------------------------------------------------


def test_a_template_is_filled_by_its_mapping(acme, number, whatsapp):
    create(acme, variables={"1": "campaign", "2": "figures", "header:1": "rule"})
    sync(acme)
    values = template_values(
        templates(acme)["budget_alert", "en"],
        {"rule": "Stop loss", "campaign": "Spring Sale", "link": "c/7"},
        "Title\nA longer text",
    )
    assert (values.header, values.body, values.buttons) == (["Stop loss"], ["Spring Sale", ""], [(0, "url", "c/7")])
    assert values.text == "Budget of Stop loss\nCampaign Spring Sale has spent - today.\nReply STOP to get no more."


def long_template(manager, body="{{1}} did this: {{2}} More is in Stratum.", footer=True):
    parts = [{"type": "BODY", "text": f"Note of {body}"}]
    parts += [{"type": "FOOTER", "text": "Reply STOP to get no more."}] if footer else []
    return make_template(manager, components=parts, variables={"1": "title", "2": "text"})


def body_with(row, values):
    found = shape(row.components)
    return found.filled(dict(zip((slot.key for slot in found.slots), values.body, strict=True))).body


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Stop loss", "x" * 4000),
        ("t" * 4000, "It was paused."),
        ("t" * 4000, "x" * 4000),
        ("t" * 600, "x" * 600),
        ("Stop loss", " ".join(["word"] * 800)),
    ],
)
@pytest.mark.parametrize(
    "body", ["{{1}} did this: {{2}} More is in Stratum.", "{{1}} did {{2}}, {{1}}: {{2}} and {{2}}."]
)
def test_with_its_values_a_text_has_no_more_characters_than_whatsapp_takes(acme, manager, title, text, body):
    row = long_template(manager, body)
    values = template_values(row, {"title": title, "text": text})
    assert 1000 < len(body_with(row, values)) <= 1024
    # Only what is longer than its share gives way.
    assert [one for one in (title, text) if len(one) < 100 and one not in values.body] == []


def test_what_is_cut_is_never_the_last_line(acme, manager):
    row = long_template(manager)
    how = "Write “yes 7K2M” within 24 hours."
    lines = "\n".join(["A campaign of many words"] * 60)
    for values, end in (
        (template_values(row, {}, f"Stop loss\n{lines}\n{how}\n"), f"… {how}"),
        (template_values(row, {"text": lines}, f"Stop loss\n{how}"), "…"),
        # A last line that is all there is, or longer than the room, can only be cut itself.
        (template_values(row, {}, "y" * 3000), "y…"),
        (template_values(row, {}, f"Stop loss\n{lines}\n{'z' * 3000}"), "…"),
    ):
        assert values.body[1].endswith(end)
        assert len(values.body[1]) > 400
        assert len(body_with(row, values)) <= 1024


def test_a_text_without_other_parts_has_more_room(acme, manager):
    row = long_template(manager, footer=False)
    values = template_values(row, {"title": "t" * 1024, "text": "x" * 1024})
    assert values.body == ["t" * 1024, "x" * 1024]


def test_the_alert_template_takes_any_message(acme, number, whatsapp):
    inside(acme, lambda: services.templates_create_standard(actor=ACTOR))
    values = template_values(templates(acme)["stratum_alert", "de"], {}, "Stop loss\nSpring Sale: ROAS 0.2×")
    assert values.body == ["Stop loss", "Spring Sale: ROAS 0.2×"]
    assert "Stop loss" in values.text


def test_a_code_stands_in_both_places(acme, number):
    sync(acme)
    values = template_values(templates(acme)["verify_code", "en_US"], {"code": "271828"})
    assert (values.body, values.buttons) == (["271828"], [(0, "url", "271828")])


def test_what_stratum_cannot_fill_is_not_sent(manager, acme):
    row = make_template(manager, components=[{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Hi"}])
    verdict = sendable(row)
    assert (bool(verdict), verdict.code) == (False, "local.parts")
    assert "IMAGE" in verdict.reason


def test_a_mapping_is_checked(acme, number):
    sync(acme)
    row = templates(acme)["campaign_paused", "en_US"]
    for variables in ({"3": "rule"}, {"1": "password"}):
        with pytest.raises(DomainError):
            inside(acme, lambda variables=variables: services.template_map(
                template=row, variables=variables, actor=ACTOR))  # fmt: skip
    code = templates(acme)["verify_code", "en_US"]
    with pytest.raises(DomainError):
        inside(acme, lambda: services.template_map(template=code, variables={"1": "rule"}, actor=ACTOR))


# --- the jobs -----------------------------------------------------------------------------------------------------


def test_the_beat_finds_what_is_due_and_what_was_lost(acme, globex, number, whatsapp):
    now = timezone.now()
    make_number(globex, MARKETING, GLOBEX, templates_tried_at=now)
    assert tenants_with_templates_due(now) == [acme.pk]
    sync(acme)
    assert tenants_with_templates_due(timezone.now()) == []
    inside(acme, lambda: services.templates_ask(actor=ACTOR))
    assert tenants_with_templates_due(timezone.now()) == []
    assert tenants_with_templates_due(timezone.now() + datetime.timedelta(minutes=3)) == [acme.pk]
    sync(acme)
    create(acme)
    inside(acme, lambda: WhatsAppNumber.objects.update(templates_asked_at=None))
    assert tenants_with_templates_due(timezone.now() + datetime.timedelta(minutes=3)) == [acme.pk]
    assert tenants_with_templates_due(now + datetime.timedelta(hours=25)) == [acme.pk, globex.pk]


def test_one_fetch_is_enough_for_all_numbers_of_a_workspace(acme, number, whatsapp):
    second = make_number(acme, REPORTS, is_default=False)
    sync(acme)
    assert tenants_with_templates_due(timezone.now()) == []
    # The default was handed on, and a day has passed since.
    inside(acme, lambda: services.number_make_default(number=second, actor=ACTOR))
    yesterday = timezone.now() - datetime.timedelta(hours=25)
    inside(acme, lambda: WhatsAppNumber.objects.update(templates_tried_at=yesterday))
    assert tenants_with_templates_due(timezone.now()) == [acme.pk]
    sync(acme)
    assert tenants_with_templates_due(timezone.now()) == []


def test_what_was_asked_of_a_number_that_has_stopped_since_is_done_by_the_other(acme, number, whatsapp):
    make_number(acme, REPORTS, is_default=False)
    sync(acme)
    inside(acme, lambda: services.templates_ask(actor=ACTOR))
    inside(acme, lambda: services.number_stop_by_person(number=number, actor=ACTOR))
    later = timezone.now() + datetime.timedelta(minutes=3)
    assert tenants_with_templates_due(later) == [acme.pk]
    # The page looks at the number that works, and knows of the fetches before.
    assert inside(acme, lambda: template_sync(later)).synced_at is not None
    sync(acme)
    assert tenants_with_templates_due(later) == []


def test_where_one_token_is_dead_the_next_number_fetches(acme, number, whatsapp):
    make_number(acme, REPORTS, is_default=False)
    dead = {"platform": "whatsapp", "endpoint": "templates", "kind": "token_expired"}
    whatsapp.control("faults", "POST", **dead)
    assert sync(acme).error
    assert number_of(acme, number.pk).status == "stopped"
    assert tenants_with_templates_due(timezone.now()) == [acme.pk]
    # Where no token is left nobody asks on and on.
    whatsapp.control("faults", "POST", **dead)
    assert sync(acme).error
    assert tenants_with_templates_due(timezone.now()) == []
    inside(acme, lambda: WhatsAppNumber.objects.update(templates_tried_at=None))
    assert sync(acme).error == ""
    assert tenants_with_templates_due(timezone.now()) == []


def test_while_a_template_is_in_review_it_is_asked_for_each_hour(acme, number, whatsapp):
    sync(acme)
    create(acme)
    sync(acme)
    assert templates(acme)["budget_alert", "en"].status == "PENDING"
    assert tenants_with_templates_due(timezone.now() + datetime.timedelta(minutes=50)) == []
    assert tenants_with_templates_due(timezone.now() + datetime.timedelta(minutes=61)) == [acme.pk]


@pytest.mark.django_db(transaction=True)
def test_the_beat_fetches_for_each_workspace(acme, globex, whatsapp):
    make_number(acme)
    make_number(globex, MARKETING, GLOBEX)
    app.conf.task_always_eager = True
    try:
        assert tasks.sync_templates() == {"tenants": 2}
        assert tasks.sync_templates() is None
    finally:
        app.conf.task_always_eager = False
    assert len(templates(acme)) == 4
    assert len(templates(globex)) == 3
    assert "whatsapp.sync_templates" in {entry["task"] for entry in app.conf.beat_schedule.values()}
