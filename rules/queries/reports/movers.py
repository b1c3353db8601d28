"""Which campaigns account for a change between a report's period and the one before it (campaigns.queries.movers)."""

from decimal import Decimal

from campaigns.queries.movers import Metric, Movement, Mover
from campaigns.queries.totals import ExactSums
from rules.queries.reports.sums import CampaignSums, Compared, total
from stratum.lib.ratios import MICRO, Totals

EACH = 3
_NOTHING = ExactSums()


def report_movement(metric: Metric, currency: str, compared: Compared, *, each: int = EACH) -> Movement:
    """The `each` campaigns that raised the metric most and those that lowered it most, both sides at the same age.

    From sums that were read already: no statement.
    """
    now, before = total(compared.now.values()), total(compared.before.values())
    pairs = [
        (compared.now.get(pk) or compared.before[pk], compared.now.get(pk), compared.before.get(pk))
        for pk in sorted(compared.now.keys() | compared.before.keys())
    ]
    movers = [_mover(metric, campaign, _sums(new), _sums(old), now, before) for campaign, new, old in pairs]
    movers = sorted((one for one in movers if one.contribution), key=lambda one: (-one.contribution, one.campaign_id))
    up = [one for one in movers if one.contribution > 0][:each]
    down = [one for one in reversed(movers) if one.contribution < 0][:each]
    shown = {one.campaign_id for one in (*up, *down)}
    rest = sum((one.contribution for one in movers if one.campaign_id not in shown), Decimal(0))
    return Movement(metric, currency, now, before, up, down, rest, len(pairs) - len(shown))


def _sums(found: CampaignSums | None) -> ExactSums:
    return _NOTHING if found is None else found.sums


def _mover(
    metric: Metric, campaign: CampaignSums, now: ExactSums, was: ExactSums, all_now: Totals, all_was: Totals
) -> Mover:
    return Mover(
        campaign.id, campaign.name, campaign.platform, campaign.status,
        _contribution(metric, now, was, all_now, all_was), now.rounded, was.rounded,
    )  # fmt: skip


def _contribution(metric: Metric, now: ExactSums, was: ExactSums, all_now: Totals, all_was: Totals) -> Decimal:
    if metric == "spend":
        return now.spend - was.spend
    if metric == "revenue":
        return now.revenue - was.revenue
    if metric == "conversions":
        return Decimal(now.conversions_micros - was.conversions_micros) / MICRO
    if not all_now.spend or not all_was.spend:
        return Decimal(0)
    ratio_before = Decimal(all_was.revenue) / all_was.spend
    return ((now.revenue - was.revenue) - ratio_before * (now.spend - was.spend)) / all_now.spend
