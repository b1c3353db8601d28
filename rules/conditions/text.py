"""A rule's condition as one English sentence that reads back as the same tree.

    cpa over the last 3 full days is above 1.2 × the account average
        and (status is "active" or labels contains "always on")

`and` binds more tightly than `or`; parentheses make a group. Names and words of the grammar are not case-sensitive,
texts stand in double quotes as JSON writes them. This is a language, not a translation: it is English everywhere.
What a screen shows in the reader's own language is rules.conditions.wording.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from rules.choices import Extended, Operator
from rules.conditions.fields import FIELDS, ValueType
from rules.conditions.parsing import Average, Condition, ConditionError, Metric, Range
from rules.conditions.trees import Group, Node, parse_tree
from rules.conditions.windows import Window, WindowKind

MAX_LENGTH = 10_000

# Longer phrases first: 'is' begins most of them.
_OPERATORS: tuple[tuple[str, Operator | Extended], ...] = (
    ("is among the highest", Extended.TOP),
    ("is among the lowest", Extended.BOTTOM),
    ("has risen by at least", Extended.RISES_BY),
    ("has fallen by at least", Extended.FALLS_BY),
    ("is between", Extended.BETWEEN),
    ("is at least", Operator.GTE),
    ("is at most", Operator.LTE),
    ("is one of", Operator.IN),
    ("is above", Operator.GREATER_THAN),
    ("is below", Operator.LESS_THAN),
    ("is not", Operator.NOT_EQUALS),
    ("contains", Operator.CONTAINS),
    ("is", Operator.EQUALS),
)
_WORDS = {operator: phrase for phrase, operator in _OPERATORS}
_NAMES = {key: key.replace("_", " ") for key in FIELDS}
# Longest first: 'total spend' before 'spend'.
_BY_NAME = sorted(((name, key) for key, name in _NAMES.items()), key=lambda pair: -len(pair[0]))
_FIXED_WINDOWS = {
    WindowKind.TODAY: "today",
    WindowKind.MONTH_TO_DATE: "the month to date",
    WindowKind.LIFETIME: "its lifetime",
}
_COUNTED_WINDOWS = {
    WindowKind.LAST_N_FULL_DAYS: "full days",
    WindowKind.LAST_N_COMPLETE_DAYS: "complete days",
    WindowKind.LAST_N_DAYS_INCL_TODAY: "days including today",
}
_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>[0-9]+(?:\.[0-9]+)?%?)|(?P<word>[^\W\d]\w*)|(?P<sign>[(),×*]))'
)


class TextError(ConditionError):
    """A sentence that cannot be read. `offset` is the character (from 0) at which it stops making sense."""

    def __init__(self, message: str, *, offset: int, allowed: Sequence[str] = ()):
        super().__init__(message, code="text_invalid", place="text", allowed=tuple(allowed))
        self.offset = offset


# --- Writing --------------------------------------------------------------------------------------------------


def write_text(node: Node) -> str:
    """The sentence that parse_text reads as this tree."""
    if isinstance(node, Condition):
        return _write_test(node)
    if len(node.parts) == 1:
        return f"{node.mode} of ({write_text(node.parts[0])})"
    glue = " and " if node.mode == "all" else " or "
    return glue.join(_write_part(part) for part in node.parts)


def _write_part(part: Node) -> str:
    text = write_text(part)
    return f"({text})" if isinstance(part, Group) and len(part.parts) > 1 else text


def _write_test(test: Condition) -> str:
    words = [_NAMES[test.field.key]]
    if test.window is not None:
        words.append(("on each of " if test.each_day else "over ") + _write_window(test.window))
    words += [_WORDS[test.operator], _write_right(test)]
    return " ".join(words)


def _write_window(window: Window) -> str:
    if window.kind in _FIXED_WINDOWS:
        return _FIXED_WINDOWS[window.kind]
    return f"the last {window.days} {_COUNTED_WINDOWS[window.kind]}"


def _write_right(test: Condition) -> str:
    if isinstance(test.right, Average):
        return f"{test.right.factor:f} × the {test.right.of} average"
    if isinstance(test.right, Metric):
        over = f" over {_write_window(test.right.window)}" if test.right.window else ""
        return f"{test.right.factor:f} × {_NAMES[test.right.field.key]}{over}"
    if isinstance(test.right, Range):
        return f"{test.right.low:f} and {test.right.high:f}"
    if test.operator in (Extended.RISES_BY, Extended.FALLS_BY):
        return f"{test.text.removesuffix('%').strip()}%"
    if test.field.numeric:
        return test.text
    if isinstance(test.value, tuple):
        return ", ".join(json.dumps(str(one), ensure_ascii=False) for one in test.value)
    return json.dumps(test.text, ensure_ascii=False)


# --- Reading --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


def parse_text(text: str) -> Node:
    """The tree of a sentence. TextError with the offset of what cannot be read."""
    if len(text) > MAX_LENGTH:
        raise TextError(_("The sentence is too long."), offset=MAX_LENGTH)
    reader = _Reader(_tokens(text), len(text))
    raw = reader.alternatives()
    reader.expect_end()
    try:
        return parse_tree(raw)
    except ConditionError as error:  # of the tree as a whole: too deep, too large
        raise TextError(str(error), offset=0, allowed=error.allowed) from error


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise TextError(_("“%(sign)s” has no meaning here.") % {"sign": text[at]}, offset=at)
        found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    return found


class _Reader:
    """Recursive descent: alternatives of conjunctions of parts. Produces the JSON of rules.conditions.trees."""

    def __init__(self, tokens: list[_Token], length: int):
        self._tokens = tokens
        self._at = 0
        self._end = length

    def alternatives(self) -> dict[str, Any]:
        return self._joined("or", "any", lambda: self._joined("and", "all", self._part))

    def _joined(self, word: str, mode: str, part: Any) -> dict[str, Any]:
        parts = [part()]
        while self._accept(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else {mode: parts}

    def _part(self) -> dict[str, Any]:
        for mode in ("all", "any"):
            if self._accept(mode, "of"):
                return {mode: [self._in_parentheses()]}
        if self._peek_sign("("):
            return self._in_parentheses()
        return self._test()

    def _in_parentheses(self) -> dict[str, Any]:
        self._sign("(")
        inner = self.alternatives()
        self._sign(")")
        return inner

    def _test(self) -> dict[str, Any]:
        offset = self._here()
        field = self._field()
        raw: dict[str, Any] = {"field": field}
        if self._accept("over"):
            raw["window"] = self._window()
        elif self._accept("on", "each", "of"):
            raw |= {"window": self._window(), "each_day": True}
        operator = self._operator()
        raw |= {"operator": operator.value, **self._right(field, operator)}
        try:
            parse_tree(raw)
        except ConditionError as error:
            # The grammar was kept, the meaning was not: said where the test stands.
            raise TextError(str(error), offset=offset, allowed=error.allowed) from error
        return raw

    def _field(self) -> str:
        for name, key in _BY_NAME:
            if self._accept(*name.split()):
                return key
        names = sorted(_NAMES.values())
        raise self._error(_("Name a figure or a property of the campaign."), names)

    def _window(self) -> dict[str, Any]:
        for kind, phrase in _FIXED_WINDOWS.items():
            if self._accept(*phrase.split()):
                return {"kind": kind.value}
        if self._accept("the", "last"):
            days = self._whole()
            for kind, phrase in _COUNTED_WINDOWS.items():
                if self._accept(*phrase.split()):
                    return {"kind": kind.value, "days": days}
        phrases = [f"the last 3 {phrase}" for phrase in _COUNTED_WINDOWS.values()]
        raise self._error(_("Say which days."), [*phrases, *_FIXED_WINDOWS.values()])

    def _operator(self) -> Operator | Extended:
        for phrase, operator in _OPERATORS:
            if self._accept(*phrase.split()):
                return operator
        raise self._error(_("Say how to compare."), [phrase for phrase, _operator in _OPERATORS])

    def _right(self, field: str, operator: Operator | Extended) -> dict[str, Any]:
        if operator is Extended.BETWEEN:
            low = self._number()
            self._word("and")
            return {"value": [low, self._number()]}
        if FIELDS[field].value_type in (ValueType.TEXT, ValueType.CHOICE, ValueType.CODE, ValueType.LABELS):
            texts = [self._quoted()]
            while operator is Operator.IN and self._peek_sign(","):
                self._sign(",")
                texts.append(self._quoted())
            return {"value": ",".join(texts)}
        number = self._number()
        if not (self._peek_sign("×") or self._peek_sign("*")):
            return {"value": number}
        self._at += 1
        if self._accept("the"):
            of = next((of for of in ("account", "platform") if self._accept(of, "average")), None)
            if of is None:
                raise self._error(_("Say whose average."), ["account average", "platform average"])
            return {"average": {"of": of, "factor": number}}
        metric: dict[str, Any] = {"field": self._field(), "factor": number}
        if self._accept("over"):
            metric["window"] = self._window()
        return {"metric": metric}

    # --- Tokens ---

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise self._error(_("Go on with “and” or “or”, or end here."), ["and", "or"])

    def _accept(self, *words: str) -> bool:
        """Take these words if they come next."""
        coming = self._tokens[self._at : self._at + len(words)]
        if len(coming) < len(words):
            return False
        if any(
            token.kind != "word" or token.text.casefold() != word for token, word in zip(coming, words, strict=True)
        ):
            return False
        self._at += len(words)
        return True

    def _word(self, word: str) -> None:
        if not self._accept(word):
            raise self._error(_("“%(word)s” is missing here.") % {"word": word}, [word])

    def _peek_sign(self, sign: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at].text == sign

    def _sign(self, sign: str) -> None:
        if not self._peek_sign(sign):
            raise self._error(_("“%(word)s” is missing here.") % {"word": sign}, [sign])
        self._at += 1

    def _number(self) -> str:
        return self._take("number", _("A number is missing here."))

    def _whole(self) -> int:
        text = self._take("number", _("Say how many days."))
        if not text.isdigit():
            self._at -= 1
            raise self._error(_("Days are counted whole."))
        return int(text)

    def _quoted(self) -> str:
        text = self._take("text", _("A text in double quotes is missing here."))
        try:
            return str(json.loads(text))
        except ValueError as error:
            self._at -= 1
            raise self._error(_("This text cannot be read.")) from error

    def _take(self, kind: str, complaint: str) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at].kind != kind:
            raise self._error(complaint)
        self._at += 1
        return self._tokens[self._at - 1].text

    def _here(self) -> int:
        return self._tokens[self._at].offset if self._at < len(self._tokens) else self._end

    def _error(self, message: str, allowed: Sequence[str] = ()) -> TextError:
        return TextError(message, offset=self._here(), allowed=allowed)
