"""What the platforms report is the ledger, to the last minor unit, whatever was written and whenever it is asked."""

from datetime import date, timedelta

import pytest

from stratum.sandbox.catalogue import build_catalogue
from stratum.sandbox.tests.caller import TODAY, Caller
from stratum.sandbox.tests.readers import ledger, report

ACCOUNTS = [
    {"platform": one.platform, "id": one.id, "currency": one.currency, "zone": one.zone}
    for one in build_catalogue(7, TODAY).accounts.values()
]
PARAMS = [
    pytest.param(one, id=f"{one['platform']}-{one['currency']}-{one['zone'].rpartition('/')[2]}") for one in ACCOUNTS
]


@pytest.mark.parametrize("account", PARAMS)
def test_report_equals_ledger(shared: Caller, account: dict[str, str]) -> None:
    # Both changes of the clock in Europe and America lie in between; the last day has not ended anywhere.
    first, last = date(2026, 10, 20), TODAY + timedelta(days=1)
    expected = ledger(shared, account, first, last)
    assert report(shared, account, first, last) == expected
    closed = account["id"] == "3002003004005008"
    assert bool(expected) != closed


@pytest.mark.parametrize("account", [one for one in PARAMS if one.values[0]["id"] != "3002003004005008"])
def test_report_equals_ledger_after_time_and_restatement(caller: Caller, account: dict[str, str]) -> None:
    first, last = TODAY - timedelta(days=5), TODAY
    before = ledger(caller, account, first, last)
    caller.advance(days=2, hours=3)
    later = ledger(caller, account, first, last)
    assert later != before
    caller.fault("restate", account=account["id"], since=str(first), until=str(last), factor=0.9)
    restated = ledger(caller, account, first, last)
    assert sum(row["spend"] or 0 for row in restated.values()) < sum(row["spend"] or 0 for row in later.values())
    assert report(caller, account, first, last) == restated


def test_catalogue_covers_what_is_promised() -> None:
    catalogue = build_catalogue(1, TODAY)
    accounts = list(catalogue.accounts.values())
    for platform in ("meta", "google", "tiktok", "snapchat", "linkedin"):
        assert len(catalogue.of_platform(platform)) >= 2
    assert {"USD", "EUR", "JPY", "AED", "KWD", "HUF"} <= {one.currency for one in accounts}
    assert {"America/Los_Angeles", "Asia/Tokyo", "Europe/Berlin"} <= {one.zone for one in accounts}
    assert {one.zone for one in catalogue.of_platform("linkedin")} == {"UTC"}
    assert len(catalogue.campaigns) >= 60
    assert len(catalogue.budgets) == len({*catalogue.budgets})
    for account in accounts:
        parts = [one for one in catalogue.campaigns.values() if one.account_id == account.id]
        assert parts
        assert all(abs(sum(group.share for group in one.ad_groups) - 1) < 1e-9 for one in parts)


def test_totals_are_the_sum_of_rows(shared: Caller) -> None:
    answer = shared.control("ledger", account="1234567890")
    for name, total in answer["totals"].items():
        assert total == sum(row[name] or 0 for row in answer["rows"])
    assert answer["since"] == str(date.fromisoformat(answer["until"]) - timedelta(days=27))
