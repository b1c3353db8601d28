"""Why one check of one rule on one campaign ended as it did: the contents of rule_executions.condition_result.

Figures are decimal texts in the condition's own unit (money in currency units, CTR and CVR in percent), so that they
read beside `needed`; `parts` are the raw sums behind them (minor units, conversions × 1,000,000).
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

VERSION = 1


@dataclass(frozen=True, slots=True)
class WindowFacts:
    """The days that were summed, in the account's zone, and on how many of them there was a row."""

    days: int
    start: str
    end: str
    zone: str
    days_with_numbers: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """`actual` is a decimal text, a text, a list of labels, or None with `missing` saying why there is no value.

    Of a test that the simple condition cannot say, `test` is its JSON and `right` the figure it was compared with. Of a
    tree, the fields describe the test that decided, and `also` holds the others; `holds` says of each whether it does.

    `evidence` is a rules.conditions.evidence.Evidence, where the rule asks how sure a match is.

    `gate` is what a gate before a platform's change noted where it stopped the rule (rules.queries.gates).

    `data_through` is the last day (ISO) whose numbers of the account are complete, empty when there are none;
    `allowed_again_at` is an ISO moment. Both are empty where they played no part.
    """

    field: str
    operator: str
    needed: str
    actual: str | list[str] | None
    currency: str = ""
    missing: str = ""
    window: WindowFacts | None = None
    parts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    data_through: str = ""
    allowed_again_at: str = ""
    test: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    right: str = ""
    holds: bool | None = None
    also: "tuple[Explanation, ...]" = ()
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    gate: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    version: int = VERSION

    def as_json(self) -> dict[str, Any]:
        """Only what says something: empty parts are left out."""
        kept = {key: value for key, value in asdict(self).items() if value not in ("", None, {}, ())}
        if self.also:
            kept["also"] = [one.as_json() for one in self.also]
        return {**kept, "needed": self.needed, "actual": self.actual}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Explanation":
        """Read a stored one. ValueError for unknown keys, missing keys, or a version of the future."""
        known = {one.name for one in fields(cls)}
        if unknown := raw.keys() - known:
            raise ValueError(f"condition_result has unknown keys {sorted(unknown)}")
        if raw.get("version", VERSION) != VERSION:
            raise ValueError(f"condition_result has version {raw.get('version')!r}")
        if lacking := {"field", "operator", "needed", "actual"} - raw.keys():
            raise ValueError(f"condition_result lacks {sorted(lacking)}")
        window = raw.get("window")
        try:
            return cls(
                **{
                    **raw,
                    "window": WindowFacts(**window) if window is not None else None,
                    "also": tuple(cls.from_json(one) for one in raw.get("also", ())),
                }
            )
        except TypeError as error:
            raise ValueError(f"condition_result cannot be read: {error}") from error
