"""Which values an export of the campaign list holds: those of the columns on the screen, as text, numbers and dates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _L

from campaigns.choices import CampaignStatus, Platform
from campaigns.queries.campaign_table import CampaignRow
from campaigns.queries.measures import MEASURES, Measure
from campaigns.views.columns import objective_words
from stratum.lib.money import decimals
from stratum.lib.ratios import Totals
from stratum.lib.tables import Column

_STATUS = dict(CampaignStatus.choices)
_PLATFORM = dict(Platform.choices)


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column of a file: its head, and the value of a row as text, number, date or None."""

    head: str
    value: Callable[[CampaignRow], Any]
    unit: str = ""


def export_columns(visible: Sequence[Column], currency: str, *, compares: bool) -> list[ExportColumn]:
    """What is on the screen as values: the shown columns, and with a comparison each figure of before as well."""
    found: list[ExportColumn] = []
    for column in visible:
        measure = MEASURES.get(column.key)
        if measure is None:
            found.extend(_EXPORTED[column.key])
            continue
        head = f"{column.label} ({currency})" if measure.unit == "money" else str(column.label)
        found.append(ExportColumn(head, _exported(measure, currency), measure.unit))
        if compares:
            before = _("%(figure)s before") % {"figure": head}
            found.append(ExportColumn(before, _exported_before(measure, currency), measure.unit))
    return found


def _exported(measure: Measure, currency: str) -> Callable[[CampaignRow], float | None]:
    def value(row: CampaignRow) -> float | None:
        totals: Totals | None = row.totals if measure.unit == "money" else row.own
        return measure.plotted(totals, currency)

    return value


def _exported_before(measure: Measure, currency: str) -> Callable[[CampaignRow], float | None]:
    return lambda row: measure.plotted(row.compared, currency)


def _units(minor: int | None, currency: str) -> float | None:
    return None if minor is None else float(minor) / 10 ** decimals(currency)


def _heads(*pairs: tuple[Promise, Callable[[CampaignRow], Any]]) -> list[ExportColumn]:
    return [ExportColumn(head, value) for head, value in pairs]  # type: ignore[arg-type]  # translated when written


_EXPORTED: dict[str, list[ExportColumn]] = {
    # The main cell of the screen shows more than the name.
    "name": _heads(
        (_L("Campaign"), lambda row: row.name),
        (_L("Campaign ID"), lambda row: row.external_id),
        (_L("Platform"), lambda row: str(_PLATFORM[row.platform])),
        (_L("Account"), lambda row: row.account_name),
    ),
    "status": _heads((_L("Status"), lambda row: str(_STATUS[row.status]))),
    "platform": [],
    "account": _heads((_L("Time zone"), lambda row: row.account_zone)),
    "labels": _heads((_L("Labels"), lambda row: ", ".join(row.labels))),
    "objective": _heads((_L("Objective"), lambda row: objective_words(row.objective))),
    "budget": _heads(
        (_L("Daily budget"), lambda row: _units(row.daily_budget, row.currency)),
        (_L("Lifetime budget"), lambda row: _units(row.lifetime_budget, row.currency)),
        (_L("Currency"), lambda row: row.currency),
    ),
    "start": _heads((_L("Start"), lambda row: row.start_date)),
    "end": _heads((_L("End"), lambda row: row.end_date)),
    "updated": _heads((_L("Last sync"), lambda row: row.last_synced_at)),
}
