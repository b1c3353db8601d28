"""Which campaigns a rule is about, and how long it rests after acting on one."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from campaigns.choices import CampaignStatus, Platform
from rules.conditions.holdout import MAX_PERCENT
from rules.conditions.parsing import ConditionError
from rules.conditions.windows import HOURS_PER_DAY

MAX_COOLDOWN_HOURS = 365 * HOURS_PER_DAY
MAX_CAMPAIGNS = 5000
MIN_CONFIDENCE, MAX_CONFIDENCE = 50, 99


@dataclass(frozen=True, slots=True)
class Scope:
    """None means all. A campaign is in scope when it satisfies every part."""

    platforms: frozenset[str] | None = None
    statuses: frozenset[str] | None = None
    campaign_ids: frozenset[int] | None = None


def parse_scope(*, platforms: Any, statuses: Any, campaigns: Any) -> Scope:
    """The stored JSON lists, or None for all. An empty list is refused: it reads as 'none' and as 'all'."""
    return Scope(
        _parse_names(platforms, Platform.values, "platforms"),
        _parse_names(statuses, CampaignStatus.values, "statuses"),
        _parse_ids(campaigns),
    )


def parse_cooldown(raw: Any) -> int:
    """Whole hours, from 0 (acts at every check) to 365 days."""
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= MAX_COOLDOWN_HOURS:
        raise ConditionError(
            _("The rest after acting is a whole number of hours, from 0 to 365 days."),
            code="cooldown_out_of_range",
            place="cooldown_hours",
        )
    return raw


def parse_confidence(raw: Any) -> int | None:
    """How sure a match must be: whole percent from 50 to 99, or None."""
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or not MIN_CONFIDENCE <= raw <= MAX_CONFIDENCE:
        raise ConditionError(
            _("The certainty is between %(least)s and %(most)s percent.")
            % {"least": MIN_CONFIDENCE, "most": MAX_CONFIDENCE},
            code="confidence_out_of_range",
            place="min_confidence",
        )
    return raw


def parse_holdout(raw: Any) -> int:
    """The share of its campaigns that a rule leaves alone: whole percent from 0 to 50."""
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= MAX_PERCENT:
        raise ConditionError(
            _("The hold-out group is between 0 and %(most)s percent of the campaigns.") % {"most": MAX_PERCENT},
            code="holdout_out_of_range",
            place="holdout_percent",
        )
    return raw


def _parse_names(raw: Any, known: list[str], place: str) -> frozenset[str] | None:
    if raw is None:
        return None
    if not isinstance(raw, list) or not raw:
        raise ConditionError(_("Choose at least one, or all."), code="scope_empty", place=place, allowed=tuple(known))
    for name in raw:
        if name not in known:
            raise ConditionError(
                _("“%(name)s” is unknown. Choose among: %(allowed)s.") % {"name": name, "allowed": ", ".join(known)},
                code="scope_unknown",
                place=place,
                allowed=tuple(known),
            )
    return frozenset(raw)


def _parse_ids(raw: Any) -> frozenset[int] | None:
    if raw is None:
        return None
    if not isinstance(raw, list) or not raw:
        raise ConditionError(_("Choose at least one campaign, or all."), code="scope_empty", place="campaigns")
    if len(raw) > MAX_CAMPAIGNS:
        raise ConditionError(
            _("A rule names at most %(max)s campaigns.") % {"max": MAX_CAMPAIGNS},
            code="scope_too_long",
            place="campaigns",
        )
    if any(isinstance(one, bool) or not isinstance(one, int) for one in raw):
        raise ConditionError(_("Campaigns are named by their number."), code="scope_unknown", place="campaigns")
    return frozenset(raw)
