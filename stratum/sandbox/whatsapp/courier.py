"""What happens later: a thread that lets messages arrive and posts the webhooks, each at its time.

It lives only while something waits. The real clock counts here, whatever the market's does.
"""

import contextlib
import hashlib
import hmac
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from stratum.sandbox.whatsapp.directory import APP_SECRET

IDLE_SECONDS = 1.0
TIMEOUT_SECONDS = 10.0
_PATIENCE_SECONDS = 5.0


@dataclass(slots=True)
class Letter:
    """One change to tell of. `told` learns each answer: an HTTP status, 0 for none."""

    waba: str
    field: str
    value: dict[str, Any]
    at: float
    told: Callable[[int], None] | None = None


@dataclass(slots=True)
class Parcel:
    """One POST. `raw` is what the signature covers, the same at each attempt."""

    url: str
    raw: bytes
    letters: list[Letter]
    attempts: int = field(default=0)


@dataclass(slots=True)
class Rules:
    """How webhooks go out. `most` changes fit into a POST; a POST is repeated `retries` times at most."""

    most: int
    retries: int
    retry_after: float


class Courier:
    """Callers hold the world's lock around `add`, `pending`, `hurry` and `clear`; `close` is called without it."""

    def __init__(self, lock: threading.RLock, address: Callable[[Letter], str], rules: Callable[[], Rules]) -> None:
        self._news = threading.Condition(lock)
        self._address = address
        self._rules = rules
        self._waiting: list[tuple[float, int, Letter | Parcel | Callable[[], None]]] = []
        self._numbers = count()
        self._thread: threading.Thread | None = None
        self._post = _Post()
        self._busy = 0
        self._closed = False
        # When what happens just now was due: what follows from it keeps its order even when the thread is late.
        self._moment: float | None = None

    def add(self, after: float, item: Letter | Parcel | Callable[[], None]) -> None:
        """Do it, or send it, after so many seconds."""
        if self._closed:
            return
        now = time.monotonic() if self._moment is None else self._moment
        heappush(self._waiting, (now + after, next(self._numbers), item))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="whatsapp-courier", daemon=True)
            self._thread.start()
        else:
            self._news.notify()

    def pending(self) -> int:
        """What waits or is under way: happenings, changes to tell, POSTs to repeat."""
        return len(self._waiting) + self._busy

    def hurry(self) -> int:
        """Everything that waits is due now, in its order."""
        now = time.monotonic()
        self._waiting = [(min(due, now), number, item) for due, number, item in sorted(self._waiting, key=_order)]
        self._news.notify()
        return len(self._waiting)

    def clear(self) -> None:
        self._waiting.clear()

    def retire(self) -> None:
        """Stop without waiting for the thread; the lock may be held."""
        with self._news:
            self._closed = True
            self._waiting.clear()
            self._news.notify_all()

    def close(self) -> None:
        """Stop; a POST under way is broken off."""
        with self._news:
            self.retire()
            thread = self._thread
        self._post.interrupt()
        if thread is not None:
            thread.join(_PATIENCE_SECONDS)

    def deliver(self, letters: list[Letter]) -> None:
        """Send these at once and wait for the answer. Called without the lock."""
        with self._news:
            parcels = [self._parcel([one]) for one in letters if self._address(one)]
        post = _Post()
        for parcel in parcels:
            status = post(parcel)
            with self._news:
                self._settle(parcel, status)
        post.close()

    # --- the thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._news:
                parcel = self._next()
                if parcel is None:
                    self._thread = None
                    break
                self._busy = len(parcel.letters)
            status = self._post(parcel)
            with self._news:
                self._busy = 0
                self._settle(parcel, status)
        self._post.close()

    def _next(self) -> Parcel | None:
        """The next POST; None when the thread may end. What merely happens is done on the way."""
        while not self._closed:
            if not self._waiting:
                if not self._news.wait(IDLE_SECONDS) and not self._waiting:
                    return None
                continue
            late = time.monotonic() - self._waiting[0][0]
            if late < 0:
                self._news.wait(-late)
                continue
            due, _number, item = heappop(self._waiting)
            if isinstance(item, Parcel):
                return item
            if isinstance(item, Letter):
                if self._address(item):
                    return self._parcel(self._more(item))
            else:
                self._happen(due, item)
        return None

    def _happen(self, due: float, step: Callable[[], None]) -> None:
        self._moment = due
        try:
            step()
        finally:
            self._moment = None

    def _more(self, first: Letter) -> list[Letter]:
        """Whatever else is due already and goes to the same address travels in the same POST."""
        letters, url, now = [first], self._address(first), time.monotonic()
        most = self._rules().most
        while self._waiting and len(letters) < most and self._waiting[0][0] <= now:
            due, _number, item = self._waiting[0]
            if isinstance(item, Parcel) or (isinstance(item, Letter) and self._address(item) != url):
                break
            heappop(self._waiting)
            if isinstance(item, Letter):
                letters.append(item)
            else:
                self._happen(due, item)
        return letters

    def _parcel(self, letters: list[Letter]) -> Parcel:
        return Parcel(self._address(letters[0]), body_of(letters), letters)

    def _settle(self, parcel: Parcel, status: int) -> None:
        for letter in parcel.letters:
            if letter.told is not None:
                letter.told(status)
        rules = self._rules()
        if status != 200 and parcel.attempts < rules.retries:
            self.add(rules.retry_after * 2**parcel.attempts, parcel)
            parcel.attempts += 1


def _order(entry: tuple[float, int, Any]) -> tuple[float, int]:
    return entry[0], entry[1]


# --- bodies ------------------------------------------------------------------------------------------------


def body_of(letters: list[Letter]) -> bytes:
    """The bytes of a POST. Like Meta's: non-ASCII characters and slashes are escaped."""
    entries: list[dict[str, Any]] = []
    for letter in letters:
        # A copy: what joins it must not change the letter, which may be sent again.
        value = {name: list(one) if isinstance(one, list) else one for name, one in letter.value.items()}
        change = {"value": value, "field": letter.field}
        if "metadata" not in value:
            entries.append({"id": letter.waba, "time": int(letter.at), "changes": [change]})
        elif not entries or entries[-1]["id"] != letter.waba or "time" in entries[-1]:
            entries.append({"id": letter.waba, "changes": [change]})
        elif not _joined(entries[-1]["changes"][-1], change):
            entries[-1]["changes"].append(change)
    body = {"object": "whatsapp_business_account", "entry": entries}
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def _joined(last: dict[str, Any], change: dict[str, Any]) -> bool:
    """Statuses of one number that follow each other share a value, with the contacts of all of them."""
    held, more = last["value"], change["value"]
    if "statuses" not in held or "statuses" not in more or held["metadata"] != more["metadata"]:
        return False
    held["statuses"] += more["statuses"]
    fresh = [one for one in more.get("contacts", []) if one not in held.get("contacts", [])]
    if fresh:
        held["contacts"] = held.get("contacts", []) + fresh
    return True


def signature(raw: bytes) -> str:
    return "sha256=" + hmac.new(APP_SECRET.encode(), raw, hashlib.sha256).hexdigest()


# --- the wire ----------------------------------------------------------------------------------------------


class _Post:
    """POSTs over connections that are kept. One thread uses and closes it; another may interrupt it."""

    def __init__(self) -> None:
        self._ended = False
        self._open: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def __call__(self, parcel: Parcel) -> int:
        """The answer's HTTP status; 0 when there was none."""
        target = urlsplit(parcel.url)
        key = (target.scheme, target.netloc)
        kept = key in self._open
        try:
            return self._once(key, target.path or "/", target.query, parcel.raw)
        except (OSError, http.client.HTTPException, ValueError):
            self._drop(key)
        if not kept or self._ended:
            return 0
        # The receiver has closed the kept connection meanwhile: that is no failure of its.
        try:
            return self._once(key, target.path or "/", target.query, parcel.raw)
        except (OSError, http.client.HTTPException, ValueError):
            self._drop(key)
            return 0

    def _once(self, key: tuple[str, str], path: str, query: str, raw: bytes) -> int:
        connection = self._open.get(key)
        if connection is None:
            connection = self._open[key] = connect(*key)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "Accept": "*/*",
            "X-Hub-Signature-256": signature(raw),
        }
        connection.request("POST", f"{path}?{query}" if query else path, raw, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.will_close:
            self._drop(key)
        return answer.status

    def _drop(self, key: tuple[str, str]) -> None:
        connection = self._open.pop(key, None)
        if connection is not None:
            connection.close()

    def interrupt(self) -> None:
        """Break off what is under way, for good. Only the sockets are touched: their owner closes them."""
        self._ended = True
        for connection in list(self._open.values()):
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for connection in self._open.values():
            connection.close()
        self._open.clear()


def connect(scheme: str, netloc: str) -> http.client.HTTPConnection:
    """ValueError when the address is none of HTTP's."""
    if scheme not in ("http", "https") or not netloc:
        raise ValueError("the address must begin with http:// or https://")
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    return kind(netloc, timeout=TIMEOUT_SECONDS)
