"""What moved a figure, in words: how much, and by which of its parts."""

from django.utils.translation import gettext as _

from campaigns.queries.measures import MEASURES
from campaigns.queries.movers import Metric, Mover
from stratum.lib.figures import Number, before_and_now, format_money, format_multiple, format_number, signed
from stratum.lib.money import decimals
from stratum.lib.ratios import Totals


def contribution_text(value: Number, metric: Metric, currency: str) -> str:
    """A campaign's share in a change, with its sign: '+$943'."""
    if metric in ("spend", "revenue"):
        exponent = decimals(currency)
        text = format_money(round(value), currency, exponent, whole=abs(value) >= 100 * 10**exponent)
    elif metric == "roas":
        text = format_multiple(value, 3 if abs(value) < 0.01 else 2)
    else:
        text = format_number(value, 1 if value != int(value) else 0)
    return signed(text, value)


def why_it_moved(mover: Mover, metric: Metric, currency: str) -> str:
    """The part of the figure that moved most, with both its values."""
    driver, now, was = mover.driver(metric), mover.now, mover.was
    parts = {
        "volume": ("impressions" if metric == "spend" else "clicks" if metric == "conversions" else "conversions"),
        "price": "cpm",
        "rate": "cvr",
        "spend": "spend",
        "value": "revenue",
    }
    if driver == "started":
        return _("spends again, nothing before")
    if driver == "stopped":
        return _("stopped spending")
    if driver == "none":
        return ""
    if driver == "value" and metric == "revenue":
        return _worth(mover, currency)
    measure = MEASURES[parts[driver]]
    parts_text = (measure.text(totals, currency, whole=True) for totals in (was, now))
    return _("%(figure)s %(change)s") % {"figure": measure.label, "change": before_and_now(*parts_text)}


def _worth(mover: Mover, currency: str) -> str:
    """Revenue per conversion before and now."""

    def each(totals: Totals) -> str:
        worth = totals.revenue / totals.conversions if totals.conversions else None
        return format_money(None if worth is None else round(worth), currency, decimals(currency))

    return _("revenue per conversion %(change)s") % {"change": before_and_now(each(mover.was), each(mover.now))}
