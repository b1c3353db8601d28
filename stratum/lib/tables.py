"""Sortable, pageable tables whose whole state lives in the URL. Pure: no models, no database.

A list view declares its columns, reads the state from the query string, asks its queries for the rows in that
order, formats the cells in Python, and hands a `Table` to `components/data_table.html`:

    COLUMNS = (
        Column("name", _("Campaign"), kind="main", sortable=True, required=True),
        Column("spend", _("Spend"), kind="number", sortable=True, unit="USD"),
    )
    state = TableState.from_query(request.GET, COLUMNS, default_sort="-spend")
    campaigns = queries.campaign_rows(…, order_by=state.order_by({"name": "name", "spend": "spend_cents"}))
    page = state.paginate(campaigns)
    rows = [Row(str(c.pk), (Cell(c.name, href=url), Cell(format_amount(c.spend)))) for c in page.rows]
    table = Table("campaign-table", _("Campaigns"), state, rows, path=request.path, page=page)

Parameters: `sort` (a column, '-' in front: descending), `page` (from 1), `per` (rows per page), `columns` (keys
joined by commas). Unknown values fall back to the defaults, so that a stale link still opens.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlencode

from django.db.models import F
from django.db.models.expressions import OrderBy
from django.utils.functional import Promise

PAGE_SIZES = (25, 50, 100)
# A page number beyond this would make the database count off rows nobody will read: filters lead there faster.
MAX_PAGE = 400

Kind = Literal["text", "main", "number", "status", "actions"]
RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `kind` decides alignment; `unit` (a currency, '%') stands once in the head; `note` is the formula
    or the source, shown in a tooltip. `required` columns cannot be hidden, `shown` is the state without a choice."""

    key: str
    label: str | Promise
    kind: Kind = "text"
    sortable: bool = False
    required: bool = False
    shown: bool = True
    unit: str | Promise = ""
    note: str | Promise = ""

    @property
    def css(self) -> str:
        return {"number": "num", "main": "cell-main", "actions": "cell-actions"}.get(self.kind, "")

    @property
    def descends_first(self) -> bool:
        """Figures are asked for from the top, names from A."""
        return self.kind == "number"


@dataclass(frozen=True, slots=True)
class HeadCell:
    """A column head ready for the template: `href` is empty when it does not sort."""

    column: Column
    href: str
    aria_sort: Literal["ascending", "descending", ""]


@dataclass(frozen=True, slots=True)
class Cell:
    """A formatted cell. `text` may be marked safe by whoever built it from escaped parts."""

    text: Any
    sub: Any = ""
    href: str = ""
    css: str = ""
    tip: str | Promise = ""


@dataclass(frozen=True, slots=True)
class Row:
    """`key` is the value of the row's checkbox and part of its element id; `name` is how the checkbox is read out."""

    key: str
    cells: Sequence[Cell]
    name: str = ""
    css: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[RowT]):
    """One page of rows. `total` is None when nobody counted; `has_next` is known either way."""

    rows: Sequence[RowT]
    number: int
    size: int
    has_next: bool
    total: int | None = None

    @property
    def first(self) -> int:
        """The number of the first row shown, 0 when there is none."""
        return (self.number - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.number - 1) * self.size + len(self.rows)

    @property
    def has_previous(self) -> bool:
        return self.number > 1


@dataclass(frozen=True, slots=True)
class TableState:
    """Sort order, page and visible columns, as the URL has them."""

    columns: tuple[Column, ...]
    sort: str
    descending: bool
    page: int
    size: int
    visible: tuple[Column, ...]
    default_sort: str
    default_size: int = 50
    # Everything else in the URL (filters, date range), kept in every link of the table.
    others: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_query(
        cls, query: Mapping[str, str], columns: Sequence[Column], *, default_sort: str, default_size: int = 50
    ) -> "TableState":
        """Read the state from request.GET (or a dict). `default_sort` is a key of `columns`, '-' for descending."""
        wanted = query.get("sort", default_sort)
        sortable = {column.key for column in columns if column.sortable}
        if wanted.removeprefix("-") not in sortable:
            wanted = default_sort
        size = _whole(query.get("per", ""), default_size)
        return cls(
            columns=tuple(columns),
            sort=wanted.removeprefix("-"),
            descending=wanted.startswith("-"),
            page=min(max(_whole(query.get("page", ""), 1), 1), MAX_PAGE),
            size=size if size in PAGE_SIZES else default_size,
            visible=_visible(_chosen_columns(query), columns),
            default_sort=default_sort,
            default_size=default_size,
            others=tuple(_others(query)),
        )

    def href(self, path: str = "", **changes: str | int | None) -> str:
        """A link to the same table with some parameters changed; None takes a parameter away.

        A change of anything but the page goes back to page 1. What equals a default is left out of the URL.
        """
        own: dict[str, str | int | None] = {
            "sort": self.sort_value if self.sort_value != self.default_sort else None,
            "per": self.size if self.size != self.default_size else None,
            "columns": self.columns_value,
            "page": None,
        }
        own |= changes
        kept = [(key, value) for key, value in self.others if key not in changes]
        added = [(key, str(value)) for key, value in own.items() if value not in (None, "", 1, "1")]
        return f"{path}?{urlencode(kept + added)}" if kept or added else path or "?"

    def kept(self, *without: str) -> list[tuple[str, str]]:
        """Hidden fields of a GET form that must not lose the rest of the URL.

        `without` names the parameters that the form itself sets; the page never stays.
        """
        own = [
            ("sort", self.sort_value if self.sort_value != self.default_sort else None),
            ("per", str(self.size) if self.size != self.default_size else None),
            ("columns", self.columns_value),
        ]
        pairs = [*self.others, *((key, value) for key, value in own if value)]
        return [(key, value) for key, value in pairs if key not in without]

    @property
    def sort_value(self) -> str:
        return f"-{self.sort}" if self.descending else self.sort

    @property
    def columns_value(self) -> str | None:
        """The `columns` parameter of the current choice, None when it is the default one."""
        chosen = [column.key for column in self.visible]
        default = [column.key for column in self.columns if column.shown or column.required]
        return None if chosen == default else ",".join(chosen)

    def heads(self, path: str = "") -> Iterator[HeadCell]:
        for column in self.visible:
            if not column.sortable:
                yield HeadCell(column, "", "")
                continue
            current = column.key == self.sort
            descend = not self.descending if current else column.descends_first
            value = f"-{column.key}" if descend else column.key
            arrow: Literal["ascending", "descending", ""] = ""
            if current:
                arrow = "descending" if self.descending else "ascending"
            href = self.href(path, sort=None if value == self.default_sort else value)
            yield HeadCell(column, href, arrow)

    def order_by(self, fields: Mapping[str, str], *, tie: str = "pk") -> list[OrderBy]:
        """ORDER BY terms for a queryset: rows without a value come last in both directions, ties by `tie`.

        `fields` maps column keys to ORM names; it must know every sortable column (KeyError otherwise).
        """
        term = F(fields[self.sort])
        first = term.desc(nulls_last=True) if self.descending else term.asc(nulls_last=True)
        return [first, F(tie).asc()]

    def paginate(self, rows: Any, total: int | None = None) -> "Page[Any]":
        """The state's page of a queryset or sequence: one query, one row more than shown, no count.

        A page past the end shows nothing and offers the way back; give `total` where it is known cheaply.
        """
        start = (self.page - 1) * self.size
        window = list(rows[start : start + self.size + 1])
        return Page(window[: self.size], self.page, self.size, len(window) > self.size, total)

    def shows(self, key: str) -> bool:
        """Whether a column is on screen: a view formats (and a query computes) no others."""
        return any(column.key == key for column in self.visible)


@dataclass(frozen=True, slots=True)
class Table:
    """What `components/data_table.html` draws. `element_id` is the id of its one root element and htmx target.

    `path` is the list view's own path. `selectable` adds the checkboxes of the bulk bar, `as_cards` lets rows become
    cards on a phone, `totals` is one footer row (as many cells as visible columns).
    """

    element_id: str
    caption: str | Promise
    state: TableState
    rows: Sequence[Row]
    path: str
    page: Page[Any] | None = None
    selectable: bool = False
    as_cards: bool = False
    totals: Sequence[Cell] = ()
    empty: Mapping[str, Any] = field(default_factory=dict)

    @property
    def heads(self) -> list[HeadCell]:
        return list(self.state.heads(self.path))

    @property
    def labelled_rows(self) -> Iterator[tuple[Row, Iterable[tuple[Column, Cell]]]]:
        """Rows with each cell beside its column: the template needs the column's class and its label on phones."""
        for row in self.rows:
            yield row, zip(self.state.visible, row.cells, strict=True)

    @property
    def labelled_totals(self) -> list[tuple[Column, Cell]]:
        return list(zip(self.state.visible, self.totals, strict=True)) if self.totals else []

    @property
    def previous_href(self) -> str:
        return self.state.href(self.path, page=self.state.page - 1)

    @property
    def next_href(self) -> str:
        return self.state.href(self.path, page=self.state.page + 1)

    @property
    def size_links(self) -> list[tuple[int, str, bool]]:
        """(rows per page, link, whether it is the current one)."""
        state = self.state
        return [
            (
                size,
                state.href(self.path, per=None if size == state.default_size else size),
                size == state.size,
            )
            for size in PAGE_SIZES
        ]

    @property
    def kept_for_columns(self) -> list[tuple[str, str]]:
        """Hidden fields of the column chooser: everything in the URL but the columns and the page."""
        return self.state.kept("columns")

    @property
    def column_choices(self) -> list[tuple[Column, bool]]:
        """Every column with whether it is on screen, for the column chooser."""
        return [(column, self.state.shows(column.key)) for column in self.state.columns]


def _whole(text: str, default: int) -> int:
    # str.isdigit alone would let '²' through to int().
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else default


def _chosen_columns(query: Mapping[str, str]) -> set[str]:
    """`columns=a,b`, or the repeated boxes `column=a&column=b` of the chooser without scripts."""
    values_of = getattr(query, "getlist", None)
    boxes = values_of("column") if values_of else []
    return {key for key in (*query.get("columns", "").split(","), *boxes) if key}


def _visible(wanted: set[str], columns: Sequence[Column]) -> tuple[Column, ...]:
    if not any(column.key in wanted for column in columns):
        return tuple(column for column in columns if column.shown or column.required)
    return tuple(column for column in columns if column.required or column.key in wanted)


def _others(query: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Parameters that are not the table's own, repeated ones included."""
    values_of = getattr(query, "getlist", None)
    for key in query:
        if key in {"sort", "page", "per", "columns", "column"}:
            continue
        for value in values_of(key) if values_of else [query[key]]:
            if value:
                yield key, value
