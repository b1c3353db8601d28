"""What a replay found. Plain values that survive a round trip through JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from rules.conditions.explanations import Explanation


class Verdict(TextChoices):
    """What the numbers as settled say about an action: they match the rule too, or they do not."""

    RIGHT = "right", _("Still right")
    WRONG = "wrong", _("Proved wrong")


class Caveat(TextChoices):
    """What a replay cannot know; the label is the sentence for the screen."""

    ONE_CHECK = (
        "one_check",
        _("Here it is checked once a day by each account’s clock: at 09:00, or when its schedule says so."),
    )
    NO_CONSEQUENCES = (
        "no_consequences",
        _("Nothing follows from a replayed action: the campaign keeps running, so it can match again later."),
    )
    PRESENT_STATE = (
        "present_state",
        _("Status, labels, budget and name of a campaign are taken as they are today; their past is not kept."),
    )
    GATES_APART = (
        "gates_apart",
        _("Limits, protected campaigns, conflicts with other rules and approvals are left out: they may stop more."),
    )
    HOLDOUT = (
        "holdout",
        _("The rule’s hold-out group is not looked at here: its campaigns are replayed like all others."),
    )
    LIFETIME = "lifetime", _("Lifetime figures are taken as they are today.")
    PRESENT_COMPLETENESS = (
        "present_completeness",
        _("Which days were complete is judged by how conversions come in as learnt until today."),
    )
    TODAY_GROWS = (
        "today_grows",
        _("A window with the running day holds its numbers until 09:00 as known, and the whole day as settled."),
    )
    OPEN_DAYS = "open_days", _("The seven days after the last actions are not over yet; what is known of them counts.")
    UNSETTLED = "unsettled", _("The newest days still change: a verdict on them can change too.")
    HELD = "held", _("On some days the numbers had not arrived by 09:00: the rule would have been held.")
    LISTED_FIRST = "listed_first", _("Only the first actions are listed; the counts count all.")
    CURRENCIES_APART = (
        "currencies_apart",
        _("Some currencies have no exchange rate on these days; their sums stand by themselves."),
    )


@dataclass(frozen=True, slots=True)
class ReplayDay:
    """One day's check, in counts of campaigns. `held`: numbers too old, or not certain enough. `flips`: campaigns
    for which the numbers as known and as settled disagree whether the condition holds."""

    day: date
    matched: int
    acted: int
    held: int
    settled_matched: int
    settled_acted: int
    settled_held: int
    flips: int


@dataclass(frozen=True, slots=True)
class ReplayAction:
    """One action that the rule would have taken, with the figures of that morning and the same days' figures now.

    `spend_after` and `revenue_after` are the seven days after it, as settled, in minor units of `currency`.
    """

    campaign_id: int
    name: str
    platform: str
    currency: str
    day: date
    at: datetime
    verdict: Verdict
    then: Explanation
    settled: Explanation
    spend_after: int
    revenue_after: int

    def as_json(self) -> dict[str, Any]:
        return {
            **{key: getattr(self, key) for key in _PLAIN},
            "day": self.day.isoformat(),
            "at": self.at.isoformat(),
            "verdict": self.verdict.value,
            "then": self.then.as_json(),
            "settled": self.settled.as_json(),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "ReplayAction":
        return cls(
            **{key: raw[key] for key in _PLAIN},
            day=date.fromisoformat(raw["day"]),
            at=datetime.fromisoformat(raw["at"]),
            verdict=Verdict(raw["verdict"]),
            then=Explanation.from_json(raw["then"]),
            settled=Explanation.from_json(raw["settled"]),
        )


_PLAIN = ("campaign_id", "name", "platform", "currency", "spend_after", "revenue_after")


@dataclass(frozen=True, slots=True)
class Touched:
    """Spend and revenue of campaigns in the seven days after actions on them, in minor units of `currency`. A day
    that follows two actions counts once."""

    currency: str
    spend: int
    revenue: int


@dataclass(frozen=True, slots=True)
class Replay:
    """`actions` are the first ones in order of time; `acted` and `wrong` count all. `touched` holds the reporting
    currency first, then currencies that cannot be converted."""

    start: date
    end: date
    campaigns: int
    acted: int
    wrong: int
    days: tuple[ReplayDay, ...]
    actions: tuple[ReplayAction, ...]
    touched: tuple[Touched, ...]
    caveats: tuple[Caveat, ...]

    @property
    def flips(self) -> int:
        return sum(day.flips for day in self.days)

    @property
    def flip_days(self) -> int:
        """Days on which at least one campaign's numbers as known and as settled disagree."""
        return sum(1 for day in self.days if day.flips)

    def as_json(self) -> dict[str, Any]:
        return {
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "campaigns": self.campaigns,
            "acted": self.acted,
            "wrong": self.wrong,
            "days": [{**asdict(day), "day": day.day.isoformat()} for day in self.days],
            "actions": [action.as_json() for action in self.actions],
            "touched": [asdict(one) for one in self.touched],
            "caveats": [caveat.value for caveat in self.caveats],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Replay":
        """Read a kept one. KeyError, TypeError or ValueError for what another version of the product wrote."""
        return cls(
            start=date.fromisoformat(raw["start"]),
            end=date.fromisoformat(raw["end"]),
            campaigns=raw["campaigns"],
            acted=raw["acted"],
            wrong=raw["wrong"],
            days=tuple(ReplayDay(**{**day, "day": date.fromisoformat(day["day"])}) for day in raw["days"]),
            actions=tuple(ReplayAction.from_json(action) for action in raw["actions"]),
            touched=tuple(Touched(**one) for one in raw["touched"]),
            caveats=tuple(Caveat(code) for code in raw["caveats"]),
        )
