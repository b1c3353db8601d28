"""Exchange rates: fetched from a real server, stored once, and refused where there is none."""

import threading
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from campaigns import tasks
from campaigns.clients import ecb
from campaigns.clients.ecb import DayRate, RatesUnavailable, fetch_rates, parse_rates
from campaigns.models import ExchangeRate
from campaigns.queries.rates import Converter, NoRate
from campaigns.services.rates import rates_import_csv, rates_store
from campaigns.sql import conversion_columns
from stratum.lib.errors import DomainError
from stratum.lib.money import convert, decimals

# As the bank publishes it: single quotes, a default namespace, the newest day first, no rates at weekends.
DAYS = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
		<Cube time='2026-11-20'>
			<Cube currency='USD' rate='1.0743'/>
			<Cube currency='JPY' rate='163.85'/>
			<Cube currency='GBP' rate='0.83215'/>
		</Cube>
		<Cube time='2026-11-19'>
			<Cube currency='USD' rate='1.0701'/>
			<Cube currency='JPY' rate='164.02'/>
		</Cube>
	</Cube>
</gesmes:Envelope>"""
FRIDAY = date(2026, 11, 20)


@pytest.fixture
def bank():
    """A server that gives the prepared answers in turn, the last one for ever."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answers = self.server.answers
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.server.asked += 1
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.asked = [(200, DAYS)], 0
    server.url = f"http://127.0.0.1:{server.server_port}/stats/eurofxref/eurofxref-hist-90d.xml"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_rates_are_fetched(bank):
    rates = fetch_rates(bank.url)
    assert len(rates) == 5
    assert rates[0] == DayRate(FRIDAY, "USD", Decimal("1.0743"))
    assert rates[-1] == DayRate(date(2026, 11, 19), "JPY", Decimal("164.02"))


def test_passing_trouble_is_tried_again_a_bounded_number_of_times(bank):
    waited = []
    bank.answers = [(503, b""), (429, b""), (200, DAYS)]
    assert len(fetch_rates(bank.url, sleep=waited.append)) == 5
    assert (bank.asked, waited) == (3, [1, 2])
    bank.answers, bank.asked = [(500, b"")], 0
    with pytest.raises(RatesUnavailable, match="HTTP 500"):
        fetch_rates(bank.url, sleep=waited.append)
    assert bank.asked == 3


def test_lasting_trouble_is_not_tried_again(bank):
    bank.answers = [(404, b"")]
    with pytest.raises(RatesUnavailable, match="HTTP 404"):
        fetch_rates(bank.url)
    assert bank.asked == 1


def test_nobody_listening_is_said(bank):
    with pytest.raises(RatesUnavailable):
        fetch_rates("http://127.0.0.1:1/", sleep=lambda seconds: None)


def test_endless_answer_is_cut(bank, monkeypatch):
    monkeypatch.setattr(ecb, "MAX_BYTES", 100)
    with pytest.raises(RatesUnavailable, match="more than"):
        fetch_rates(bank.url)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>maintenance</body></html>",
        DAYS[:500],
        DAYS.replace(b"1.0743", b"0"),
        DAYS.replace(b"1.0743", b"NaN"),
        DAYS.replace(b"1.0743", b"-1"),
        DAYS.replace(b"2026-11-20", b"20.11.2026"),
        DAYS.replace(b"'USD'", b"'usd'"),
        DAYS.replace(b"rate='1.0743'", b""),
        DAYS.replace(b"<gesmes:Envelope", b'<!DOCTYPE x [<!ENTITY a "aaaa">]><gesmes:Envelope', 1),
        DAYS.replace(b"eurofxref", b"else"),
    ],
)
def test_other_files_are_refused(body):
    with pytest.raises(RatesUnavailable):
        parse_rates(body)


def test_job_stores_each_rate_once(db, bank, settings):
    settings.ECB_RATES_URL = bank.url
    assert tasks.load_exchange_rates() == {"given": 5, "added": 5, "changed": 0}
    assert tasks.load_exchange_rates() == {"given": 5, "added": 0, "changed": 0}
    bank.answers = [(200, DAYS.replace(b"1.0743", b"1.0744"))]
    assert tasks.load_exchange_rates() == {"given": 5, "added": 0, "changed": 1}
    assert ExchangeRate.objects.get(currency="USD", date=FRIDAY).per_euro == Decimal("1.0744")


def test_failed_load_stores_nothing(db, bank, settings):
    settings.ECB_RATES_URL = bank.url
    bank.answers = [(200, DAYS[:-40])]
    with pytest.raises(RatesUnavailable):
        tasks.load_exchange_rates()
    assert not ExchangeRate.objects.exists()
    with pytest.raises(CommandError):
        call_command("load_exchange_rates")


def test_command_loads_from_the_bank_and_from_a_table(db, bank, settings, tmp_path, capsys):
    settings.ECB_RATES_URL = bank.url
    call_command("load_exchange_rates")
    path = tmp_path / "rates.csv"
    path.write_text("date,currency,per_euro\n2026-11-20,AED,3.9454\n")
    call_command("load_exchange_rates", csv=path)
    assert capsys.readouterr().out == "5 rates: 5 new, 0 corrected.\n1 rates: 1 new, 0 corrected.\n"


def test_the_bank_does_not_replace_what_staff_gave(db):
    rates_import_csv(content=b"\xef\xbb\xbfdate,currency,per_euro\r\n2026-11-20,USD,1.5\r\n")
    assert rates_store(rates=[DayRate(FRIDAY, "USD", Decimal("1.0743"))], source="ecb").changed == 0
    assert ExchangeRate.objects.get().per_euro == Decimal("1.5")
    assert rates_import_csv(content=b"date,currency,per_euro\n2026-11-20,USD,1.6").changed == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"currency,date,per_euro\nUSD,2026-11-20,1",
        b"date,currency,per_euro\n",
        b"date,currency,per_euro\n2026-11-20,USD",
        b"date,currency,per_euro\n2026-11-20,USD,1,9",
        b"date,currency,per_euro\n2026-11-20,USD,0",
        b"date,currency,per_euro\n2026-11-20,USD,1e99",
        b"date,currency,per_euro\n2026-11-20,usd,1",
        b"date,currency,per_euro\n1998-01-01,USD,1",
        b"date,currency,per_euro\n2999-01-01,USD,1",
        b"date,currency,per_euro\n2026-11-20,USD,1\n2026-11-20,GBP,x",
        b'date,currency,per_euro\n2026-11-20,"USD,1',
        "date,currency,per_euro\n2026-11-20,USD,1\n".encode("utf-16"),
    ],
)
def test_bad_tables_store_nothing(db, content):
    with pytest.raises(DomainError) as refused:
        rates_import_csv(content=content)
    assert refused.value.code == "rates_file"
    assert not ExchangeRate.objects.exists()


# --- Conversion ------------------------------------------------------------------------------------------------------


@pytest.fixture
def rates(db):
    rates_store(rates=parse_rates(DAYS), source="ecb")


def test_amounts_are_converted_over_the_euro(rates):
    converter = Converter("USD", [FRIDAY])
    assert converter.convert(10_000, "EUR", FRIDAY) == 10_743
    assert converter.convert(10_743, "USD", FRIDAY) == 10_743
    # Yen have no minor unit: 16,385 yen are 100 euros.
    assert converter.convert(16_385, "JPY", FRIDAY) == 10_743
    assert Converter("EUR", [FRIDAY]).convert(10_743, "USD", FRIDAY) == 10_000


def test_the_newest_rate_before_a_day_counts_for_a_week(rates):
    days = [FRIDAY + timedelta(days=offset) for offset in (0, 2, 7, 8)]
    converter = Converter("EUR", days)
    assert converter.convert(10_743, "USD", days[1]) == converter.convert(10_743, "USD", days[2]) == 10_000
    with pytest.raises(NoRate) as refused:
        converter.convert(10_743, "USD", days[3])
    assert (refused.value.currency, refused.value.day) == ("USD", days[3])
    with pytest.raises(NoRate):
        Converter("EUR", [date(2026, 11, 18)]).convert(1, "USD", date(2026, 11, 18))


def test_currencies_without_a_rate_are_refused_either_way(rates):
    with pytest.raises(NoRate):
        Converter("USD", [FRIDAY]).convert(1, "XAF", FRIDAY)
    with pytest.raises(NoRate):
        Converter("XAF", [FRIDAY]).convert(1, "USD", FRIDAY)


def test_the_same_currency_needs_no_rate(db):
    assert Converter("XAF", [FRIDAY]).convert(5, "XAF", FRIDAY) == 5


def test_a_converter_asks_once(rates, django_assert_num_queries):
    with django_assert_num_queries(1):
        converter = Converter("USD", [FRIDAY, date(2026, 11, 19)], ["JPY", "GBP", "EUR"])
    with django_assert_num_queries(0):
        converter.convert(1, "JPY", FRIDAY)


per_euro = st.decimals("0.01", "10000", places=4)
codes = st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLF"])


@given(minor=st.integers(-(10**8), 10**8), source=codes, target=codes, rate=per_euro, other=per_euro)
def test_conversion_is_within_half_a_minor_unit(minor, source, target, rate, other):
    converted = convert(minor, source, target, source_per_euro=rate, target_per_euro=other)
    exact = Decimal(minor).scaleb(-decimals(source)) / rate * other * 10 ** decimals(target)
    assert abs(converted - exact) <= Decimal("0.5") + abs(exact) * Decimal("1e-20")
    # Nothing is lost to the sign.
    assert convert(-minor, source, target, source_per_euro=rate, target_per_euro=other) == -converted


@given(micros=st.lists(st.integers(-(10**15), 10**15) | st.integers(-40, 40).map(lambda n: n * 500_000), min_size=1))
def test_conversions_are_rounded_half_to_even(django_db_blocker, django_db_setup, micros):
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {conversion_columns('m')} FROM unnest(%s::bigint[]) AS m", [micros])
        found = cursor.fetchall()
    assert found == [(round(Decimal(m) / 10**6), None if m % 10**6 == 0 else m) for m in micros]
