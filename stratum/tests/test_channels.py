"""`manage.py channels`: an operator sees what is set up, what is missing and what to register outside."""

from io import StringIO

import pytest
from django.core.management import call_command


@pytest.fixture(autouse=True)
def alone(settings):
    """A host that nothing is set up on."""
    settings.PUBLIC_URL = "https://ads.acme.example"
    settings.SANDBOX_URL = settings.EMAIL_HOST = settings.EMAIL_FOLDER = ""
    settings.SLACK_CLIENT_ID = settings.SLACK_CLIENT_SECRET = settings.WHATSAPP_APP_SECRET = ""
    settings.SLACK_OAUTH_BASE = "https://slack.com"


def listed():
    out = StringIO()
    call_command("channels", stdout=out)
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_what_is_missing_is_named_with_the_addresses_to_register():
    assert listed() == [
        "E-mail not set up",
        "missing: EMAIL_HOST",
        "Slack not set up https://ads.acme.example/rules/slack/callback/",
        "missing: SLACK_CLIENT_ID, SLACK_CLIENT_SECRET",
        "WhatsApp not set up https://ads.acme.example/webhooks/whatsapp/",
        "missing: WHATSAPP_APP_SECRET",
    ]


def test_what_is_set_up_is_listed_without_its_secrets(settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "smtp.acme.example", 465
    settings.SLACK_CLIENT_ID, settings.SLACK_CLIENT_SECRET = "id", "a-secret"
    settings.WHATSAPP_APP_SECRET = "a-secret"
    lines = listed()
    assert lines[0] == "E-mail set up smtp.acme.example:465"
    assert [line.split(" https")[0] for line in lines[1:]] == ["Slack set up", "WhatsApp set up"]
    assert "a-secret" not in " ".join(lines)


def test_a_sandbox_is_told_from_the_real_thing(settings):
    settings.SANDBOX_URL = settings.SLACK_OAUTH_BASE = "http://127.0.0.1:8001"
    settings.SLACK_CLIENT_ID, settings.SLACK_CLIENT_SECRET = "id", "a-secret"
    lines = listed()
    assert lines[2].startswith("Slack sandbox http")
    assert lines[3].startswith("WhatsApp sandbox only http")
    assert lines[4] == "missing: WHATSAPP_APP_SECRET"
