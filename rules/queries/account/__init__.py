"""What a rule was worth: what it did over some days, and what came of it since."""

from rules.queries.account.pauses import MOST_STOPPED_DAYS
from rules.queries.account.reading import MOST_ACTIONS
from rules.queries.account.results import (
    ENOUGH_CAMPAIGNS,
    AccountAction,
    Around,
    Avoided,
    Comparison,
    Counts,
    Fate,
    Later,
    LaterRevenue,
    Pauses,
    RuleAccount,
    Side,
    Sums,
)
from rules.queries.account.worth import rule_account

__all__ = [
    "ENOUGH_CAMPAIGNS",
    "MOST_ACTIONS",
    "MOST_STOPPED_DAYS",
    "AccountAction",
    "Around",
    "Avoided",
    "Comparison",
    "Counts",
    "Fate",
    "Later",
    "LaterRevenue",
    "Pauses",
    "RuleAccount",
    "Side",
    "Sums",
    "rule_account",
]
