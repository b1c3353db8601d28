"""What people choose from: time zones, languages and reporting currencies, and first guesses for a newcomer."""

import zoneinfo
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# The currencies of the ECB's daily rates, and those of the Gulf and its neighbours (rates uploaded by staff).
CURRENCIES: tuple[tuple[str, Promise], ...] = (
    ("AED", _("UAE dirham")), ("AUD", _("Australian dollar")),
    ("BHD", _("Bahraini dinar")), ("BRL", _("Brazilian real")), ("CAD", _("Canadian dollar")),
    ("CHF", _("Swiss franc")), ("CNY", _("Chinese yuan")), ("CZK", _("Czech koruna")),
    ("DKK", _("Danish krone")), ("EGP", _("Egyptian pound")), ("EUR", _("Euro")), ("GBP", _("Pound sterling")),
    ("HKD", _("Hong Kong dollar")), ("HUF", _("Hungarian forint")), ("IDR", _("Indonesian rupiah")),
    ("ILS", _("Israeli shekel")), ("INR", _("Indian rupee")), ("IQD", _("Iraqi dinar")),
    ("ISK", _("Icelandic króna")), ("JOD", _("Jordanian dinar")), ("JPY", _("Japanese yen")),
    ("KRW", _("South Korean won")), ("KWD", _("Kuwaiti dinar")), ("LBP", _("Lebanese pound")),
    ("MAD", _("Moroccan dirham")), ("MXN", _("Mexican peso")), ("MYR", _("Malaysian ringgit")),
    ("NOK", _("Norwegian krone")), ("NZD", _("New Zealand dollar")), ("OMR", _("Omani rial")),
    ("PHP", _("Philippine peso")), ("PLN", _("Polish złoty")), ("QAR", _("Qatari riyal")),
    ("RON", _("Romanian leu")), ("SAR", _("Saudi riyal")), ("SEK", _("Swedish krona")),
    ("SGD", _("Singapore dollar")), ("THB", _("Thai baht")), ("TND", _("Tunisian dinar")),
    ("TRY", _("Turkish lira")), ("USD", _("US dollar")), ("ZAR", _("South African rand")),
)  # fmt: skip
CURRENCY_CODES = frozenset(code for code, _name in CURRENCIES)

# ISO 3166 region → its currency, where that is not the US dollar.
_CURRENCY_OF_REGION = {
    **dict.fromkeys(
        ["AT", "BE", "BG", "CY", "DE", "EE", "ES", "FI", "FR", "GR", "HR", "IE", "IT", "LT", "LU", "LV", "MT", "NL",
         "PT", "SI", "SK"],
        "EUR",
    ),
    "AE": "AED", "AU": "AUD", "BH": "BHD", "BR": "BRL", "CA": "CAD", "CH": "CHF", "CN": "CNY",
    "CZ": "CZK", "DK": "DKK", "EG": "EGP", "GB": "GBP", "HK": "HKD", "HU": "HUF", "ID": "IDR", "IL": "ILS",
    "IN": "INR", "IQ": "IQD", "IS": "ISK", "JO": "JOD", "JP": "JPY", "KR": "KRW", "KW": "KWD", "LB": "LBP",
    "MA": "MAD", "MX": "MXN", "MY": "MYR", "NO": "NOK", "NZ": "NZD", "OM": "OMR", "PH": "PHP", "PL": "PLN",
    "QA": "QAR", "RO": "RON", "SA": "SAR", "SE": "SEK", "SG": "SGD", "TH": "THB", "TN": "TND", "TR": "TRY",
    "ZA": "ZAR",
}  # fmt: skip
# A language alone, where most of its advertisers share one currency.
_CURRENCY_OF_LANGUAGE = {"de": "EUR", "fr": "EUR", "es": "EUR", "it": "EUR", "nl": "EUR", "pt": "EUR", "ja": "JPY"}


def guess_currency(accept_language: str) -> str:
    """A likely reporting currency from an Accept-Language header: by region, then by language, else USD."""
    tags = [tag.split(";")[0].strip() for tag in accept_language.split(",")]
    for tag in tags:
        region = tag.rpartition("-")[2].upper() if "-" in tag else ""
        if region in _CURRENCY_OF_REGION:
            return _CURRENCY_OF_REGION[region]
        if region == "US":
            return "USD"
    return _CURRENCY_OF_LANGUAGE.get(tags[0].partition("-")[0].lower(), "USD") if tags else "USD"


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """Names of the time zones a person may choose, sorted; UTC first. Zones of this system's database."""
    places = (
        name
        for name in zoneinfo.available_timezones()
        if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix/", "right/", "US/", "Mexico/", "Brazil/"))
    )
    return ("UTC", *sorted(places))


def zone_choices() -> list[tuple[str, str | list[tuple[str, str]]]]:
    """Zones as the choices of a select, grouped by continent."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in zone_names()[1:]:
        continent, _slash, place = name.partition("/")
        groups.setdefault(continent, []).append((name, place.replace("_", " ").replace("/", " – ")))
    return [("UTC", "UTC"), *groups.items()]


def is_zone(name: str) -> bool:
    """Whether a name is one of the zones a person may choose."""
    return name in zone_names()


def zone_or_utc(name: str) -> zoneinfo.ZoneInfo:
    """A zone by name; UTC when the name is not known to this system."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


@lru_cache(maxsize=1)
def _region_of_zone() -> dict[str, str]:
    """Zone → ISO 3166 region, from the list that the time zone database comes with; empty where it is left out."""
    for folder in zoneinfo.TZPATH:
        table = Path(folder, "zone.tab")
        if table.is_file():
            lines = (line.split("\t") for line in table.read_text().splitlines() if not line.startswith("#"))
            return {fields[2]: fields[0] for fields in lines if len(fields) > 2}
    return {}


def region_of_zone(name: str) -> str:
    """'Europe/Oslo' → 'NO'; empty for zones of no country, such as UTC."""
    return _region_of_zone().get(name, "")


def next_midnight(zone: zoneinfo.ZoneInfo, moment: datetime) -> datetime:
    """When the day of an aware moment ends in a zone, in UTC: the first instant of the next local date.

    Days of 23 and 25 hours end at their own midnight; where clocks skip it, at the instant in which they do.
    """
    tomorrow = datetime.combine(moment.astimezone(zone).date() + timedelta(days=1), time(), tzinfo=zone)
    found = tomorrow.astimezone(UTC)
    # Where clocks were put back over midnight there are two: the first may have passed already.
    return found if found > moment else tomorrow.replace(fold=1).astimezone(UTC)


def language_or_default(code: str) -> str:
    """A language that the product has; the default one when the code is not known (any more)."""
    return code if code in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
