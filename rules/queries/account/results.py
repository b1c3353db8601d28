"""What a rule was worth: plain values. Money is in minor units of the currency named beside it, days are days of the
campaign's ad account's zone, conversions are × 1,000,000."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from campaigns.queries.conversion import RateSpan
from rules.queries.replay import Verdict
from stratum.lib.ratios import ratio

# Below so many campaigns on a side, chance alone moves a ratio more than most rules do.
ENOUGH_CAMPAIGNS = 10


class Fate(TextChoices):
    """What became of a change on its platform. OWN_END: it took itself back, as it was meant to."""

    APPLIED = "applied", _("Done")
    OPEN = "open", _("On its way")
    FAILED = "failed", _("Failed")
    REPLACED = "replaced", _("Replaced before it was sent")
    UNSENT = "unsent", _("Taken back before it was sent")
    TAKEN_BACK = "taken_back", _("Taken back")
    OWN_END = "own_end", _("Ended by itself")

    @property
    def took_hold(self) -> bool:
        """Whether the platform did it, even if not for long."""
        return self in (Fate.APPLIED, Fate.TAKEN_BACK, Fate.OWN_END)


@dataclass(frozen=True, slots=True)
class Counts:
    """All actions of the days, listed or not. `taken_back` by people, `failed` on the platform."""

    acted: int = 0
    campaigns: int = 0
    changes: int = 0
    failed: int = 0
    taken_back: int = 0


@dataclass(frozen=True, slots=True)
class AccountAction:
    """One action and what came of it, in its campaign's currency. None: it does not apply, or cannot be said.

    `stopped_days`, `spend_avoided` and `revenue_forgone` are of pauses; `later_conversions` and `later_revenue` are
    what the rule's figure stood on, now less then. `worth` is the avoided spend in the reporting currency, for sorting.
    `settling`: days that it is judged by are not complete yet.
    """

    execution_id: int
    campaign_id: int
    name: str
    platform: str
    currency: str
    at: datetime
    day: date
    # As the action itself wrote it: action, before, after.
    did: Mapping[str, Any]
    fate: Fate | None = None
    stopped_days: int | None = None
    spend_avoided: int | None = None
    revenue_forgone: int | None = None
    worth: Fraction | None = None
    later_conversions: int | None = None
    later_revenue: int | None = None
    verdict: Verdict | None = None
    settling: bool = False


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums in one currency."""

    currency: str
    spend: int = 0
    revenue: int = 0
    conversions_micros: int = 0

    @property
    def roas(self) -> float | None:
        return ratio(self.revenue, self.spend)


@dataclass(frozen=True, slots=True)
class Avoided:
    """Estimates in one currency: what stopped campaigns would have spent and earned at the pace of the 7 full days
    `before` each pause, less what they did spend and earn on the stopped days all the same."""

    spend: int
    revenue: int
    before: Sums

    @property
    def currency(self) -> str:
        return self.before.currency


@dataclass(frozen=True, slots=True)
class Pauses:
    """`days` are stopped days of campaigns, each once; `holding` pauses still add to them."""

    number: int = 0
    days: int = 0
    holding: int = 0
    settling: int = 0
    sums: tuple[Avoided, ...] = ()


@dataclass(frozen=True, slots=True)
class LaterRevenue:
    currency: str
    came: int
    gone: int


@dataclass(frozen=True, slots=True)
class Later:
    """The figures of the actions against the same days now. `compared` windows share no day of a campaign; so many of
    them stand on conversions, or on revenue (a CPC on neither). What came and what was taken away again stand apart.
    Of the `judged` actions, `wrong` would not match any more."""

    compared: int = 0
    on_conversions: int = 0
    on_revenue: int = 0
    came_micros: int = 0
    gone_micros: int = 0
    revenue: tuple[LaterRevenue, ...] = ()
    judged: int = 0
    wrong: int = 0
    settling: int = 0


@dataclass(frozen=True, slots=True)
class Around:
    """The 7 full days before and after, in one currency, of `number` changes or campaigns."""

    number: int
    before: Sums
    after: Sums

    @property
    def currency(self) -> str:
        return self.before.currency

    @property
    def roas_change(self) -> float | None:
        if self.before.roas is None or self.after.roas is None:
            return None
        return self.after.roas - self.before.roas


@dataclass(frozen=True, slots=True)
class Side:
    """`waiting`: their 7 days after are not over yet, so that they are not in the sums. The first of `sums` is in the
    reporting currency, the others are in currencies without a rate."""

    waiting: int
    settling: int
    sums: tuple[Around, ...]

    @property
    def main(self) -> Around:
        return self.sums[0]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Campaigns that the rule acted on beside those that it held out, each around its first time."""

    acted: Side
    held_out: Side

    @property
    def is_enough(self) -> bool:
        return min(self.acted.main.number, self.held_out.main.number) >= ENOUGH_CAMPAIGNS

    @property
    def difference(self) -> float | None:
        """How much more the ROAS of the acted ones changed than that of the others."""
        acted, held = self.acted.main.roas_change, self.held_out.main.roas_change
        return None if acted is None or held is None else acted - held


@dataclass(frozen=True, slots=True)
class RuleAccount:
    """`actions` are the newest ones; `is_cut` where there were more, of which only `counts` knows. `rates` are those
    by which money was converted, `apart` the currencies that have none."""

    counts: Counts
    actions: tuple[AccountAction, ...]
    pauses: Pauses
    later: Later
    raised: Side
    lowered: Side
    comparison: Comparison | None
    is_cut: bool
    rates: tuple[RateSpan, ...]
    apart: tuple[str, ...]
