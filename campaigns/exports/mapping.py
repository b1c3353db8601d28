"""The mapping shown before an import: each column of the file, what becomes of it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from campaigns.exports.decisions import Plan
from campaigns.exports.detection import Column
from campaigns.exports.report import ColumnMapping
from campaigns.exports.vocabulary import KINDS, METRIC_SOURCES, Field, Kind, Metric

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

_USED_TEXTS: dict[Field, _StrOrPromise] = {
    Field.ACCOUNT_ID: _("Identifies the ad account."),
    Field.ACCOUNT_NAME: _("Names the ad account."),
    Field.CAMPAIGN_STATUS: _("State of the campaign on its latest day."),
    Field.OBJECTIVE: _("Objective or type of the campaign."),
    Field.CURRENCY: _("Currency of each row's amounts."),
}
_METRIC_NOTES: dict[tuple[str, Field], _StrOrPromise] = {
    ("meta", Field.CLICKS_ALL): _("All clicks, as Meta's own clicks figure."),
    ("meta", Field.CLICKS_LINK): _("Link clicks; the file has no “Clicks (all)”."),
    ("meta", Field.RESULTS): _("Results whose type is a purchase, lead, registration or another conversion."),
    ("meta", Field.LEADS): _("Leads; the file has neither purchases nor results with their type."),
    ("google", Field.CONVERSIONS): _("Primary conversions, by the day of the click."),
    ("google", Field.SPEND_CONVERTED): _("Cost in the manager account's currency."),
    ("tiktok", Field.CLICKS_DESTINATION): _("Clicks to the destination, as TikTok's own clicks figure."),
    ("tiktok", Field.CLICKS_ALL): _("All clicks; the file has no clicks to the destination."),
    ("tiktok", Field.COMPLETE_PAYMENTS): _("Completed payments; the file has no “Conversions”."),
    ("linkedin", Field.LEADS): _("Leads; the file has no “Conversions”."),
    ("snapchat", Field.PURCHASES): _("Purchases are Snapchat's conversions."),
    ("snapchat", Field.SWIPES): _("Swipe-ups are Snapchat's clicks."),
}
_LEVEL_FIELDS = (
    Field.ADSET_ID,
    Field.ADSET_NAME,
    Field.AD_ID,
    Field.AD_NAME,
    Field.SEGMENT,
)


def explain(plan: Plan) -> tuple[ColumnMapping, ...]:
    """One entry per column with a header, in file order."""
    return tuple(_explained(column, plan) for column in plan.layout.columns if column.header)


def _explained(column: Column, plan: Plan) -> ColumnMapping:
    target, why = _identity(column, plan) or _metric(column, plan) or (None, _unused(column, plan))
    return ColumnMapping(column.index, column.header, target, why)


def _identity(column: Column, plan: Plan) -> tuple[str, _StrOrPromise] | None:
    if column == plan.day_column:
        return Field.DAY.value, _("The day of the row.")
    if column == plan.end_column:
        return Field.PERIOD_END.value, _("Proves that each row covers one day.")
    if column == plan.id_column:
        why = _("Identifies the campaign.")
        return Field.CAMPAIGN_ID.value, _renamed(why) if plan.layout.renamed_levels else why
    if column == plan.name_column:
        why = _("Names the campaign.")
        return Field.CAMPAIGN_NAME.value, _renamed(why) if plan.layout.renamed_levels else why
    if column == plan.result_type_column:
        return Field.RESULT_TYPE.value, _("Says which results are conversions.")
    if column == plan.currency_column:
        return Field.CURRENCY.value, _USED_TEXTS[Field.CURRENCY]
    if column.field in _USED_TEXTS and column.field is not Field.CURRENCY and _is_first(column, plan):
        return column.field.value, _USED_TEXTS[column.field]
    return None


def _renamed(why: _StrOrPromise) -> _StrOrPromise:
    return format_lazy("{} {}", why, _("LinkedIn now calls campaigns ad sets, and groups of them campaigns."))


def _metric(column: Column, plan: Plan) -> tuple[str, _StrOrPromise] | None:
    for metric, chosen in plan.metrics.items():
        if chosen == column and column.field is not None:
            note = _METRIC_NOTES.get((plan.layout.platform, column.field))
            if note is None:
                note = format_lazy(_("Imported as {metric}."), metric=metric_label(metric))
            return metric.value, note
    return None


def _is_first(column: Column, plan: Plan) -> bool:
    return column.field is not None and plan.layout.having(column.field)[0] == column


def _unused(column: Column, plan: Plan) -> _StrOrPromise:
    if column.field is None:
        return _("Not a column we know; not imported.")
    for metric, sources in METRIC_SOURCES[plan.layout.platform].items():
        if column.field in sources and metric in plan.metrics:
            return format_lazy(_("Not used: “{column}” is taken instead."), column=plan.metrics[metric].header)
    if column.field in _LEVEL_FIELDS:
        return _("Rows are added up to one per campaign and day.")
    if column.field in (Field.GROUP_ID, Field.GROUP_NAME):
        return _("Groups of campaigns are not imported.")
    if column.field is Field.IGNORED_COUNT:
        return _("Not imported: it counts people or other events that cannot be added up or are no metric here.")
    if KINDS[column.field] is Kind.RATE:
        return _("Not imported: rates and averages are computed from the sums.")
    return _("Not needed.")


_METRIC_LABELS: dict[Metric, _StrOrPromise] = {
    Metric.IMPRESSIONS: _("impressions"),
    Metric.CLICKS: _("clicks"),
    Metric.SPEND: _("spend"),
    Metric.CONVERSIONS: _("conversions"),
    Metric.REVENUE: _("revenue"),
    Metric.VIDEO_VIEWS: _("video views"),
    Metric.VIDEO_COMPLETIONS: _("video completions"),
    Metric.SHARES: _("shares"),
    Metric.COMMENTS: _("comments"),
    Metric.SAVES: _("saves"),
}


def metric_label(metric: Metric) -> _StrOrPromise:
    return _METRIC_LABELS[metric]
