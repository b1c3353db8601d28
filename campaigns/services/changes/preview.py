"""What a wish for many campaigns would do, before anybody asks for it. Reads only."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from campaigns.choices import ChangedField
from campaigns.models import Campaign
from campaigns.queries.obstacles import Obstacle, Standing, budget_obstacle, obstacle
from campaigns.services.changes.budgets import BudgetWish
from stratum.lib.errors import DomainError


@dataclass(frozen=True, slots=True)
class BudgetSum:
    """Daily budgets of the campaigns of one currency, before and after, in minor units."""

    currency: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Preview:
    """How many campaigns would change, by platform, and how many not, by reason (code, sentence, count)."""

    matching: int
    changing: int
    already: int
    platforms: list[tuple[str, int]]
    reasons: list[tuple[str, str, int]]
    currencies: list[str]
    sums: list[BudgetSum]


def changes_preview(*, campaign_ids: Iterable[int], field: str, value: str | BudgetWish | None) -> Preview:
    """One statement. `value` None: which budgets can be changed at all."""
    rows = Campaign.objects.select_related("ad_account").defer("raw_data", "labels")
    standings = [Standing.of(campaign) for campaign in rows.filter(pk__in=list(campaign_ids)).order_by("pk")]
    reasons: Counter[tuple[str, str]] = Counter()
    changing: list[tuple[Standing, str | int | None]] = []
    already = 0
    for standing in standings:
        wanted, found = _judge(standing, field, value)
        if found is not None:
            reasons[found.code, found.text] += 1
        elif value is not None and wanted == standing.value(field):
            already += 1
        else:
            changing.append((standing, wanted))
    return Preview(
        matching=len(standings),
        changing=len(changing),
        already=already,
        platforms=Counter(standing.platform for standing, _wanted in changing).most_common(),
        reasons=[(code, text, count) for (code, text), count in reasons.most_common()],
        currencies=sorted({standing.currency for standing, _wanted in changing}),
        sums=_sums(changing) if field == ChangedField.DAILY_BUDGET and value is not None else [],
    )


def _judge(standing: Standing, field: str, value: str | BudgetWish | None) -> tuple[str | int | None, Obstacle | None]:
    if value is None:
        return None, budget_obstacle(standing)
    try:
        wanted = value.of(standing) if isinstance(value, BudgetWish) else value
    except DomainError as refusal:
        # What stands in the way of any change is the better reason.
        return None, budget_obstacle(standing) or Obstacle(refusal.code, str(refusal))
    return wanted, obstacle(standing, field, wanted)


def _sums(changing: list[tuple[Standing, str | int | None]]) -> list[BudgetSum]:
    before: defaultdict[str, int] = defaultdict(int)
    after: defaultdict[str, int] = defaultdict(int)
    for standing, wanted in changing:
        before[standing.currency] += standing.daily_budget or 0
        after[standing.currency] += wanted if isinstance(wanted, int) else 0
    return [BudgetSum(currency, before[currency], after[currency]) for currency in sorted(before)]
