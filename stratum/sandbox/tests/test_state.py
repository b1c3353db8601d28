"""What survives a restart, how the clock goes, what the control interface refuses."""

from datetime import date
from pathlib import Path

import pytest

from stratum.management.commands import up
from stratum.sandbox.addresses import BASES, environment
from stratum.sandbox.app import Sandbox
from stratum.sandbox.tests.caller import NOON, TODAY, Caller, Wall
from stratum.sandbox.world import JOURNAL, StateMismatch, World

WINDOW = {"since": "2026-11-16", "until": "2026-11-25"}


def restarted(caller: Caller, folder: Path, **options: object) -> Caller:
    """The same sandbox after its process has ended and begun again."""
    again = Caller.__new__(Caller)
    again.wall = caller.wall
    again.world = World(state=folder, wall=caller.wall, **options)  # type: ignore[arg-type]
    again.sandbox = Sandbox(again.world)
    again._headers = caller._headers
    return again


def test_writes_survive_a_restart(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    caller.send("POST", "/v26.0/120210000000000001", form={"status": "PAUSED"}, headers=caller.auth("meta"))
    caller.advance(hours=20)
    caller.send("POST", "/v26.0/120210000000000004", form={"daily_budget": 77000}, headers=caller.auth("meta"))
    caller.fault("restate", account="1002003004005006", since="2026-11-17", until="2026-11-18", factor=0.5)
    caller.advance(hours=20)
    again = restarted(caller, tmp_path)
    assert again.control("now") == caller.control("now")
    query = {"account": "1002003004005006", **WINDOW}
    assert again.control("ledger", **query) == caller.control("ledger", **query)
    # Logins too: the product keeps its tokens.
    assert again.get("meta", "/v26.0/120210000000000001", {"fields": "status"}).json["status"] == "PAUSED"


def test_line_that_a_kill_cut_off_is_forgotten(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    caller.advance(days=1)
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write('{"kind":"change","what":"sta')
    again = restarted(caller, tmp_path)
    again.advance(days=1)
    third = restarted(again, tmp_path)
    assert third.world.now() == again.world.now() == NOON + 2 * 86_400


def test_damaged_journal_counts_up_to_the_damage(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    caller.advance(days=1)
    journal = tmp_path / JOURNAL
    journal.write_text(journal.read_text() + "nonsense\n" + journal.read_text())
    again = restarted(caller, tmp_path)
    assert again.world.now() == NOON + 86_400
    assert "nonsense" in journal.with_suffix(".broken").read_text()
    assert "nonsense" not in journal.read_text()


def test_used_codes_stay_used(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    query = {"client_id": "sandbox-google", "redirect_uri": "https://a.example.test/", "response_type": "code"}
    back = caller.send("POST", "/o/oauth2/v2/auth", query, form={"person": "ada", "decision": "allow"})
    form = {"client_id": "sandbox-google", "client_secret": "sandbox-secret", "grant_type": "authorization_code"}
    form |= {"code": back.location["code"], "redirect_uri": "https://a.example.test/"}
    assert caller.send("POST", "/token", form=form).status == 200
    assert restarted(caller, tmp_path).send("POST", "/token", form=form).status == 400


def test_revoked_and_expired_stay_so(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    caller.auth("meta")
    caller.auth("google")
    caller.control("grants/revoke", "POST", platform="meta")
    caller.control("tokens/expire", "POST", platform="google")
    again = restarted(caller, tmp_path)
    assert again.get("meta", "/v26.0/me").json["error"]["error_subcode"] == 458
    assert again.google("3456789012", "SELECT customer.id FROM customer").status == 401


def test_other_seed_or_day_is_refused(tmp_path: Path) -> None:
    Caller(state=tmp_path)
    World(state=tmp_path, seed=7, opening=TODAY, wall=Wall())
    with pytest.raises(StateMismatch):
        World(state=tmp_path, seed=8)
    with pytest.raises(StateMismatch):
        World(state=tmp_path, opening=date(2026, 1, 1))


def test_reset_forgets(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    headers = caller.auth("meta")
    caller.send("POST", "/v26.0/120210000000000001", form={"status": "PAUSED"}, headers=headers)
    caller.control("reset", "POST", seed=9, start="2026-06-01")
    now = caller.control("now")
    assert (now["seed"], now["opening"], now["now"][:10]) == (9, "2026-06-01", "2026-06-01")
    assert caller.send("GET", "/v26.0/me", headers=headers).status == 400
    assert restarted(caller, tmp_path).world.market.seed == 9
    assert caller.world.market.status("120210000000000001", caller.world.now()) == "active"


def test_clock_goes_at_its_speed() -> None:
    caller = Caller(speed=60)
    caller.wall.at += 10
    assert caller.world.now() == NOON + 600
    caller.advance(hours=1)
    caller.control("clock", "POST", speed=1)
    caller.wall.at += 10
    assert caller.world.now() == NOON + 600 + 3600 + 10
    caller.wall.at -= 5  # the machine's clock was put back
    assert caller.world.now() == NOON + 600 + 3600 + 10


def test_time_only_goes_forward(caller: Caller) -> None:
    assert caller.send("POST", "/_control/advance", json_body={"days": -1}).status == 400
    assert caller.send("POST", "/_control/clock", json_body={"speed": -1}).status == 400


def test_without_start_it_is_now() -> None:
    wall = Wall(NOON + 12_345)
    world = World(wall=wall)
    assert world.now() == wall.at
    wall.at += 60
    assert world.now() == wall.at


def test_control_lists_itself(shared: Caller) -> None:
    known = shared.send("GET", "/_control/").json["known"]
    assert "GET /_control/ledger" in known
    assert shared.send("GET", "/_control/nonsense").status == 404
    assert shared.send("GET", "/nonsense").status == 404
    assert shared.send("GET", "/_control/ledger", {"account": "1"}).status == 404
    assert shared.send("GET", "/_control/ledger", {"account": "1234567890", "since": "x"}).status == 400


def test_page_for_people(caller: Caller) -> None:
    text = caller.send("GET", "/").text
    for part in ("Pannonia Kert", "rate_limit", "sandbox-linkedin", "Ada Lindqvist", "1 day on"):
        assert part in text
    answer = caller.send("POST", "/_control/faults", form={"account": "1234567890", "kind": "slow", "count": "3"})
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert caller.control("faults")["faults"][0]["left"] == 3
    assert "slow · google · 1234567890" in caller.send("GET", "/").text
    before = caller.world.now()
    caller.send("POST", "/_control/advance", form={"hours": "6"})
    assert caller.world.now() == before + 6 * 3600


def test_other_pages_cannot_steer(caller: Caller) -> None:
    headers = {"origin": "https://evil.example"}
    answer = caller.send("POST", "/_control/advance", form={"hours": "6"}, headers=headers)
    assert answer.status == 403
    own = {"origin": "http://sandbox.test"}
    assert caller.send("POST", "/_control/advance", form={"hours": "6"}, headers=own).status == 303


def test_real_registrations_never_meet_the_sandbox() -> None:
    url = "http://127.0.0.1:8700"
    everything = environment(url, set())
    assert everything["META_DIALOG_BASE"] == everything["LINKEDIN_OAUTH_BASE"] == everything["SANDBOX_URL"] == url
    assert everything["GOOGLE_CLIENT_ID"] == "sandbox-google"
    some = environment(url, {"META_CLIENT_ID", "TIKTOK_API_BASE"})
    assert not any(name.startswith(("META_", "TIKTOK_")) for name in some)
    assert some["SNAPCHAT_CLIENT_SECRET"] == "sandbox-secret"
    assert environment(url, {f"{platform.upper()}_CLIENT_ID" for platform in BASES}) == {}


def test_up_runs_the_sandbox_as_a_child_that_keeps_its_state() -> None:
    specs = {one.name: one for one in up.children(Path("/home-of-it"), host="127.0.0.1", port=8000, sandbox_port=8701)}
    assert specs["sandbox"].command[1:] == ("manage.py", "sandbox", "--port", "8701", "--state", "/home-of-it/sandbox")
    assert list(specs).index("sandbox") < list(specs).index("worker")
    assert "sandbox" not in {one.name for one in up.children(Path("/home-of-it"), host="127.0.0.1", port=8000)}
