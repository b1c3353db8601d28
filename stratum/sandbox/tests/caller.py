"""Calls into a sandbox without a socket, for the tests."""

import json
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from stratum.sandbox.app import Sandbox
from stratum.sandbox.wire import Request, Response
from stratum.sandbox.world import World

TODAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
FORM = "application/x-www-form-urlencoded"


class Wall:
    """The real clock, set by hand."""

    def __init__(self, at: float = NOON) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


class Answer:
    """A response, opened."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.text = response.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def location(self) -> dict[str, str]:
        """The fields that a redirect brings back."""
        return dict(parse_qsl(urlsplit(self.headers["location"]).query))


class Caller:
    """One sandbox with a clock of its own; market time is frozen unless a test moves it."""

    def __init__(self, *, seed: int = 7, speed: float = 0.0, **options: Any) -> None:
        self.wall = Wall()
        self.world = World(seed=seed, opening=TODAY, speed=speed, wall=self.wall, **options)
        self.sandbox = Sandbox(self.world)
        self._headers: dict[tuple[str, str], dict[str, str]] = {}

    def send(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | str = "",
        *,
        json_body: Any = None,
        form: dict[str, Any] | None = None,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        sent = {"host": "sandbox.test", **{name.lower(): value for name, value in (headers or {}).items()}}
        if json_body is not None:
            body, sent["content-type"] = json.dumps(json_body).encode(), "application/json"
        if form is not None:
            body, sent["content-type"] = urlencode(form, doseq=True).encode(), FORM
        raw = query if isinstance(query, str) else urlencode(query)
        return Answer(self.sandbox.handle(Request(method, path, raw, sent, body)))

    def control(self, path: str, method: str = "GET", **fields: Any) -> Any:
        if method == "GET":
            return self.send("GET", f"/_control/{path}", fields).json
        answer = self.send(method, f"/_control/{path}", json_body=fields)
        assert answer.status == 200, answer.text
        return answer.json

    def fault(self, kind: str, **fields: Any) -> Any:
        return self.control("faults", "POST", kind=kind, **fields)

    def tokens(self, platform: str, person: str = "ada") -> dict[str, Any]:
        return self.control("tokens", "POST", platform=platform, person=person)

    def auth(self, platform: str, person: str = "ada") -> dict[str, str]:
        """The headers of a logged-in caller."""
        known = self._headers.get((platform, person))
        if known is None:
            token = self.tokens(platform, person)["access_token"]
            known = {"authorization": f"Bearer {token}"}
            if platform == "tiktok":
                known = {"access-token": token}
            if platform == "linkedin":
                known |= {"linkedin-version": "202607", "x-restli-protocol-version": "2.0.0"}
            self._headers[platform, person] = known
        return known

    def get(self, platform: str, path: str, query: dict[str, Any] | str = "", **headers: str) -> Answer:
        return self.send("GET", path, query, headers={**self.auth(platform), **headers})

    def google(self, customer: str, text: str, verb: str = "search", **body: Any) -> Answer:
        account = self.world.account(customer)
        login = {"login-customer-id": account.manager} if account is not None and account.manager else {}
        return self.send(
            "POST",
            f"/v26/customers/{customer}/googleAds:{verb}",
            json_body={"query": text, **body},
            headers={**self.auth("google"), **login},
        )

    def advance(self, **step: float) -> None:
        self.control("advance", "POST", **step)
