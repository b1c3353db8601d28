"""Calls of the Google Ads API: queries page by page, mutates, headers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from campaigns.clients.answers import parsed, reading
from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.clients.google_ads.errors import PAGE_TOKENS, PLATFORM
from campaigns.clients.google_ads.rows import digits
from campaigns.clients.governor import Limit
from campaigns.clients.paging import CursorGuard
from campaigns.clients.transport import Call, Transport

DAY = 86400.0
MAX_RESTARTS = 2


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Google is: the API and its version, the token endpoint's host, the consent page's host.

    `developer_token` is a header that older set-ups still send. `daily_operations` is the Cloud project's allowance,
    spread over the day for all tenants together; 0 when nobody counts it here.
    """

    api_base: str
    version: str
    oauth_base: str
    consent_base: str
    developer_token: str = ""
    daily_operations: int = 0


class GoogleAds:
    """The API for one person's token."""

    def __init__(self, transport: Transport, addresses: Addresses):
        self._transport = transport
        self._addresses = addresses
        operations = addresses.daily_operations
        # No header tells what is left of the allowance: it is counted, a quarter of the day's may go at once.
        self._limit = Limit(operations, DAY, max(1, operations // 4), name="operations") if operations else None

    def accessible_customers(self) -> list[str]:
        """Ids of the customers that the person was granted directly, managers among them; no children."""
        body = self._send("GET", "customers:listAccessibleCustomers", None, endpoint="customers", login_id="")
        with reading(PLATFORM, "customers"):
            return [str(name).rpartition("/")[2] for name in body.get("resourceNames", [])]

    def search(self, customer_id: str, query: str, *, login_id: str = "") -> Iterator[list[dict[str, Any]]]:
        """All pages of a query (10,000 rows each, a size that cannot be chosen), empty ones left out.

        A page token that has run out starts the query over, and rows come again: callers keep them by their key.
        """
        token, restarts, guard = "", 0, CursorGuard(PLATFORM)
        path = f"customers/{digits(customer_id)}/googleAds:search"
        while True:
            asked = {"query": query, "pageToken": token} if token else {"query": query}
            try:
                body = self._send("POST", path, asked, endpoint="search", login_id=login_id)
            except PlatformError as error:
                if error.code not in PAGE_TOKENS:
                    raise
                if not token or restarts == MAX_RESTARTS:
                    error.kind = ErrorKind.BROKEN  # Google's trouble, not a wrong question: later it may go through
                    raise
                token, restarts, guard = "", restarts + 1, CursorGuard(PLATFORM)
                continue
            with reading(PLATFORM, "a query"):
                # Without rows there is no `results`, on the last page no `nextPageToken`.
                rows, token = list(body.get("results", [])), str(body.get("nextPageToken") or "")
            if rows:
                yield rows
            if not token:
                return
            guard.pass_on(token)

    def mutate(
        self,
        customer_id: str,
        resource: str,
        update: dict[str, Any],
        mask: str,
        *,
        login_id: str = "",
        validate_only: bool = False,
    ) -> None:
        """Set one field of one resource, or only rehearse it. Setting it twice is setting it once."""
        body = {
            "operations": [{"updateMask": mask, "update": update}],
            "partialFailure": False,
            "validateOnly": validate_only,
        }
        path = f"customers/{digits(customer_id)}/{resource}:mutate"
        self._send("POST", path, body, endpoint="mutate", login_id=login_id)

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """What the token endpoint answers."""
        url = f"{self._addresses.oauth_base}/token"
        return self._object(Call("oauth", "POST", url, form=form, authorized=False))

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, *, endpoint: str, login_id: str
    ) -> dict[str, Any]:
        headers: dict[str, str] = {}
        if login_id:
            headers["login-customer-id"] = digits(login_id)
        if self._addresses.developer_token:
            headers["developer-token"] = self._addresses.developer_token
        url = f"{self._addresses.api_base}/{self._addresses.version}/{path}"
        return self._object(Call(endpoint, method, url, json=body, headers=headers, limit=self._limit))

    def _object(self, call: Call) -> dict[str, Any]:
        response = self._transport.send(call)
        with reading(PLATFORM, call.endpoint):
            body = parsed(response)
            if not isinstance(body, dict):
                raise TypeError("not an object")
        return body
