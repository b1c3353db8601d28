"""Template tags and components: what they print, and that nothing a customer typed becomes markup."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpResponse
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django_htmx.middleware import HtmxDetails
from lucide import IconDoesNotExist

from stratum.lib import figures
from stratum.lib.date_ranges import resolve_date_range
from stratum.lib.kpis import Kpi
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.lib.toasts import toast
from stratum.templatetags import date_range, ui

EVIL = "<script>alert(1)</script>\"'>"


def render(source: str, **context) -> str:
    return Template("{% load ui %}" + source).render(Context(context))


def test_icons_are_hidden_from_screen_readers_and_unknown_ones_are_errors():
    svg = ui.render_icon("pause")
    assert 'aria-hidden="true"' in svg
    assert "style=" not in svg
    with pytest.raises(IconDoesNotExist):
        ui.render_icon("no-such-icon")


@pytest.mark.parametrize("icon", sorted({icon for _, icon in ui.STATUSES.values()} | ui._DIRECTED))
def test_every_named_icon_exists(icon):
    assert ui.render_icon(icon).startswith("<svg")


def test_directed_icons_turn_round():
    assert "ic-flip" in ui.render_icon("chevron-right")
    assert "ic-flip" not in ui.render_icon("pause")


def test_status_has_colour_icon_and_word():
    shown = ui.status_tag("paused", "Paused")
    assert "status-warn" in shown
    assert "<svg" in shown
    assert shown.endswith("Paused</span>")


@pytest.mark.parametrize(
    "shown",
    [
        ui.status_tag("active", EVIL, EVIL),
        ui.platform_mark(EVIL),
        ui.no_value(EVIL),
        ui.delta_mark(figures.Delta(EVIL, "up", "good", EVIL)),
    ],
)
def test_tags_escape(shown):
    assert "<script" not in shown


def test_platform_without_a_written_name_is_still_named():
    assert '<span class="visually-hidden">TikTok</span>' in ui.platform_mark("tiktok", name=False)


def test_delta_colour_follows_the_meaning():
    assert "delta-good" in ui.delta_mark(figures.delta(9, 10, better="down"))
    assert ui.delta_mark(None) == ""


def test_url_with_keeps_filters_and_drops_the_page():
    request = RequestFactory().get("/?status=paused&label=a&label=b&page=3")
    shown = render("{% url_with sort='-spend' %}", request=request)
    assert shown == "?status=paused&amp;label=a&amp;label=b&amp;sort=-spend"
    assert render("{% url_with status=None %}", request=request) == "?label=a&amp;label=b"


def test_unique_ids_differ():
    first, second = render("{% unique_id 'm' %} {% unique_id 'm' %}").split()
    assert first != second


@pytest.mark.parametrize(
    ("name", "letters"), [("Nour Al-Amin", "NA"), ("Zoë", "Z"), ("", "?"), (None, "?"), ("(x) y", "Y")]
)
def test_initials(name, letters):
    assert ui.initials(name) == letters


@pytest.mark.parametrize("tags", ["undo:https://evil.example/", "undo://evil.example/", "", None, "safe"])
def test_undo_never_leaves_the_site(tags):
    assert ui.undo_url(tags) == ""


def test_undo_of_a_message():
    assert ui.undo_url("undo:/rules/3/undo/") == "/rules/3/undo/"


class Sample(forms.Form):
    name = forms.CharField(help_text="Shown in the feed.")
    note = forms.CharField(required=False, widget=forms.Textarea)
    kind = forms.ChoiceField(choices=[("a", "A")])
    sure = forms.BooleanField()
    days = forms.MultipleChoiceField(choices=[("m", "Monday")], widget=forms.CheckboxSelectMultiple)
    token = forms.CharField(widget=forms.HiddenInput)

    def clean(self):
        raise forms.ValidationError("Nothing fits.")


def test_form_fields_carry_label_help_error_and_class():
    shown = Sample({"token": "t"}).render()
    assert '<label class="field-label" for="id_name">' in shown
    assert re.search(r'<input[^>]*name="name"[^>]*aria-describedby="id_name_helptext id_name_error"', shown)
    assert 'id="id_name_helptext"' in shown
    assert 'id="id_name_error"' in shown
    assert 'class="form-select"' in shown
    assert "(optional)" in shown
    assert "Nothing fits." in shown
    assert shown.count('name="token"') == 1


def table(query: dict[str, str], rows: list[Row]) -> Table:
    columns = (
        Column("name", "Campaign", kind="main", sortable=True, required=True),
        Column("spend", "Spend", kind="number", sortable=True, unit="USD"),
    )
    state = TableState.from_query(query, columns, default_sort="-spend")
    return Table("campaign-table", "Campaigns", state, rows, path="/campaigns/", selectable=True)


def test_table_is_one_root_with_caption_heads_and_escaped_cells():
    rows = [Row("7", [Cell(EVIL, sub=EVIL, href="/campaigns/7/"), Cell("1,234.00", tip=EVIL)], name=EVIL)]
    shown = render_to_string("components/data_table.html", {"table": table({}, rows), "bulk_form": "bulk"})
    assert "<script" not in shown
    assert shown.count('id="campaign-table"') == 1
    assert "<caption" in shown
    assert 'aria-sort="descending"' in shown
    assert '<td class="num "' in shown
    assert 'name="ids" value="7" data-row form="bulk"' in shown


def test_empty_table_teaches_the_next_step():
    next_step = {"title": "No campaigns yet", "text": "Import a file.", "actions": [("Import", "/imports/", True)]}
    listing = replace(table({}, []), empty={"icon": "plug", **next_step})
    shown = render_to_string("components/data_table.html", {"table": listing})
    assert "No campaigns yet" in shown
    assert 'href="/imports/"' in shown
    assert "<table" not in shown


def test_kpi_without_value_says_why():
    shown = render_to_string("components/kpi.html", {"kpi": Kpi("CTR", reason="No impressions in this range")})
    assert "–" in shown
    assert "No impressions in this range" in shown


def test_range_links_keep_the_rest_of_the_url():
    request = RequestFactory().get("/?status=paused&page=4&range=7d")
    now = datetime(2026, 11, 23, 14, tzinfo=UTC)
    chosen = resolve_date_range(request.GET, now=now, zone=ZoneInfo("UTC"))
    choices = date_range.range_choices(Context({"request": request}), chosen)
    by_label = {str(choice.label): choice for choice in choices.ranges}
    assert by_label["Last 7 days"].current
    assert by_label["Last 90 days"].href == "?status=paused&range=90d"
    assert by_label["Last 30 days"].href == "?status=paused"
    assert choices.kept == [("status", "paused")]
    assert [choice.href for choice in choices.compares][-1] == "?status=paused&range=7d&compare=off"
    assert date.fromisoformat(choices.last_day) >= date(2026, 11, 22)


def request_of(*, htmx: bool):
    request = RequestFactory().post("/", headers={"HX-Request": "true"} if htmx else {})
    request.htmx = HtmxDetails(request)
    request._messages = CookieStorage(request)
    return request


def test_toast_of_a_fragment_travels_in_its_header():
    request = request_of(htmx=True)
    response = toast(request, HttpResponse(), EVIL, undo_url="/undo/")
    told = json.loads(response["HX-Trigger"])["toast"]
    assert told == {"text": EVIL, "level": "success", "undo_url": "/undo/"}
    assert len(request._messages) == 0


@pytest.mark.parametrize("htmx", [False, True])
def test_toast_before_another_page_waits_for_it(htmx):
    request = request_of(htmx=htmx)
    response = HttpResponse(headers={"HX-Redirect": "/"}) if htmx else HttpResponse(status=302)
    toast(request, response, "Saved", undo_url="/undo/")
    assert "HX-Trigger" not in response
    assert [(str(message), ui.undo_url(message.extra_tags)) for message in request._messages] == [("Saved", "/undo/")]
