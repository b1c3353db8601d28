"""The Google Ads Query Language, as far as reports and lists need it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from stratum.sandbox.platforms.google_ads.errors import query_error

_TOKEN = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)"|(>=|<=|!=|=|>|<|\(|\)|,)|([A-Za-z_][\w.]*)|(-?\d+(?:\.\d+)?))""")
_WORDS = {"SELECT", "FROM", "WHERE", "AND", "ORDER", "BY", "LIMIT", "PARAMETERS", "ASC", "DESC"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda found, asked: bool(found == asked),
    "!=": lambda found, asked: bool(found != asked),
    ">": lambda found, asked: bool(found > asked),
    "<": lambda found, asked: bool(found < asked),
    ">=": lambda found, asked: bool(found >= asked),
    "<=": lambda found, asked: bool(found <= asked),
}


@dataclass(frozen=True, slots=True)
class Condition:
    field: str
    operator: str
    values: tuple[str, ...]

    def holds(self, found: Any) -> bool:
        """Whether a row's value passes; numbers are compared as numbers, all else as text."""
        if self.operator in ("IS NULL", "IS NOT NULL"):
            return (found is None) == (self.operator == "IS NULL")
        if found is None:
            return False
        asked = [_alike(found, value) for value in self.values]
        if isinstance(found, (list, tuple)):
            has = any(value in found for value in self.values)
            return has if self.operator.startswith("CONTAINS A") else not has
        match self.operator:
            case "IN":
                return found in asked
            case "NOT IN":
                return found not in asked
            case "BETWEEN":
                return bool(asked[0] <= found <= asked[1])
            case "LIKE":
                pattern = re.escape(self.values[0]).replace("%", ".*")
                return re.fullmatch(pattern, str(found), re.IGNORECASE) is not None
        return _COMPARE[self.operator](found, asked[0])


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. `order` holds (field, descending)."""

    fields: tuple[str, ...]
    resource: str
    conditions: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]
    limit: int | None

    def names(self) -> set[str]:
        return {*self.fields, *(one.field for one in self.conditions), *(field for field, _down in self.order)}

    def has_any(self, prefix: str) -> bool:
        return any(name.startswith(prefix) for name in self.names())

    def dates(self, today: date) -> tuple[date, date] | None:
        """The days that the conditions on segments.date leave; None when there are none."""
        first, last, bounded = date.min, today, False
        for one in self.conditions:
            if one.field != "segments.date":
                continue
            bounded = True
            low, high = _bounds(one, today)
            first, last = max(first, low), min(last, high)
        return (first, last) if bounded else None


def _alike(found: Any, asked: str) -> Any:
    if isinstance(found, bool):
        return asked.lower() == "true"
    if isinstance(found, (int, float)):
        try:
            return type(found)(asked)
        except ValueError as error:
            raise query_error("BAD_NUMBER", f"Error in query: {asked} is not a number.") from error
    return asked


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise query_error("BAD_VALUE", f"Error in query: invalid date '{text}'.") from error


def _bounds(condition: Condition, today: date) -> tuple[date, date]:
    yesterday = today - timedelta(days=1)
    match condition.operator:
        case "BETWEEN":
            return _day(condition.values[0]), _day(condition.values[1])
        case "=":
            return _day(condition.values[0]), _day(condition.values[0])
        case ">=":
            return _day(condition.values[0]), today
        case ">":
            return _day(condition.values[0]) + timedelta(days=1), today
        case "<=":
            return date.min, _day(condition.values[0])
        case "<":
            return date.min, _day(condition.values[0]) - timedelta(days=1)
        case "DURING":
            known = {"TODAY": (today, today), "YESTERDAY": (yesterday, yesterday)}
            known |= {"THIS_MONTH": (today.replace(day=1), today)}
            known |= {f"LAST_{n}_DAYS": (today - timedelta(days=n), yesterday) for n in (7, 14, 30)}
            if condition.values[0] in known:
                return known[condition.values[0]]
    raise query_error("INVALID_VALUE_WITH_DURING_OPERATOR", "Error in query: invalid condition on segments.date.")


def parse(text: str, fields: Mapping[str, str], resources: Mapping[str, Any]) -> Query:
    """AdsError with the platform's codes when the query is not one, or names what does not exist."""
    query = _Parser(_tokens(text)).query()
    if query.resource not in resources:
        raise query_error(
            "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE", f"Error in query: resource '{query.resource}' is unknown."
        )
    unknown = sorted(name for name in query.names() if name not in fields)
    if unknown:
        listed = ", ".join(f"'{name}'" for name in unknown)
        raise query_error("UNRECOGNIZED_FIELD", f"Unrecognized fields in the query: {listed}.")
    for name, _down in query.order:
        if name not in query.fields and name.split(".")[0] in ("metrics", "segments"):
            message = f"The following field must be present in SELECT clause: '{name}'."
            raise query_error("EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE", message)
    return query


def _tokens(text: str) -> list[tuple[str, str]]:
    """(kind, text) with kind one of value, sign, word."""
    found, position = [], 0
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise query_error("UNEXPECTED_INPUT", f"Error in query: unexpected input {text[position : position + 20]}.")
        position = match.end()
        single, double, sign, word, number = match.groups()
        if sign is not None:
            found.append(("sign", sign))
        elif word is not None:
            found.append(("word", word))
        else:
            value = next(one for one in (single, double, number) if one is not None)
            found.append(("value", value))
        while position < len(text) and text[position].isspace():
            position += 1
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._position = 0

    def query(self) -> Query:
        self._keyword("SELECT", "EXPECTED_SELECT")
        fields = self._list(self._name)
        self._keyword("FROM", "EXPECTED_FROM")
        resource = self._name()
        conditions: list[Condition] = []
        if self._is("WHERE"):
            conditions.append(self._condition())
            while self._is("AND"):
                conditions.append(self._condition())
        order: list[tuple[str, bool]] = []
        if self._is("ORDER"):
            self._keyword("BY", "EXPECTED_BY")
            order = self._list(self._ordering)
        limit = int(self._value()) if self._is("LIMIT") else None
        if self._is("PARAMETERS"):
            self._position = len(self._tokens)
        if self._position < len(self._tokens):
            raise query_error(
                "UNEXPECTED_INPUT", f"Error in query: unexpected input {self._tokens[self._position][1]}."
            )
        return Query(tuple(fields), resource, tuple(conditions), tuple(order), limit)

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._position] if self._position < len(self._tokens) else ("end", "")

    def _is(self, *words: str) -> bool:
        """Take these words if they come next."""
        coming = [text.upper() for kind, text in self._tokens[self._position : self._position + len(words)]]
        if coming != list(words):
            return False
        self._position += len(words)
        return True

    def _keyword(self, word: str, code: str) -> None:
        if not self._is(word):
            raise query_error(code, f"Error in query: expected {word}.")

    def _list(self, item: Callable[[], Any]) -> list[Any]:
        items = [item()]
        while self._sign(","):
            items.append(item())
        return items

    def _sign(self, sign: str) -> bool:
        if self._peek() != ("sign", sign):
            return False
        self._position += 1
        return True

    def _name(self) -> str:
        kind, text = self._peek()
        if kind != "word" or text.upper() in _WORDS:
            raise query_error("BAD_FIELD_NAME", f"Error in query: expected a field name, found '{text}'.")
        self._position += 1
        return text.lower()

    def _value(self) -> str:
        kind, text = self._peek()
        if kind not in ("value", "word"):
            raise query_error("BAD_VALUE", f"Error in query: expected a value, found '{text}'.")
        self._position += 1
        return text

    def _ordering(self) -> tuple[str, bool]:
        name = self._name()
        down = self._is("DESC")
        if not down:
            self._is("ASC")
        return name, down

    def _condition(self) -> Condition:
        field = self._name()
        for empty in ("IS NULL", "IS NOT NULL"):
            if self._is(*empty.split()):
                return Condition(field, empty, ())
        many = (("IN",), ("NOT", "IN"), ("CONTAINS", "ANY"), ("CONTAINS", "ALL"), ("CONTAINS", "NONE"))
        for words in many:
            if self._is(*words):
                if not self._sign("("):
                    raise query_error("EXPECTED_VALUE", "Error in query: expected a list.")
                values = self._list(self._value)
                self._sign(")")
                return Condition(field, " ".join(words), tuple(values))
        if self._is("BETWEEN"):
            low = self._value()
            self._keyword("AND", "EXPECTED_AND")
            return Condition(field, "BETWEEN", (low, self._value()))
        for word in ("DURING", "LIKE"):
            if self._is(word):
                return Condition(field, word, (self._value(),))
        kind, sign = self._peek()
        if kind != "sign" or sign not in _COMPARE:
            raise query_error("EXPECTED_OPERATOR", f"Error in query: expected an operator, found '{sign}'.")
        self._position += 1
        return Condition(field, sign, (self._value(),))
