from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from stratum.lib.tables import MAX_PAGE, Cell, Column, Row, Table, TableState

COLUMNS = (
    Column("name", "Campaign", kind="main", sortable=True, required=True),
    Column("spend", "Spend", kind="number", sortable=True),
    Column("clicks", "Clicks", kind="number", sortable=True, shown=False),
    Column("note", "Note"),
)


def state(query: str = "") -> TableState:
    return TableState.from_query(QueryDict(query), COLUMNS, default_sort="-spend")


def test_without_parameters_the_defaults_hold():
    found = state()
    assert (found.sort, found.descending, found.page, found.size) == ("spend", True, 1, 50)
    assert [column.key for column in found.visible] == ["name", "spend", "note"]
    assert found.href("/campaigns/") == "/campaigns/"


@pytest.mark.parametrize("query", ["sort=note", "sort=nothing", "page=x", "page=-3", "per=7", "columns=zzz", "page=²"])
def test_stale_parameters_fall_back(query):
    assert state(query) == state()


def test_head_links_turn_the_order_round_and_go_to_page_one():
    heads = {head.column.key: head for head in state("sort=name&page=4&status=paused").heads("/c/")}
    assert heads["name"].aria_sort == "ascending"
    assert parse_qs(urlsplit(heads["name"].href).query) == {"status": ["paused"], "sort": ["-name"]}
    # Figures start from the top: the default order, so the parameter disappears.
    assert heads["spend"].href == "/c/?status=paused"
    assert heads["note"].href == ""


def test_links_keep_repeated_filters():
    assert state("label=a&label=b").href(page=2) == "?label=a&label=b&page=2"


def test_a_filter_can_be_taken_away():
    assert state("status=paused&q=x").href("/c/", status=None) == "/c/?q=x"


def test_chosen_columns_stay_in_the_links_and_required_ones_stay_on_screen():
    found = state("columns=clicks")
    assert [column.key for column in found.visible] == ["name", "clicks"]
    assert "columns=name%2Cclicks" in found.href(page=2)
    assert not found.shows("note")


def test_boxes_of_the_chooser_work_without_scripts():
    assert [column.key for column in state("column=clicks&column=note").visible] == ["name", "clicks", "note"]


def test_order_puts_rows_without_a_value_last():
    first, tie = state("sort=-spend").order_by({"name": "name", "spend": "spend_cents"})
    assert first.descending
    assert first.nulls_last
    assert first.expression.name == "spend_cents"
    assert tie.expression.name == "pk"


def test_order_refuses_a_column_that_the_query_does_not_know():
    with pytest.raises(KeyError):
        state("sort=name").order_by({"spend": "spend_cents"})


def test_a_page_knows_whether_another_follows():
    rows = list(range(60))
    first, last = state("per=25").paginate(rows), state("per=25&page=3").paginate(rows)
    assert (first.first, first.last, first.has_next, first.has_previous) == (1, 25, True, False)
    assert (last.first, last.last, last.has_next, last.has_previous) == (51, 60, False, True)
    beyond = state("per=25&page=9").paginate(rows)
    assert (beyond.rows, beyond.first, beyond.has_next, beyond.has_previous) == ([], 0, False, True)


def test_the_database_never_counts_off_millions():
    assert state("page=999999999").page == MAX_PAGE


def test_a_row_with_a_missing_cell_is_an_error():
    table = Table("t", "T", state(), [Row("1", [Cell("a")])], path="/")
    with pytest.raises(ValueError):
        list(next(iter(table.labelled_rows))[1])


def test_hidden_fields_of_the_chooser_leave_page_and_columns_out():
    table = Table("t", "T", state("q=x&sort=name&page=3&columns=note&per=25"), [], path="/")
    assert table.kept_for_columns == [("q", "x"), ("sort", "name"), ("per", "25")]
    assert table.state.kept("q", "status") == [("sort", "name"), ("per", "25"), ("columns", "name,note")]


@given(st.text(max_size=40), st.text(max_size=10), st.text(max_size=10))
def test_no_query_breaks_the_state(sort, page, columns):
    query = QueryDict(mutable=True)
    query.update({"sort": sort, "page": page, "columns": columns, "q": sort})
    found = TableState.from_query(query, COLUMNS, default_sort="name")
    again = TableState.from_query(
        QueryDict(urlsplit(found.href("/c/", page=found.page)).query), COLUMNS, default_sort="name"
    )
    assert again == found
