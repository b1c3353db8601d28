import pytest
from django.test import RequestFactory

from stratum.lib.client_address import client_ip


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "6.6.6.6", "10.0.0.1"),
        (0, None, "10.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "203.0.113.9", "10.0.0.1"),
        (1, None, "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "unknown", "10.0.0.1"),
        (1, "203.0.113.9:51234", "203.0.113.9"),
        (1, "6.6.6.6,[2001:DB8::1]:443", "2001:db8::1"),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_only_what_a_trusted_proxy_wrote_is_believed(settings, proxies, forwarded, address):
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert client_ip(RequestFactory(REMOTE_ADDR="10.0.0.1").get("/", headers=headers)) == address


def test_connection_without_an_address(settings):
    settings.TRUSTED_PROXIES = 0
    assert client_ip(RequestFactory(REMOTE_ADDR="").get("/")) is None
