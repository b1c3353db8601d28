import json
from datetime import date

import pytest

from stratum.lib.charts import Band, Chart, Event, Series

DAYS = [date(2026, 11, day) for day in (1, 2, 3)]


def test_days_travel_as_iso_dates_and_gaps_as_null():
    chart = Chart("spend", DAYS, [Series("Spend", [1, None, 3], "area", "money")], currency="USD", immature_days=9)
    data = json.loads(json.dumps(chart.data))
    assert data["kind"] == "days"
    assert data["x"] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert data["series"][0]["values"] == [1, None, 3]
    assert data["immature"] == 3


def test_names_make_a_chart_over_names():
    assert Chart("split", ["Meta", "Google"], [Series("Spend", [1, 2], "bar")]).data["kind"] == "names"


def test_events_and_bands():
    chart = Chart(
        "roas",
        DAYS,
        [Series("ROAS", [1, 2, 3])],
        events=[Event(DAYS[0], "Paused", "rule"), Event(DAYS[0], "Outage", "incident", DAYS[1])],
        bands=[Band("80 %", [None, 1, 1], [None, 2, 3])],
    )
    assert [event["until"] for event in chart.data["events"]] == [None, "2026-11-02"]
    assert chart.data["bands"][0]["upper"] == [None, 2, 3]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Chart("spend", DAYS, [Series("Spend", [1, 2])]),
        lambda: Chart("spend", DAYS, [], bands=[Band("b", [1], [2])]),
        lambda: Chart("1 spend", DAYS, []),
    ],
)
def test_what_could_not_be_drawn_is_refused(make):
    with pytest.raises(ValueError):
        make()
