"""Exchange rates: stored from the European Central Bank's file or from a table that staff upload.

Rates are the same for every workspace, so their changes stand in no workspace's audit trail; each row names its
source, and the job leaves its run.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.clients.ecb import DayRate, fetch_rates
from stratum.lib.errors import DomainError

EURO = "EUR"
SOURCE_ECB = "ecb"
SOURCE_UPLOAD = "upload"
MAX_UPLOAD_BYTES = 16 * 1024 * 1024
FIRST_DAY = date(1999, 1, 4)  # the euro's first
COLUMNS = ("date", "currency", "per_euro")


@dataclass(frozen=True, slots=True)
class RatesResult:
    """Days and currencies that were new, that were corrected, and how many rates were given."""

    added: int
    changed: int
    given: int


@transaction.atomic
def rates_store(*, rates: Iterable[DayRate], source: str) -> RatesResult:
    """Keep these rates; of two for one day and currency the later counts. Equal ones are not written again.

    An upload may fill in and correct; the bank's file never replaces a rate that staff gave for the day.
    """
    given = {(rate.currency, rate.date): rate for rate in rates if rate.currency != EURO}
    rows = list(given.values())
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO exchange_rates AS e (date, currency, per_euro, source)
            SELECT g.date, g.currency, g.per_euro, %s
            FROM unnest(%s::date[], %s::text[], %s::numeric[]) AS g (date, currency, per_euro)
            ON CONFLICT (currency, date) DO UPDATE SET per_euro = EXCLUDED.per_euro, source = EXCLUDED.source
            WHERE (e.per_euro, e.source) IS DISTINCT FROM (EXCLUDED.per_euro::numeric(18, 8), EXCLUDED.source)
              AND (EXCLUDED.source <> 'ecb' OR e.source <> 'upload')
            RETURNING xmax = 0
            """,
            [source, [row.date for row in rows], [row.currency for row in rows], [row.per_euro for row in rows]],
        )
        is_new = [row[0] for row in cursor.fetchall()]
    return RatesResult(added=sum(is_new), changed=len(is_new) - sum(is_new), given=len(rows))


def rates_load() -> RatesResult:
    """Fetch the file at ECB_RATES_URL and keep it. campaigns.clients.ecb.RatesUnavailable when that fails."""
    return rates_store(rates=fetch_rates(settings.ECB_RATES_URL), source=SOURCE_ECB)


def rates_import_csv(*, content: bytes) -> RatesResult:
    """Keep a table of rates: UTF-8 text with the columns date (YYYY-MM-DD), currency, per_euro (a decimal point).

    All or nothing: DomainError with the line at fault (code 'rates_file') when any row cannot be read.
    """
    if len(content) > MAX_UPLOAD_BYTES:
        raise DomainError(_("The file is too large for a table of exchange rates."), code="rates_file")
    try:
        text = content.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if [name.strip().lower() for name in reader.fieldnames or ()] != list(COLUMNS):
            raise DomainError(
                _("The first line of the file must read: %(columns)s.") % {"columns": ",".join(COLUMNS)},
                code="rates_file",
            )
        reader.fieldnames = COLUMNS
        rates = [_rate_of(row, reader.line_num) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DomainError(_("The file is not a comma-separated table in UTF-8."), code="rates_file") from error
    if not rates:
        raise DomainError(_("The file holds no exchange rates."), code="rates_file")
    return rates_store(rates=rates, source=SOURCE_UPLOAD)


def _rate_of(row: dict, line: int) -> DayRate:
    try:
        day = date.fromisoformat(row["date"].strip())
        currency = row["currency"].strip()
        per_euro = Decimal(row["per_euro"].strip())
        # numeric(18, 8): ten digits before the point; what rounds to nothing would be a rate of zero.
        if not (
            FIRST_DAY <= day <= timezone.now().date() + timedelta(days=1)
            and len(currency) == 3
            and currency.isascii()
            and currency.isupper()
            and per_euro.is_finite()
            and Decimal("0.00000001") <= per_euro < 10**10
            and None not in row
        ):
            raise ValueError("out of range")
    except (ValueError, AttributeError, InvalidOperation) as error:
        raise DomainError(
            _("Line %(line)s of the file is not a rate such as 2026-11-20,USD,1.0743.") % {"line": line},
            code="rates_file",
        ) from error
    return DayRate(day, currency, per_euro)
