"""What a letter says, and that other people's names stay names in every channel."""

import pytest

from campaigns.tests.factories import make_campaign
from rules.actions.letters import alerts_letter, digest_letter, slack_payload, whatsapp_text, whatsapp_variables
from rules.models import Alert
from rules.tests.factories import make_alert
from rules.tests.slack_cast import inside
from rules.tests.telling_cast import choose, emails, tell

NASTY = "R&D <b>sale</b> <!channel>\r\nBcc: everybody@example.com"


def loaded(tenant):
    return inside(tenant, lambda: list(Alert.objects.select_related("campaign").order_by("pk")))


@pytest.fixture
def nasty(acme, admin):
    choose(admin)
    make_alert(acme, title=NASTY[:200], body="CPA <90>", campaign=make_campaign(acme, name=NASTY))
    return acme


def test_a_name_makes_no_second_header_no_markup_and_calls_nobody(nasty):
    tell(nasty)
    (email,) = emails(nasty)
    assert "\n" not in email.subject
    assert "R&D <b>sale</b>" in email.text
    assert "<b>sale</b>" not in email.html
    assert "R&amp;D &lt;b&gt;sale&lt;/b&gt;" in email.html
    (alert,) = loaded(nasty)
    payload = inside(nasty, lambda: slack_payload(alerts_letter([alert])))
    assert "<!channel>" not in str(payload)
    assert "&lt;!channel&gt;" in payload["text"]
    variables = inside(nasty, lambda: whatsapp_variables(alerts_letter([alert])))
    assert not {"\n", "\r", "\t"} & set("".join(variables.values()))


@pytest.mark.parametrize("count", [1, 10, 11, 60])
def test_the_first_are_listed_and_the_rest_counted(acme, count):
    for number in range(count):
        make_alert(acme, title="Too dear", campaign=make_campaign(acme, name=f"C{number}"))
    letter = inside(acme, lambda: alerts_letter(loaded(acme)))
    assert (len(letter.lines), letter.more) == (min(count, 10), max(count - 10, 0))
    text = inside(acme, lambda: whatsapp_text(letter))
    assert ("more" in text) == (count > 10)
    # WhatsApp's and Slack's limits hold whatever there is to tell.
    assert len(text) < 4096
    payload = slack_payload(letter)
    assert len(payload["blocks"]) <= 50
    assert all(len(str(block)) < 3200 for block in payload["blocks"])


def test_the_worst_comes_first_and_names_the_letter(acme):
    make_alert(acme, severity="info", title="Small")
    make_alert(acme, severity="critical", title="Big")
    letter = inside(acme, lambda: alerts_letter(loaded(acme)))
    assert letter.subject == "Critical: 2 alerts"
    assert [line.title for line in letter.lines] == ["Big", "Small"]


def test_a_digest_has_one_line_for_each_rule(acme):
    for number in range(5):
        make_alert(acme, title="Too dear", campaign=make_campaign(acme, name=f"C{number}"))
    make_alert(acme, title="Too quiet")
    letter = inside(acme, lambda: digest_letter(loaded(acme)))
    assert {(line.title, line.where.partition(" (")[0]) for line in letter.lines} == {
        ("Too dear", "5 campaigns"), ("Too quiet", ""),
    }  # fmt: skip
    assert letter.subject == "Your alerts of the day: 6 open alerts"


def test_long_reasons_cost_neither_the_count_nor_the_link(acme):
    for number in range(12):
        make_alert(acme, title="Too dear " * 20, body="Because " * 60, campaign=make_campaign(acme, name=f"C{number}"))
    letter = inside(acme, lambda: alerts_letter(loaded(acme)))
    lines = inside(acme, lambda: whatsapp_text(letter)).splitlines()
    assert sum(len(line) + 1 for line in lines) <= 4096
    assert (lines[-2], lines[-1]) == ("and 2 more", letter.url)
    assert len(lines) == 14
    assert all(line.endswith("…") for line in lines[2:-2])
