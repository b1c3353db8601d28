"""Who may call the webhook."""

import hashlib
import hmac

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from whatsapp.clients.signature import challenge, is_signed
from whatsapp.tests.clients.conftest import names, recorded

POSTS = [name for name in names("in") if recorded(name)["request"]["method"] == "POST"]


def signed(raw, secret):
    return "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("name", POSTS)
def test_every_recorded_call(name):
    found = recorded(name)
    request = found["request"]
    raw, header = request["raw_body"].encode(), request["headers"]["X-Hub-Signature-256"]
    assert is_signed(raw, header, found["_app_secret"]) == (found["status"] == 200)
    assert not is_signed(raw + b" ", header, found["_app_secret"])
    assert not is_signed(raw, header, "another")


@given(st.binary(max_size=200), st.text(max_size=100), st.text(min_size=1, max_size=50))
def test_no_header_fits_by_chance_or_breaks_it(raw, header, secret):
    assert not is_signed(raw, header, secret)
    assert not is_signed(raw, "sha256=" + header, secret)


@pytest.mark.parametrize("header", [None, "", "sha256=", "sha1=" + "0" * 64, "sha256=" + "é" * 64, "0" * 64])
def test_a_header_that_is_none(header):
    assert not is_signed(b"{}", header, "secret")


def test_an_empty_secret_signs_nothing():
    assert not is_signed(b"{}", signed(b"{}", ""), "")


def test_upper_case_is_the_same_signature():
    header = signed(b"{}", "secret")
    assert is_signed(b"{}", "sha256=" + header[7:].upper(), "secret")


def test_the_recorded_check_of_an_address(settings):
    found = recorded("webhook_verify_ok")
    settings.WHATSAPP_VERIFY_TOKEN = found["_verify_token"]
    assert challenge(found["request"]["query"]) == found["body"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=verify-me",
        "hub.mode=subscribe&hub.verify_token=verify-me",
        "hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=verify-me",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=%C3%A9",
    ],
)
def test_other_checks_are_refused(settings, query):
    settings.WHATSAPP_VERIFY_TOKEN = "verify-me"
    assert challenge(QueryDict(query)) is None


def test_without_a_word_of_ours_every_check_is_refused(settings):
    settings.WHATSAPP_VERIFY_TOKEN = ""
    assert challenge(QueryDict("hub.mode=subscribe&hub.challenge=1&hub.verify_token=")) is None
