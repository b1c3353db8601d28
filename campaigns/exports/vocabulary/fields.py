"""The canonical fields of a report and what kind of value each holds."""

from __future__ import annotations

from enum import Enum, StrEnum


class Kind(Enum):
    """How cells of a field are read."""

    DATE = "date"
    TEXT = "text"
    ID = "id"
    COUNT = "count"  # whole numbers
    DECIMAL = "decimal"  # may be fractional: modelled conversions
    MONEY = "money"  # major units, may carry a currency sign
    RATE = "rate"  # read only as evidence of how the file writes numbers
    MARK = "mark"  # its presence says what kind of file this is
    IGNORED = "ignored"  # known, not imported


class Field(StrEnum):
    DAY = "day"
    PERIOD_START = "period_start"
    PERIOD_END = "period_end"
    LONGER_PERIOD = "longer_period"  # week, month, quarter, year

    ACCOUNT_ID = "account_id"
    ACCOUNT_NAME = "account_name"
    GROUP_ID = "group_id"
    GROUP_NAME = "group_name"
    CAMPAIGN_ID = "campaign_id"
    CAMPAIGN_NAME = "campaign_name"
    CAMPAIGN_STATUS = "campaign_status"
    OBJECTIVE = "objective"
    ADSET_ID = "adset_id"
    ADSET_NAME = "adset_name"
    ADSET_STATUS = "adset_status"
    ADSET_OBJECTIVE = "adset_objective"
    AD_ID = "ad_id"
    AD_NAME = "ad_name"
    CURRENCY = "currency"
    SEGMENT = "segment"  # age, device, network …: splits a campaign-day into several rows

    IMPRESSIONS = "impressions"
    CLICKS = "clicks"
    CLICKS_ALL = "clicks_all"
    CLICKS_LINK = "clicks_link"
    CLICKS_DESTINATION = "clicks_destination"
    SWIPES = "swipes"
    SPEND = "spend"
    SPEND_CONVERTED = "spend_converted"  # in a manager account's currency, which no column names
    CONVERSIONS = "conversions"
    PURCHASES = "purchases"
    COMPLETE_PAYMENTS = "complete_payments"
    RESULTS = "results"
    RESULT_TYPE = "result_type"
    LEADS = "leads"
    REVENUE = "revenue"
    VIDEO_VIEWS = "video_views"
    VIDEO_COMPLETIONS = "video_completions"
    SHARES = "shares"
    COMMENTS = "comments"
    SAVES = "saves"

    BULK_SHEET = "bulk_sheet"
    CONVERSION_ACTION = "conversion_action"
    SEARCH_TERM = "search_term"

    RATE = "rate"
    MONEY_RATE = "money_rate"  # CPC, budgets …: money that must not be summed
    IGNORED_COUNT = "ignored_count"  # reach, interactions …: counts that must not be summed or are not kept
    IGNORED_TEXT = "ignored_text"


KINDS: dict[Field, Kind] = {
    Field.DAY: Kind.DATE,
    Field.PERIOD_START: Kind.DATE,
    Field.PERIOD_END: Kind.DATE,
    Field.LONGER_PERIOD: Kind.MARK,
    Field.ACCOUNT_ID: Kind.ID,
    Field.ACCOUNT_NAME: Kind.TEXT,
    Field.GROUP_ID: Kind.IGNORED,
    Field.GROUP_NAME: Kind.IGNORED,
    Field.CAMPAIGN_ID: Kind.ID,
    Field.CAMPAIGN_NAME: Kind.TEXT,
    Field.CAMPAIGN_STATUS: Kind.TEXT,
    Field.OBJECTIVE: Kind.TEXT,
    Field.ADSET_ID: Kind.IGNORED,
    Field.ADSET_NAME: Kind.IGNORED,
    Field.ADSET_STATUS: Kind.IGNORED,
    Field.ADSET_OBJECTIVE: Kind.IGNORED,
    Field.AD_ID: Kind.IGNORED,
    Field.AD_NAME: Kind.IGNORED,
    Field.CURRENCY: Kind.TEXT,
    Field.SEGMENT: Kind.IGNORED,
    Field.IMPRESSIONS: Kind.COUNT,
    Field.CLICKS: Kind.COUNT,
    Field.CLICKS_ALL: Kind.COUNT,
    Field.CLICKS_LINK: Kind.COUNT,
    Field.CLICKS_DESTINATION: Kind.COUNT,
    Field.SWIPES: Kind.COUNT,
    Field.SPEND: Kind.MONEY,
    Field.SPEND_CONVERTED: Kind.MONEY,
    Field.CONVERSIONS: Kind.DECIMAL,
    Field.PURCHASES: Kind.DECIMAL,
    Field.COMPLETE_PAYMENTS: Kind.DECIMAL,
    Field.RESULTS: Kind.DECIMAL,
    Field.RESULT_TYPE: Kind.TEXT,
    Field.LEADS: Kind.DECIMAL,
    Field.REVENUE: Kind.MONEY,
    Field.VIDEO_VIEWS: Kind.COUNT,
    Field.VIDEO_COMPLETIONS: Kind.COUNT,
    Field.SHARES: Kind.COUNT,
    Field.COMMENTS: Kind.COUNT,
    Field.SAVES: Kind.COUNT,
    Field.BULK_SHEET: Kind.MARK,
    Field.CONVERSION_ACTION: Kind.MARK,
    Field.SEARCH_TERM: Kind.MARK,
    Field.RATE: Kind.RATE,
    Field.MONEY_RATE: Kind.RATE,
    Field.IGNORED_COUNT: Kind.RATE,
    Field.IGNORED_TEXT: Kind.IGNORED,
}


class Metric(StrEnum):
    """What a daily row carries; the names are those of DailyRow without their units."""

    IMPRESSIONS = "impressions"
    CLICKS = "clicks"
    SPEND = "spend"
    CONVERSIONS = "conversions"
    REVENUE = "revenue"
    VIDEO_VIEWS = "video_views"
    VIDEO_COMPLETIONS = "video_completions"
    SHARES = "shares"
    COMMENTS = "comments"
    SAVES = "saves"


METRIC_KINDS: dict[Metric, Kind] = {
    Metric.IMPRESSIONS: Kind.COUNT,
    Metric.CLICKS: Kind.COUNT,
    Metric.SPEND: Kind.MONEY,
    Metric.CONVERSIONS: Kind.DECIMAL,
    Metric.REVENUE: Kind.MONEY,
    Metric.VIDEO_VIEWS: Kind.COUNT,
    Metric.VIDEO_COMPLETIONS: Kind.COUNT,
    Metric.SHARES: Kind.COUNT,
    Metric.COMMENTS: Kind.COUNT,
    Metric.SAVES: Kind.COUNT,
}
