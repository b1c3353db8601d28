import zoneinfo

import pytest

from stratum.lib.phones import readable, to_e164
from stratum.lib.regions import _CURRENCY_OF_LANGUAGE, _CURRENCY_OF_REGION, CURRENCY_CODES, is_zone, zone_choices


def test_guesses_are_choices():
    assert set(_CURRENCY_OF_REGION.values()) | set(_CURRENCY_OF_LANGUAGE.values()) <= CURRENCY_CODES


def test_zone_choices_are_zones_each_once():
    names = [name for group, places in zone_choices() for name in ([group] if group == "UTC" else dict(places))]
    assert len(names) == len(set(names)) > 300
    assert all(is_zone(name) and zoneinfo.ZoneInfo(name) for name in names)


# What browsers report, old names of the zone database included.
@pytest.mark.parametrize("name", ["Europe/Berlin", "Asia/Calcutta", "America/Argentina/Buenos_Aires", "UTC"])
def test_browser_zones_can_be_chosen(name):
    assert is_zone(name)


@pytest.mark.parametrize("name", ["", "Etc/GMT+3", "US/Pacific", "posix/UTC", "europe/berlin"])
def test_other_names_cannot(name):
    assert not is_zone(name)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+44 20 7946 0958", "+442079460958"),
        ("+966 50 123 4567", "+966501234567"),
        ("+49 (0)30 901820", "+4930901820"),
        ("020 7946 0958", None),
        ("+44 1", None),
        ("+999 12345678", None),
        ("", None),
        ("hello", None),
        ("+1 " * 200, None),
    ],
)
def test_phone_numbers_become_e164(text, number):
    assert to_e164(text) == number
    if number:
        assert to_e164(readable(number)) == number


def test_unreadable_numbers_are_shown_as_they_are():
    assert readable("12") == "12"
    assert readable(None) == ""
