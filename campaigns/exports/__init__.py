"""Reports that people export from the ad platforms' own interfaces.

`inspect_report` takes a first look, `read_report` reads a whole file or refuses it with a sentence. Pure: files in,
values out; no model, no database, no network.
"""

from campaigns.exports.container import DEFAULT_LIMITS, Limits
from campaigns.exports.errors import RefusalCode, ReportRefused, ReportWarning, WarningCode
from campaigns.exports.reader import inspect_report, read_report
from campaigns.exports.report import (
    CampaignInfo,
    ColumnMapping,
    ControlLine,
    ControlSum,
    DailyRow,
    DailyRows,
    DateRange,
    FileFacts,
    ParsedReport,
    ReportPreview,
)
from campaigns.exports.vocabulary import Field, Metric

__all__ = [
    "DEFAULT_LIMITS",
    "CampaignInfo",
    "ColumnMapping",
    "ControlLine",
    "ControlSum",
    "DailyRow",
    "DailyRows",
    "DateRange",
    "Field",
    "FileFacts",
    "Limits",
    "Metric",
    "ParsedReport",
    "RefusalCode",
    "ReportPreview",
    "ReportRefused",
    "ReportWarning",
    "WarningCode",
    "inspect_report",
    "read_report",
]
