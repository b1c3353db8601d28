"""The state of a running sandbox: market, its clock, logins, faults, and the journal that brings them back."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from stratum.sandbox.catalogue import Account, Campaign
from stratum.sandbox.faults import Faults
from stratum.sandbox.grants import Grant, Grants
from stratum.sandbox.market import Market, Restatement, midnight
from stratum.sandbox.slack.inbox import Inbox
from stratum.sandbox.whatsapp.exchange import Exchange

JOURNAL = "journal.jsonl"
DEFAULT_SEED = 1
_TOKEN_KINDS = ("grant", "token", "token_used", "tokens_expired", "grants_revoked")


class StateMismatch(Exception):
    """The journal belongs to another market than the one asked for."""


@dataclass(slots=True)
class Settings:
    """Sizes that the platforms fix and that tests need smaller."""

    google_page_rows: int = 10_000
    linkedin_rows: int = 15_000
    # Seconds (real ones) after which an asynchronous report of Meta runs, and is complete.
    job_starts: float = 0.05
    job_takes: float = 0.3
    # How long tokens of Slack live, which are then renewed by tokens that work once; 0: for ever, without any.
    slack_token_seconds: int = 0


class World:
    """Everything behind the HTTP interface. Callers hold `lock` around every use."""

    def __init__(
        self,
        *,
        seed: int | None = None,
        opening: date | None = None,
        speed: float | None = None,
        state: Path | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.lock = threading.RLock()
        self.speed = self._wall = self._sim = self._latest = 0.0
        self.wall = wall
        self._file = state / JOURNAL if state else None
        entries = self._read()
        if entries:
            self._compare(entries[0], seed, opening)
            seed, opening = entries[0]["seed"], date.fromisoformat(entries[0]["opening"])
        self._begin(DEFAULT_SEED if seed is None else seed, opening, 1.0 if speed is None else speed, new=not entries)
        for entry in entries:
            self._replay(entry)
        if entries and speed is not None and speed != self.speed:
            self.set_clock(self.now(), speed)

    # --- clock ---------------------------------------------------------------------------------------------

    def now(self) -> float:
        """The market's time, in seconds since the epoch; it never goes back."""
        self._latest = max(self._latest, self._sim + (self.wall() - self._wall) * self.speed)
        return self._latest

    def advance(self, seconds: float) -> float:
        if seconds < 0:
            raise ValueError("time only goes forward")
        return self.set_clock(self.now() + seconds, self.speed)

    def set_clock(self, sim: float, speed: float) -> float:
        entry = {"kind": "clock", "wall": self.wall(), "sim": max(sim, self.now()), "speed": speed}
        self._note(entry)
        self._replay(entry)
        return self.now()

    # --- changes -------------------------------------------------------------------------------------------

    def change(self, what: str, object_id: str, value: Any) -> None:
        """Write status, amount, name or end of an object, from now on."""
        at = self.now()
        self.market.change(what, object_id, value, at)
        stored = value.isoformat() if isinstance(value, date) else value
        self._note({"kind": "change", "what": what, "object": object_id, "value": stored, "at": at})

    def restate(self, account_id: str, first: date, last: date, factor: float) -> None:
        """From now on the account's numbers of these days are × factor. KeyError when there is no such account."""
        if not 0 <= factor <= 10:
            raise ValueError("factor is from 0 to 10")
        account = self.market.catalogue.accounts[account_id]
        at = self.now()
        self.market.restate(Restatement(at, account.id, first, last, factor))
        entry = {"account": account.id, "first": first.isoformat(), "last": last.isoformat()}
        self._note({"kind": "restate", "at": at, "factor": factor, **entry})

    def reset(self, *, seed: int | None = None, opening: date | None = None, speed: float | None = None) -> None:
        """Forget everything that was written and begin anew; logins end too."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        self.whatsapp.courier.retire()
        self._begin(
            self.market.seed if seed is None else seed, opening, self.speed if speed is None else speed, new=True
        )

    # --- look-ups ------------------------------------------------------------------------------------------

    def account(self, account_id: str) -> Account | None:
        return self.market.catalogue.accounts.get(account_id)

    def campaign(self, campaign_id: str, platform: str) -> Campaign | None:
        found = self.market.catalogue.campaigns.get(campaign_id)
        return found if found is not None and found.platform == platform else None

    def campaigns(self, account_id: str) -> list[Campaign]:
        return self.market.catalogue.of_account(account_id)

    def may_write(self, grant: Grant) -> bool:
        return self.market.catalogue.people[grant.person].can_write

    # --- journal -------------------------------------------------------------------------------------------

    def _begin(self, seed: int, opening: date | None, speed: float, *, new: bool) -> None:
        wall = self.wall()
        self.speed, self._wall = speed, wall
        start = wall if opening is None else midnight("UTC", opening) + 12 * 3600
        day = datetime.fromtimestamp(start, UTC).date()
        self._sim = self._latest = start
        self.market = Market(seed, day)
        self.faults = Faults(seed)
        self.grants = Grants(self._note)
        self.settings = Settings()
        self.jobs: dict[str, Any] = {}
        self.inbox = Inbox()
        self.whatsapp = Exchange(self.lock, self.wall, self._note)
        self.calls = 0
        if new:
            self._note({"kind": "open", "seed": seed, "opening": day.isoformat()})
            self._note({"kind": "clock", "wall": wall, "sim": start, "speed": speed})

    def _replay(self, entry: dict[str, Any]) -> None:
        match entry["kind"]:
            case "clock":
                self._wall, self._sim, self.speed = entry["wall"], entry["sim"], entry["speed"]
                self._latest = self._sim
            case "change":
                value = entry["value"]
                value = date.fromisoformat(value) if entry["what"] == "end" and value else value
                self.market.change(entry["what"], entry["object"], value, entry["at"])
            case "restate":
                first, last = date.fromisoformat(entry["first"]), date.fromisoformat(entry["last"])
                self.market.restate(Restatement(entry["at"], entry["account"], first, last, entry["factor"]))
            case kind if kind in _TOKEN_KINDS:
                self.grants.restore(entry)
            case kind if kind.startswith("whatsapp_"):
                self.whatsapp.restore(entry)

    def _read(self) -> list[dict[str, Any]]:
        if self._file is None or not self._file.exists():
            return []
        stored = self._file.read_text(encoding="utf-8", errors="replace")
        # A last line that a kill cut off was never answered: it must not run into the next one.
        lines = stored[: stored.rfind("\n") + 1].splitlines(keepends=True)
        entries: list[dict[str, Any]] = []
        for line in lines:
            try:
                entries.append(json.loads(line))
            except ValueError:
                # Not ours to mend: what came before it counts, the whole is kept aside.
                self._file.with_suffix(".broken").write_text(stored, encoding="utf-8")
                break
        whole = "".join(lines[: len(entries)])
        if whole != stored:
            self._file.write_text(whole, encoding="utf-8")
        return entries

    def _note(self, entry: dict[str, Any]) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(entry, separators=(",", ":")) + "\n")

    @staticmethod
    def _compare(first: dict[str, Any], seed: int | None, opening: date | None) -> None:
        if seed is not None and seed != first["seed"]:
            raise StateMismatch(f"The stored market has seed {first['seed']}, not {seed}.")
        if opening is not None and opening.isoformat() != first["opening"]:
            raise StateMismatch(f"The stored market opened on {first['opening']}, not on {opening}.")
