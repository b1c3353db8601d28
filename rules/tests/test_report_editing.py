"""Editing a report: what it was narrowed to, and who gets it, stays until somebody takes it away."""

import html
import importlib
import re

import pytest
import time_machine
from django.urls import reverse

from campaigns.models import AdAccount, Campaign
from campaigns.queries import campaign_table
from rules.models import ReportSchedule
from rules.tests.report_cast import NOW, inside, make_history, make_schedule
from whatsapp.models import WhatsAppTemplate
from whatsapp.tests.factories import make_contact, make_template


@pytest.fixture(autouse=True)
def at_eight():
    with time_machine.travel(NOW, tick=False):
        yield


def form_on(page):
    """What a browser would send of the editor's form as it is shown."""
    form = page[page.index('id="report-form"') :].partition("</form>")[0]
    data = {}
    for tag in re.findall(r"<input[^>]*>", form):
        kind = re.search(r'type="(\w+)"', tag).group(1)
        if kind not in ("checkbox", "radio") or " checked" in tag:
            value = re.search(r'value="([^"]*)"', tag)
            data.setdefault(re.search(r'name="(\w+)"', tag).group(1), []).append(value.group(1) if value else "")
    for name, inside_of in re.findall(r'<select[^>]*? name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        data[name] = re.findall(r'<option value="([^"]*)" selected', inside_of)
    for name, words in re.findall(r'<textarea[^>]*? name="(\w+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        data[name] = [words.strip()]
    return {name: [html.unescape(one) for one in values] for name, values in data.items()}


def edit_only_the_time(client, schedule):
    """The editor's page, and what came of saving it with another time."""
    address = reverse("rules:report_schedule_edit", args=[schedule.pk])
    page = client.get(address).content.decode()
    response = client.post(address, {**form_on(page), "send_at": "09:30"}, follow=True)
    assert response.status_code == 200
    kept = inside(schedule.tenant, lambda: ReportSchedule.objects.get(pk=schedule.pk))
    assert f"{kept.send_at:%H:%M}" == "09:30"
    return page, response.content.decode(), kept


def narrowed(tenant, **scope):
    filters = {"platforms": [], "labels": [], "accounts": [], **scope}
    return make_schedule(tenant, name="Client A", addresses="boss@client-a.example", filters=filters)


def test_a_label_that_no_campaign_has_any_more_still_narrows_after_an_edit(acme, analyst, client_of):
    campaign = make_history(acme, name="Summer of A", labels=["client-a"])
    make_history(acme, name="Winter of B")
    schedule = narrowed(acme, labels=["client-a"])
    inside(acme, lambda: Campaign.objects.filter(pk=campaign.pk).update(labels=[]))
    page, preview, kept = edit_only_the_time(client_of(analyst), schedule)
    assert "client-a (kept, not in the list any more)" in page
    assert kept.filters["labels"] == ["client-a"]
    assert "label client-a" in preview
    assert "Winter of B" not in preview
    assert "All campaigns" not in preview


def test_a_label_beyond_those_listed_still_narrows_after_an_edit(acme, analyst, client_of, monkeypatch):
    monkeypatch.setattr(campaign_table, "MAX_LABELS", 1)
    make_history(acme, labels=["aaa", "client-a"])
    _page, _preview, kept = edit_only_the_time(client_of(analyst), narrowed(acme, labels=["client-a"]))
    assert kept.filters["labels"] == ["client-a"]


def test_an_ad_account_that_was_removed_still_narrows_after_an_edit(acme, analyst, client_of):
    account = make_history(acme, name="Summer of A").ad_account
    make_history(acme, name="Winter of B", platform="google")
    schedule = narrowed(acme, accounts=[account.pk])
    inside(acme, lambda: AdAccount.objects.filter(pk=account.pk).update(is_deleted=True))
    page, preview, kept = edit_only_the_time(client_of(analyst), schedule)
    assert f"{account.name} (Meta) (kept, not in the list any more)" in page
    assert kept.filters["accounts"] == [account.pk]
    assert "Winter of B" not in preview


def test_an_ad_account_that_was_removed_is_chosen_by_no_other_report(acme, analyst, client_of):
    account = make_history(acme).ad_account
    schedule = narrowed(acme)
    inside(acme, lambda: AdAccount.objects.filter(pk=account.pk).update(is_deleted=True))
    client, address = client_of(analyst), reverse("rules:report_schedule_edit", args=[schedule.pk])
    data = {**form_on(client.get(address).content.decode()), "accounts": [account.pk]}
    assert client.post(address, data).status_code == 422


def test_contacts_beyond_those_listed_stay_recipients_after_an_edit(acme, analyst, admin, client_of, monkeypatch):
    # Its package has a function of this name.
    monkeypatch.setattr(importlib.import_module("whatsapp.queries.recipients"), "CONTACTS_SHOWN", 1)
    contacts = [make_contact(admin), make_contact(admin, display_name="Boss of A")]
    ids = [one.pk for one in contacts]
    page, _preview, kept = edit_only_the_time(client_of(analyst), make_schedule(acme, contact_ids=ids))
    assert "Boss of A (kept, not in the list any more)" in page
    assert sorted(kept.contact_ids) == ids


def test_a_template_that_is_not_approved_for_now_stays_after_an_edit(acme, analyst, admin, client_of):
    contact, template = make_contact(admin), make_template(admin, name="daily_report")
    schedule = make_schedule(acme, contact_ids=[contact.pk], template_name="daily_report")
    inside(acme, lambda: WhatsAppTemplate.objects.filter(pk=template.pk).update(status="PAUSED"))
    page, _preview, kept = edit_only_the_time(client_of(analyst), schedule)
    assert "daily_report (kept, not in the list any more)" in page
    assert kept.template_name == "daily_report"


def test_the_editor_shows_what_a_kept_label_would_say(acme, analyst, client_of):
    make_history(acme, name="Winter of B")
    schedule = narrowed(acme, labels=["client-a"])
    client = client_of(analyst)
    page = client.get(reverse("rules:report_schedule_edit", args=[schedule.pk])).content.decode()
    panel = re.search(r'hx-post="([^"]+)"', page).group(1)
    shown = client.post(panel, form_on(page)).content.decode()
    assert "label client-a" in shown
    assert "Winter of B" not in shown


def test_whoever_unticks_everything_is_told_that_it_is_about_all_campaigns(acme, analyst, client_of):
    make_history(acme, labels=["client-a"])
    schedule = narrowed(acme, labels=["client-a"])
    client, address = client_of(analyst), reverse("rules:report_schedule_edit", args=[schedule.pk])
    page = client.get(address).content.decode()
    assert "Where nothing is chosen here, it is about all campaigns of the workspace." in page
    preview = client.post(address, {**form_on(page), "labels": []}, follow=True).content.decode()
    assert "All campaigns" in preview
    assert inside(acme, lambda: ReportSchedule.objects.get().filters) == {}


def test_a_report_of_another_workspace_lends_no_choices(acme, globex, analyst, client_of):
    foreign = narrowed(globex, labels=["secret"])
    panel = reverse("rules:report_preview_panel", args=[foreign.pk])
    assert client_of(analyst).post(panel, {}).status_code == 404
