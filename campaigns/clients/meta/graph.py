"""Calls of the Graph API: addresses, versions, signatures, pages."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from campaigns.clients.answers import parsed, reading
from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.clients.meta.errors import PLATFORM
from campaigns.clients.paging import CursorGuard, PageSize
from campaigns.clients.tokens import LiveTokens
from campaigns.clients.transport import Call, Transport

# Campaigns, ad sets and accounts a page; insights have a size of their own.
LARGEST_PAGE, SMALLEST_PAGE = 100, 25


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Meta is: the Graph API, the consent dialog, and the version of both."""

    api_base: str
    dialog_base: str
    version: str


class Graph:
    """The Graph API for one token. Tokens travel in the Authorization header, never in an address."""

    def __init__(self, transport: Transport, tokens: LiveTokens, addresses: Addresses, *, app_secret: str):
        self._transport = transport
        self._tokens = tokens
        self._addresses = addresses
        self._app_secret = app_secret

    def get(self, path: str, params: dict[str, Any], *, endpoint: str) -> dict[str, Any]:
        """The object at a path. PlatformError when it is none."""
        return self._object(
            Call(endpoint, "GET", self._url(path), params={**params, **self._proof()}), what=f"GET {endpoint}"
        )

    def post(self, path: str, form: dict[str, Any], *, endpoint: str) -> dict[str, Any]:
        """What Meta answers to a form. May be sent twice: all our forms set a value or ask for a report."""
        return self._object(
            Call(endpoint, "POST", self._url(path), form={**form, **self._proof()}), what=f"POST {endpoint}"
        )

    def get_unauthorized(self, path: str, params: dict[str, Any], *, headers: dict[str, str] | None = None) -> Any:
        """The object at a path that no connection's token is for."""
        call = Call("oauth", "GET", self._url(path), params=params, headers=headers, authorized=False)
        return self._object(call, what="GET oauth")

    def pages(
        self, path: str, params: dict[str, Any], *, endpoint: str, size: PageSize | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """All pages of an edge, empty ones left out; `size` shrinks when Meta finds a page too much.

        Only the absence of `next` ends a listing: a page may be empty and have one. `next` itself holds the token and
        names a host, so it is never followed; the cursor is taken out of the answer instead.
        """
        size = size or PageSize(LARGEST_PAGE, smallest=SMALLEST_PAGE)
        guard = CursorGuard(PLATFORM)
        after: str | None = None
        while True:
            cursor = {"after": after} if after else {}
            try:
                body = self.get(path, {**params, "limit": str(size.now), **cursor}, endpoint=endpoint)
            except PlatformError as error:
                if error.kind is ErrorKind.TOO_MUCH and size.halve():
                    continue
                raise
            with reading(PLATFORM, endpoint):
                rows, after = _page(body)
            if rows:
                yield rows
            if after is None:
                return
            guard.pass_on(after)

    def _object(self, call: Call, *, what: str) -> dict[str, Any]:
        response = self._transport.send(call)
        with reading(PLATFORM, what):
            body = parsed(response)
            if not isinstance(body, dict):
                raise TypeError("not an object")
        return body

    def _url(self, path: str) -> str:
        return f"{self._addresses.api_base}/{self._addresses.version}/{path}"

    def _proof(self) -> dict[str, str]:
        """The signature that apps with "require app secret" demand, and that the others take."""
        if not self._app_secret:
            return {}
        token = self._tokens.access_token()
        return {"appsecret_proof": hmac.new(self._app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()}


def _page(body: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of a page and the cursor of the next one, None on the last."""
    rows = body["data"]
    if not isinstance(rows, list):
        raise TypeError("data is not a list")
    paging = body.get("paging") or {}
    if "next" not in paging:
        return rows, None
    after = (paging.get("cursors") or {}).get("after") or "".join(
        parse_qs(urlsplit(paging["next"]).query).get("after", [])[:1]
    )
    if not after:
        raise ValueError("a next page without a cursor")
    return rows, after
