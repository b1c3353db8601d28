"""Euro reference rates of the European Central Bank.

The bank publishes one XML shape under three addresses (the newest day, the last 90 days, all days since 1999):
`Cube` elements with `time='YYYY-MM-DD'` hold `Cube` elements with `currency='USD' rate='1.0743'`, how many units of
the currency one euro buys. Working days only, around 16:00 Central European Time. Source: "Euro foreign exchange
reference rates" on the bank's site.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from xml.parsers import expat

import httpx

TIMEOUT = httpx.Timeout(connect=5.0, read=20.0, write=5.0, pool=5.0)
ATTEMPTS = 3
FIRST_DELAY = 1.0
# All days since 1999 are about 6 MB.
MAX_BYTES = 16 * 1024 * 1024
NAMESPACE = "http://www.ecb.int/vocabulary/2002-08-01/eurofxref"
_CUBE = f"{NAMESPACE} Cube"


class RatesUnavailable(Exception):
    """The bank's file could not be fetched or read. The text says why; nothing was stored."""


@dataclass(frozen=True, slots=True)
class DayRate:
    """Units of `currency` that one euro bought on `date`."""

    date: date
    currency: str
    per_euro: Decimal


def fetch_rates(url: str, *, sleep: Callable[[float], None] = time.sleep) -> list[DayRate]:
    """The rates at an address of the bank. Time-outs, 429 and server errors are tried again, three times in all."""
    with httpx.Client(timeout=TIMEOUT, follow_redirects=True, headers={"Accept": "application/xml"}) as http:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return parse_rates(_body(http, url))
            except (httpx.TransportError, _TryAgain) as error:
                if attempt == ATTEMPTS:
                    raise RatesUnavailable(f"{url}: {error or type(error).__name__}") from error
                sleep(FIRST_DELAY * 2 ** (attempt - 1))
    raise AssertionError("unreachable")


class _TryAgain(Exception):
    """An answer that is likely to be another one in a moment."""


def _body(http: httpx.Client, url: str) -> bytes:
    with http.stream("GET", url) as response:
        if response.status_code == 429 or response.status_code >= 500:
            raise _TryAgain(f"HTTP {response.status_code}")
        if response.status_code != 200:
            raise RatesUnavailable(f"{url}: HTTP {response.status_code}")
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise RatesUnavailable(f"{url}: more than {MAX_BYTES} bytes")
        return bytes(body)


def parse_rates(body: bytes) -> list[DayRate]:
    """All rates of a file, in its order. RatesUnavailable when it is not the bank's file, or holds none."""
    rates: list[DayRate] = []
    day: date | None = None

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal day
        if name != _CUBE:
            return
        if "time" in attributes:
            day = date.fromisoformat(attributes["time"])
        elif "currency" in attributes:
            if day is None:
                raise ValueError("a rate without a day")
            rates.append(DayRate(day, _currency(attributes["currency"]), _rate(attributes["rate"])))

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    # The bank's files declare no document type: one that does is not theirs, and entities are how XML does harm.
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, KeyError, InvalidOperation) as error:
        raise RatesUnavailable(f"not a file of euro reference rates: {error}") from error
    if not rates:
        raise RatesUnavailable("not a file of euro reference rates: no rate in it")
    return rates


def _refuse_doctype(*_declaration: object) -> None:
    raise ValueError("a document type declaration")


def _currency(code: str) -> str:
    if not (len(code) == 3 and code.isascii() and code.isupper()):
        raise ValueError(f"{code!r} is not a currency")
    return code


def _rate(text: str) -> Decimal:
    rate = Decimal(text)
    if not (rate.is_finite() and 0 < rate < 10**10):
        raise ValueError(f"{text!r} is not a rate")
    return rate
