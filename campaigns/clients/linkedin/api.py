"""Calls of LinkedIn's API: versioned addresses, Rest.li queries, pages, partial updates."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.clients import restli
from campaigns.clients.answers import parsed, reading
from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.clients.governor import Limit
from campaigns.clients.linkedin.errors import COUNT_WAIT, PLATFORM
from campaigns.clients.paging import CursorGuard
from campaigns.clients.transport import Call, Transport
from campaigns.clients.wiring import Wiring

# A token that was handed out just now may be refused for some seconds.
NEW_TOKEN_PAUSE = 10.0
# After a throttle that outlasted a call's patience.
LONGER_WAIT = 120.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where LinkedIn is: the API, the consent and token pages, and the API's version (YYYYMM; it has no default)."""

    api_base: str
    oauth_base: str
    version: str


class Api:
    """The API for one token."""

    def __init__(self, transport: Transport, addresses: Addresses, wiring: Wiring):
        self._transport = transport
        self._addresses = addresses
        self._wiring = wiring
        self._may_be_new = wiring.tokens is not None
        self._headers = {"Linkedin-Version": addresses.version, "X-Restli-Protocol-Version": "2.0.0"}

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        endpoint: str,
        fields: Iterable[str] = (),
        limit: Limit | None = None,
    ) -> dict[str, Any]:
        # The query is part of the address: as parameters it would be encoded once more.
        text = restli.query(params or {}, fields=fields)
        url = f"{self._url(path)}?{text}" if text else self._url(path)
        return self._body(Call(endpoint, "GET", url, headers=self._headers, limit=limit))

    def pages(self, path: str, params: Mapping[str, Any], *, endpoint: str) -> Iterator[list[dict[str, Any]]]:
        """All pages of a search. Only the absence of a token ends it: pages may be short, or empty."""
        guard = CursorGuard(PLATFORM)
        token = ""
        while True:
            body = self.get(path, {**params, **({"pageToken": token} if token else {})}, endpoint=endpoint)
            with reading(PLATFORM, endpoint):
                rows = body["elements"]
                if not isinstance(rows, list):
                    raise TypeError("elements is not a list")
                token = (body.get("metadata") or {}).get("nextPageToken") or ""
            if rows:
                yield rows
            if not token:
                return
            guard.pass_on(token)

    def set(self, path: str, values: dict[str, Any], *, endpoint: str) -> None:
        """Write single values of an object. The answer is empty; sending it twice does no harm."""
        headers = {**self._headers, "X-RestLi-Method": "PARTIAL_UPDATE"}
        self._send(Call(endpoint, "POST", self._url(path), json={"patch": {"$set": values}}, headers=headers))

    def token(self, form: dict[str, str], *, repeatable: bool) -> dict[str, Any]:
        """What the token page answers to a form."""
        url = f"{self._addresses.oauth_base}/oauth/v2/accessToken"
        return self._body(Call("oauth", "POST", url, form=form, authorized=False, repeatable=repeatable))

    def _body(self, call: Call) -> dict[str, Any]:
        response = self._send(call)
        with reading(PLATFORM, call.endpoint):
            body = parsed(response)
            if not isinstance(body, dict):
                raise TypeError("not an object")
        return body

    def _send(self, call: Call) -> Any:
        try:
            return self._transport.send(call)
        except PlatformError as error:
            if self._could_be_too_new(call, error):
                self._may_be_new = False
                self._wiring.sleep(NEW_TOKEN_PAUSE)
                return self._transport.send(call)
            if error.kind is ErrorKind.RATE and error.retry_after == COUNT_WAIT:
                error.retry_after = LONGER_WAIT
            raise

    def _could_be_too_new(self, call: Call, error: PlatformError) -> bool:
        """Whether a token was refused that may only be too young; asked once for each client."""
        refused = error.kind is ErrorKind.AUTH and error.status in (None, 401)
        return self._may_be_new and call.authorized and refused

    def _url(self, path: str) -> str:
        return f"{self._addresses.api_base}/rest/{path}"
