"""Clients as the application gets them: addresses and registrations out of the settings, limits kept apart."""

import pytest

from campaigns.choices import Platform
from campaigns.clients.base import Account, PlatformClient, Tokens
from campaigns.clients.registry import client_for, credentials_for, missing_settings, supported_platforms
from campaigns.tests.clients.meta_cast import ACCOUNT, ROOT


@pytest.mark.parametrize("platform", supported_platforms())
def test_every_client_keeps_the_promise(platform):
    client: PlatformClient = client_for(platform)
    assert client.platform == platform
    assert platform in Platform.values
    assert isinstance(client.scopes, tuple)  # none where the app's registration decides (TikTok)
    assert 1 <= client.restatement_days <= 90
    for name in (name for name in vars(PlatformClient) if not name.startswith("_")):
        assert callable(getattr(client, name)), name


def test_addresses_and_registrations_come_from_the_settings(settings, server_for, http):
    server = server_for("meta")
    settings.META_API_BASE = settings.META_DIALOG_BASE = server.url
    settings.META_API_VERSION = "v99.0"
    settings.META_CLIENT_ID, settings.META_CLIENT_SECRET = "id-1", "secret-1"
    server.answer("GET", ROOT.replace("v26.0", "v99.0"), {"id": "act_1"})
    client = client_for("meta", tokens=Tokens("TOKEN"), account=ACCOUNT.external_id, http=http)
    client.check_health(Account("1002003004005006", "USD", "UTC"))
    assert client.authorize_url(redirect_uri="r", state="s").startswith(
        f"{server.url}/v99.0/dialog/oauth?client_id=id-1"
    )


def test_missing_registrations_are_named(settings):
    settings.META_CLIENT_ID, settings.META_CLIENT_SECRET = "id-1", ""
    assert missing_settings("meta") == ("META_CLIENT_SECRET",)
    assert not credentials_for("meta").complete
    settings.META_CLIENT_SECRET = "secret-1"
    assert missing_settings("meta") == ()
    assert credentials_for("meta").complete
    assert "secret-1" not in repr(credentials_for("meta"))


def test_calls_without_an_account_are_kept_apart_by_token(http):
    one, other = (client_for("meta", tokens=Tokens(token), http=http)._wiring.governor for token in ("T-1", "T-2"))
    one.block(5)
    assert one.wait_for("accounts", None) > 0
    assert other.wait_for("accounts", None) == 0


def test_an_unknown_platform_has_no_client():
    with pytest.raises(KeyError):
        client_for("myspace")
