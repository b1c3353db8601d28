"""The catalogue beside the product's own routes."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template import engines
from django.template.loader import render_to_string
from django.urls import path
from django.utils import timezone

from stratum.lib import figures
from stratum.lib.charts import Band, Chart, Event, Series
from stratum.lib.date_ranges import resolve_date_range
from stratum.lib.kpis import Kpi
from stratum.lib.sparkline import sparkline
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.lib.toasts import toast
from stratum.templatetags import ui
from stratum.urls import urlpatterns as product

TEMPLATE = Path(__file__).with_name("catalogue.html")
LAST = date(2026, 11, 22)
WAVE = [40, 44, 39, 47, 52, 30, 28]
PLATFORMS = ["meta", "google", "tiktok", "snapchat", "linkedin"]
COLUMNS = (
    Column("name", "Campaign", kind="main", sortable=True, required=True),
    Column("status", "Status", kind="status"),
    Column("platform", "Platform"),
    Column("spend", "Spend", kind="number", sortable=True, unit="USD", note="Sum of daily spend"),
    Column("roas", "ROAS", kind="number", sortable=True),
    Column("trend", "14 days"),
    Column("actions", "Actions", kind="actions"),
)


def wave(days: int, base: float) -> list[float]:
    return [round(base * (1 + WAVE[day % 7] / 100), 2) for day in range(days)]


def days(count: int) -> list[date]:
    return [LAST - timedelta(days=count - 1 - day) for day in range(count)]


def campaign_table(request: HttpRequest) -> Table:
    state = TableState.from_query(request.GET, COLUMNS, default_sort="-spend")
    wanted = request.GET.get("q", "")
    numbers = [number for number in sorted(range(1, 31), reverse=state.descending) if wanted in f"{number:02}"]
    page = state.paginate(numbers)
    return Table(
        "campaign-table",
        "Campaigns",
        state,
        [campaign_row(number) for number in page.rows],
        path=request.path,
        page=page,
        selectable=True,
        totals=[Cell("Total"), Cell(""), Cell(""), Cell("4,650.00"), Cell("2.85×"), Cell(""), Cell("")],
    )


def campaign_row(number: int) -> Row:
    name = f"Campaign {number:02}"
    spark = {"spark": sparkline(wave(14, 10), immature_tail=3), "css": "spark-cell"}
    menu = {
        "id": f"row-{number}",
        "label": f"Actions for {name}",
        "items": [{"label": "Open", "icon": "external-link", "url": "#"}],
    }
    cells = [
        Cell(name, sub="Acme Retail", href="#"),
        Cell(ui.status_tag(list(ui.STATUSES)[number])),
        Cell(ui.platform_mark(PLATFORMS[number % 5])),
        Cell(figures.format_amount(number * 1000)),
        Cell(ui.no_value("No revenue in this range") if number % 7 == 0 else "2.85×", css="immature"),
        Cell(render_to_string("components/sparkline.html", spark)),
        Cell(render_to_string("components/menu.html", menu)),
    ]
    return Row(str(number), cells, name=name)


def charts() -> dict[str, Chart]:
    spend = Series("Spend", wave(60, 5000), "area", "money")
    revenue = Series("Revenue", wave(60, 9000), "line", "money")
    before = Series("Revenue before", wave(60, 8000), "compare", "money")
    events = [
        Event(LAST - timedelta(days=20), "Budget 120 → 150", "rule"),
        Event(LAST - timedelta(days=40), "Tracking failed", "incident", LAST - timedelta(days=36)),
    ]
    known = [*wave(38, 2), *[None] * 7]
    ahead = [*[None] * 37, *wave(8, 2)]
    band = Band("80 % interval", [*[None] * 38, *[2.0] * 7], [*[None] * 38, *[3.5] * 7])
    stacks = [Series(name.title(), wave(30, 100), "stack", "money", color=name) for name in PLATFORMS]
    return {
        "time": Chart(
            "spend-chart", days(60), [spend, revenue, before], ("USD",), "USD", events, immature_days=5, zoom=True
        ),
        "fan": Chart(
            "fan-chart",
            days(45),
            [Series("ROAS", known, format="multiple"), Series("Forecast", ahead, "forecast", "multiple", 1)],
            bands=[band],
        ),
        "stack": Chart("stack-chart", days(30), stacks, ("USD",), "USD"),
        "bars": Chart("bar-chart", PLATFORMS, [Series("Clicks", [5, 4, 3, 2, 1], "bar")], horizontal=True),
        "nothing": Chart("empty-chart", [], []),
    }


def key_figures() -> Iterator[Kpi]:
    notes = [("Formula", "revenue ÷ spend"), ("Zone", "UTC")]
    for label, value, better in (("Spend", "$284,910", "neither"), ("ROAS", "2.85×", "up"), ("CPA", "$18.42", "down")):
        change = figures.delta(9, 10, better=better)
        yield Kpi(label, value, delta=change, spark=sparkline(wave(30, 5), immature_tail=3), notes=notes, href="#")
    yield Kpi("CTR", reason="No impressions in this range")


class SampleForm(forms.Form):
    name = forms.CharField(help_text="Shown in the feed.")
    metric = forms.ChoiceField(choices=[("roas", "ROAS")])
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    platforms = forms.MultipleChoiceField(choices=[("meta", "Meta")], widget=forms.CheckboxSelectMultiple)
    when = forms.ChoiceField(choices=[("now", "Now"), ("later", "Later")], widget=forms.RadioSelect)
    shadow = forms.BooleanField(required=False)
    file = forms.FileField(required=False)


def catalogue(request: HttpRequest) -> HttpResponse:
    table = campaign_table(request)
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table, "bulk_form": "bulk"})
    if "toasts" in request.GET:
        messages.success(request, "Saved.", extra_tags="undo:/catalogue/undo/")
        messages.error(request, "Meta refused the change.")
    context = {
        "date_range": resolve_date_range(request.GET, now=timezone.now(), zone=ZoneInfo("UTC")),
        "table": table,
        "charts": charts(),
        "kpis": list(key_figures()),
        "form": SampleForm({"name": ""}),
        "statuses": list(ui.STATUSES),
        "platforms": [*PLATFORMS, "other"],
        "levels": ["good", "info", "warn", "bad"],
        "facts": [("Zone", "UTC"), ("Last sync", "23 Nov 2026, 09:12")],
        "changes": [("daily_budget", "$120.00", "$150.00"), ("label", None, "summer")],
        "bulk": [
            {"url": "/catalogue/ok/", "label": "Archive", "icon": "archive", "danger": True, "confirm": "Archive?"}
        ],
        "selects": [("platform", "All platforms", [("meta", "Meta")], "")],
        "tabs": [("Overview", "#", True, None), ("Rules", "#", False, 3)],
        "now": timezone.now(),
    }
    return HttpResponse(engines["django"].from_string(TEMPLATE.read_text("utf-8")).render(context, request))


def change(request: HttpRequest) -> HttpResponse:
    return toast(request, HttpResponse(status=204), "<b>Changed</b>", undo_url="/catalogue/undo/")


def undo(request: HttpRequest) -> HttpResponse:
    return toast(request, HttpResponse(status=204), f"Taken back by {request.method}", level="info")


def fail(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=503)


def upload(request: HttpRequest) -> HttpResponse:
    received = request.FILES["file"]
    if b"broken" in received.read():
        return JsonResponse({"error": "The file is cut off."}, status=422)
    return JsonResponse({"redirect": "/catalogue/?uploaded=1"})


urlpatterns = [
    path("catalogue/", catalogue),
    path("catalogue/ok/", change),
    path("catalogue/undo/", undo),
    path("catalogue/fail/", fail),
    path("catalogue/upload/", upload),
    *product,
]
