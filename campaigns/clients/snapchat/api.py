"""Calls of Snapchat's API: addresses, pages that name hosts, and a refusal that may pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from campaigns.clients.answers import parsed, reading
from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.clients.governor import Limit
from campaigns.clients.paging import CursorGuard
from campaigns.clients.snapchat.errors import PLATFORM
from campaigns.clients.transport import Call, Transport

# Twenty calls a second for the app, whatever they ask for.
LIMIT = Limit(calls=20, period=1.0, burst=10, name="all")
PAGE_SIZE = 1000
# Hosts that the API names in links to itself.
_OWN_HOSTS = frozenset({"adsapi.snapchat.com", "adsapisc.appspot.com"})
# 403 is answered now and then to callers that have the permission.
REFUSED_REPEATS, REFUSED_PAUSE = 2, 2.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Snapchat is: the API, the consent and token pages, and the version of the first."""

    api_base: str
    oauth_base: str
    version: str


class Api:
    """The API for one token."""

    def __init__(self, transport: Transport, addresses: Addresses, *, sleep: Callable[[float], None]):
        self._transport = transport
        self._addresses = addresses
        self._sleep = sleep

    def get(self, path: str, params: dict[str, Any] | None = None, *, endpoint: str) -> dict[str, Any]:
        """The whole answer. PlatformError when it, or an item in it, failed."""
        return self._body(Call(endpoint, "GET", self._url(path), params=params or None, limit=LIMIT))

    def put(self, path: str, body: dict[str, Any], *, endpoint: str) -> dict[str, Any]:
        """The answer to a write. PUT sets values: sending it again after a lost answer does no harm."""
        return self._body(Call(endpoint, "PUT", self._url(path), json=body, limit=LIMIT))

    def token(self, form: dict[str, str], *, repeatable: bool) -> dict[str, Any]:
        """What the token page answers to a form."""
        url = f"{self._addresses.oauth_base}/login/oauth2/access_token"
        return self._body(Call("oauth", "POST", url, form=form, authorized=False, repeatable=repeatable))

    def pages(self, path: str, params: dict[str, Any], *, endpoint: str) -> Iterator[dict[str, Any]]:
        """All pages of a listing. The links between them are absolute addresses: see _next."""
        guard = CursorGuard(PLATFORM)
        call = Call(endpoint, "GET", self._url(path), params=params, limit=LIMIT)
        while True:
            body = self._body(call)
            with reading(PLATFORM, endpoint):
                link = (body.get("paging") or {}).get("next_link")
            yield body
            if not link:
                return
            call = Call(endpoint, "GET", guard.pass_on(self._next(str(link), path)), limit=LIMIT)

    def records(self, path: str, things: str, thing: str, *, endpoint: str) -> Iterator[list[dict[str, Any]]]:
        """The objects of a listing, page by page: {things: [{thing: object}]}."""
        for body in self.pages(path, {"limit": str(PAGE_SIZE)}, endpoint=endpoint):
            with reading(PLATFORM, endpoint):
                page = [item[thing] for item in body.get(things) or []]
            if page:
                yield page

    def _next(self, link: str, path: str) -> str:
        """The next page at the configured address. BROKEN for a link that would send the token somewhere else."""
        parts = urlsplit(link)
        own = urlsplit(self._addresses.api_base)
        trusted = (parts.scheme == "https" and parts.netloc in _OWN_HOSTS) or parts[:2] == own[:2]
        if not trusted or not parts.path.endswith(f"/{self._addresses.version}/{path}"):
            raise PlatformError(
                "The next page is said to be somewhere else; it was not asked for.",
                kind=ErrorKind.BROKEN,
                platform=PLATFORM,
                code="local.foreign_link",
            )
        return f"{self._url(path)}?{parts.query}"

    def _body(self, call: Call) -> dict[str, Any]:
        for attempt in range(REFUSED_REPEATS + 1):
            try:
                response = self._transport.send(call)
                break
            except PlatformError as error:
                if error.status != 403 or attempt == REFUSED_REPEATS:
                    raise
                self._sleep(REFUSED_PAUSE * 2**attempt)
        with reading(PLATFORM, call.endpoint):
            body = parsed(response)
            if not isinstance(body, dict):
                raise TypeError("not an object")
        return body

    def _url(self, path: str) -> str:
        return f"{self._addresses.api_base}/{self._addresses.version}/{path}"
