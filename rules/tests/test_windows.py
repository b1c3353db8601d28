"""Windows of days: where they lie, and that sums over them are the sums of their days."""

import datetime
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions.windows import COUNTED, Window, WindowKind

TODAY = datetime.date(2026, 11, 23)


@pytest.mark.parametrize(
    ("window", "first", "last"),
    [
        (Window(3), "2026-11-20", "2026-11-22"),
        (Window(3, WindowKind.LAST_N_DAYS_INCL_TODAY), "2026-11-21", "2026-11-23"),
        (Window(0, WindowKind.TODAY), "2026-11-23", "2026-11-23"),
        (Window(0, WindowKind.MONTH_TO_DATE), "2026-11-01", "2026-11-23"),
        (Window(3, WindowKind.LAST_N_COMPLETE_DAYS), "2026-11-17", "2026-11-19"),
        (Window(3).before(), "2026-11-17", "2026-11-19"),
        (Window(7, shift=2), "2026-11-02", "2026-11-08"),
    ],
)
def test_window_lies_where_its_name_says(window, first, last):
    bounds = window.bounds(TODAY, 4)
    assert bounds is not None
    assert [day.isoformat() for day in bounds] == [first, last]


def test_lifetime_has_no_first_day():
    assert Window(0, WindowKind.LIFETIME).bounds(TODAY) is None


@given(
    days=st.integers(1, 60),
    kind=st.sampled_from(sorted(COUNTED)),
    shift=st.integers(0, 3),
    today=st.dates(datetime.date(2024, 1, 1), datetime.date(2027, 12, 31)),
)
def test_days_of_a_window_fill_it_and_windows_adjoin(days, kind, shift, today):
    window = Window(days, kind, shift)
    first, last = window.bounds(today, 4)
    assert [one.bounds(today, 4) for one in window.single_days()] == [
        (last - timedelta(days=back),) * 2 for back in range(days)
    ]
    assert (last - first).days + 1 == days
    assert window.before().bounds(today, 4)[1] == first - timedelta(days=1)
    assert window.ends_before_today == (last < today)
