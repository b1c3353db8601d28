"""Which campaign a row belongs to: identifiers and names as cells hold them, one entry per campaign of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext_lazy as _

from campaigns.exports.container import Cell, NativeDate
from campaigns.exports.container.cells import number_text
from campaigns.exports.container.encoding import repair
from campaigns.exports.errors import RefusalCode, refuse
from campaigns.exports.report import CampaignInfo
from campaigns.exports.text import cleaned, is_missing, name_of

MAX_NAME = 500
_MAX_IDENTIFIER = 255
_PREFIXED = re.compile(r"(?:act_|[a-z]{1,3}:)(\d{5,})")  # 'act_123…', 'c:120…' of bulk exports
_CUSTOMER_ID = re.compile(r"\d{3}-\d{3}-\d{4}")

Descriptor = tuple[str | None, str | None, str | None, str, str | None, str | None, str | None]
"""account id, account name, campaign id, name, status, objective, currency – of one row."""


def identifier(cell: Cell) -> str | None:
    """A platform's identifier as digits or text, without what spreadsheets and exports put around it."""
    if not isinstance(cell, str):
        return number_text(cell)
    text = cleaned(cell)
    if is_missing(text):
        return None
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]  # the spreadsheet trick that keeps a long number as text
    text = text.lstrip("'")
    if match := _PREFIXED.fullmatch(text):
        return match[1]
    if _CUSTOMER_ID.fullmatch(text):
        return text.replace("-", "")
    return text[:_MAX_IDENTIFIER] or None


def label(cell: Cell) -> str | None:
    """A name or word of a text column, None when missing. A leading '=' is text like any other."""
    text = name_of(NativeDate.text(cell))
    return None if is_missing(text) else text


def check_name(name: str, row: int) -> None:
    """Refuse a name that the database could not hold as it is."""
    if len(name) > MAX_NAME:
        refuse(
            RefusalCode.BAD_ROW,
            _("The campaign name in row {row} has more than {limit} characters. Check that the columns are intact."),
            row=row,
            limit=MAX_NAME,
        )
    if "\0" in name:
        refuse(RefusalCode.BAD_ROW, _("The campaign name in row {row} holds a character that no name has."), row=row)


@dataclass
class Campaigns:
    """The campaigns of a file in order of appearance. Status, name and objective are those of the latest day."""

    _positions: dict[tuple[str, str | None, str], int] = field(default_factory=dict)
    _of_descriptor: dict[Descriptor, int] = field(default_factory=dict)
    _currencies: list[str | None] = field(default_factory=list)
    _latest: dict[Descriptor, int] = field(default_factory=dict)

    def positions(self, descriptors: list[Descriptor], days: list[int], rows: list[int]) -> list[int]:
        """The campaign of each row; refuses a campaign with amounts in two currencies."""
        known = self._of_descriptor
        for descriptor, row in zip(descriptors, rows, strict=True):
            if descriptor not in known:
                known[descriptor] = self._position(descriptor, row)
        latest = self._latest
        for descriptor, day in zip(descriptors, days, strict=True):
            if day > latest.get(descriptor, 0):
                latest[descriptor] = day
        return [known[descriptor] for descriptor in descriptors]

    def _position(self, descriptor: Descriptor, row: int) -> int:
        account_id, account_name, external_id, name, _status, _objective, currency = descriptor
        check_name(name, row)
        key = (account_id or account_name or "", external_id, "" if external_id else name)
        position = self._positions.setdefault(key, len(self._positions))
        if position == len(self._currencies):
            self._currencies.append(currency)
        elif currency and self._currencies[position] not in (None, currency):
            refuse(
                RefusalCode.MIXED_CURRENCY,
                _("The campaign “{name}” has amounts in {first} and in {second}. Export one account at a time."),
                name=name,
                first=self._currencies[position],
                second=currency,
                row=row,
            )
        elif currency:
            self._currencies[position] = currency
        return position

    def currencies(self) -> tuple[str, ...]:
        return tuple(sorted({currency for currency in self._currencies if currency}))

    def finished(self, default_currency: str | None) -> tuple[CampaignInfo, ...]:
        """All campaigns, those of rows without a currency in `default_currency`."""
        newest: dict[int, tuple[int, Descriptor]] = {}
        for descriptor, position in self._of_descriptor.items():
            day = self._latest[descriptor]
            if position not in newest or day >= newest[position][0]:
                newest[position] = (day, descriptor)
        infos = []
        for position in range(len(self._positions)):
            account_id, account_name, external_id, name, status, objective, _currency = newest[position][1]
            currency = self._currencies[position] or default_currency
            infos.append(CampaignInfo(account_id, account_name, external_id, name, status, objective, currency))
        return tuple(infos)

    def lacks_currency(self) -> bool:
        return None in self._currencies


def repaired_names(campaigns: tuple[CampaignInfo, ...]) -> tuple[CampaignInfo, ...] | None:
    """The campaigns with 'CafÃ©' put right, when every name outside ASCII is broken that way; None otherwise."""
    foreign = [c.name for c in campaigns if not c.name.isascii()]
    if not foreign or any(repair(name) == name for name in foreign):
        return None

    def put_right(text: str | None) -> str | None:
        return repair(text) if text else text

    return tuple(
        replace(c, name=repair(c.name), account_name=put_right(c.account_name), objective=put_right(c.objective))
        for c in campaigns
    )


def shared_names(campaigns: Iterable[CampaignInfo]) -> list[str]:
    """Names that several campaigns of one account bear."""
    seen: set[tuple[str, str]] = set()
    shared: dict[str, None] = {}
    for campaign in campaigns:
        key = (campaign.account_external_id or campaign.account_name or "", campaign.name)
        if key in seen:
            shared[campaign.name] = None
        seen.add(key)
    return list(shared)
