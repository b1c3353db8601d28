"""Calls of TikTok's API: addresses, the envelope, pages, and how long to stay away after a limit."""

import json
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from campaigns.clients.answers import parsed, reading
from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.clients.governor import Governor, Limit
from campaigns.clients.memory import Memory
from campaigns.clients.tiktok.errors import MINUTE_WAIT, PARTIAL, PLATFORM
from campaigns.clients.transport import Call, Transport

PAGE_SIZE = 1000
# The lowest tier of app registrations, for each endpoint: 10 a second, 600 a minute.
LIMIT = Limit(calls=10, period=1.0, burst=5)
# After a limit that would not pass within a call's patience: five minutes, then an hour at a time.
PARKED_AGAIN, PARKED_MEMORY = 3600.0, 7200
GATEWAY_WAIT = 300.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where TikTok is: the API, the consent page, and the version of the first."""

    api_base: str
    consent_base: str
    version: str


class Api:
    """The API for one token. Every path ends in a slash: without it the gateway answers 404."""

    def __init__(self, transport: Transport, addresses: Addresses, *, governor: Governor, memory: Memory):
        self._transport = transport
        self._base = f"{addresses.api_base}/open_api/{addresses.version}"
        self._governor = governor
        self._memory = memory

    def get(self, path: str, params: dict[str, Any], *, endpoint: str) -> dict[str, Any]:
        """`data` of the answer. Lists and objects among the parameters travel as JSON text."""
        texts = {name: value if isinstance(value, str) else compact(value) for name, value in params.items()}
        return self._data(Call(endpoint, "GET", self._url(path), params=texts, limit=LIMIT))

    def post(
        self, path: str, body: dict[str, Any], *, endpoint: str, authorized: bool = True, repeatable: bool = True
    ) -> dict[str, Any]:
        """`data` of the answer to a write. `error_list` is all that a partial success is told by: see refused_items."""
        call = Call(
            endpoint,
            "POST",
            self._url(path),
            json=body,
            limit=LIMIT,
            authorized=authorized,
            repeatable=repeatable,
        )
        return self._data(call)

    def pages(
        self,
        path: str,
        params: dict[str, Any],
        *,
        endpoint: str,
        key: Callable[[dict[str, Any]], Hashable],
        page_size: int = PAGE_SIZE,
    ) -> Iterator[list[dict[str, Any]]]:
        """All pages of a listing, each row once. BROKEN when fewer rows came than the first page announced."""
        seen: set[Hashable] = set()
        announced, page = None, 1
        while True:
            data = self.get(path, {**params, "page": str(page), "page_size": str(page_size)}, endpoint=endpoint)
            with reading(PLATFORM, endpoint):
                info = data["page_info"]
                rows = {key(row): row for row in data["list"]}
                total, last = int(info["total_number"]), int(info["total_page"])
            announced = total if announced is None else announced
            fresh = [row for name, row in rows.items() if name not in seen]
            seen.update(rows)
            if fresh:
                yield fresh
            if page >= last:
                break
            page += 1
        if len(seen) < announced:
            raise PlatformError(
                f"TikTok announced {announced} rows and gave {len(seen)}.", kind=ErrorKind.BROKEN, platform=PLATFORM
            )

    def _data(self, call: Call) -> dict[str, Any]:
        try:
            response = self._transport.send(call)
        except PlatformError as error:
            raise self._with_wait(error, call) from error.__cause__
        with reading(PLATFORM, call.endpoint):
            body = parsed(response)
            data = body.get("data") or {}
            if not isinstance(data, dict):
                raise TypeError("data is not an object")
            if int(body["code"]) == PARTIAL:
                data.setdefault("error_list", [])
        return data

    def _with_wait(self, error: PlatformError, call: Call) -> PlatformError:
        """Gateways ask for about five minutes; of a limit nothing tells which one it was, so the pauses grow."""
        if error.retry_after is not None:
            return error
        if error.kind is ErrorKind.RATE:
            asked = call.json if call.json is not None else call.params
            about = {"parked": asked.get("advertiser_id", "") if isinstance(asked, dict) else ""}
            again = self._memory.recall(about) is not None
            self._memory.remember(about, {}, seconds=PARKED_MEMORY)
            error.retry_after = PARKED_AGAIN if again else MINUTE_WAIT
            self._governor.block(error.retry_after)
        elif error.kind is ErrorKind.TRANSIENT and error.status is not None and error.status >= 500:
            error.retry_after = GATEWAY_WAIT
        return error

    def _url(self, path: str) -> str:
        return f"{self._base}/{path}/"


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def refused_items(data: dict[str, Any], id_name: str) -> dict[str, str]:
    """Ids that a write with several items did not change, and TikTok's reasons."""
    refused = data.get("error_list") or []
    return {str(item[id_name]): str(item.get("error_message") or "TikTok gave no reason.") for item in refused}
