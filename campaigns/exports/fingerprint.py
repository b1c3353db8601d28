"""What makes two files the same report: a hash over the rows that they hold."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence

from campaigns.exports.report import ROW_METRICS, CampaignInfo, DailyRows


def content_hash(platform: str, days: DailyRows) -> str:
    """Hex SHA-256 over the normalised rows, whatever their order, container or encoding was."""

    def identity(campaign: CampaignInfo) -> tuple[str, str, str]:
        account = campaign.account_external_id or campaign.account_name or ""
        return account, campaign.external_id or "", campaign.name

    order = sorted(range(len(days.campaigns)), key=lambda position: identity(days.campaigns[position]))
    rank = {position: number for number, position in enumerate(order)}
    digest = hashlib.sha256(platform.encode())
    for position in order:
        campaign = days.campaigns[position]
        facts = (*identity(campaign), campaign.account_name, campaign.status, campaign.objective, campaign.currency)
        digest.update(repr(facts).encode())
    keys = [rank[position] << 24 | day for position, day in zip(days.campaign_index, days.days, strict=True)]
    rows = sorted(range(len(keys)), key=keys.__getitem__)
    digest.update(array("q", map(keys.__getitem__, rows)).tobytes())
    for metric in ROW_METRICS:
        column = days.values.get(metric)
        if column is None or all(value is None for value in column):
            digest.update(b"-")  # an empty column says as much as none
        else:
            digest.update(_column_bytes(column, rows))
    return digest.hexdigest()


def _column_bytes(column: Sequence[int | None], rows: Sequence[int]) -> bytes:
    # No value of a report is negative.
    values = [-1 if value is None else value for value in map(column.__getitem__, rows)]
    return array("q", values).tobytes()
