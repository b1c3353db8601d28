"""The one way to talk to an ad platform: time-outs, bounded retries, shared limits, logs without secrets.

A client hands over a request and a `classify` function that turns an answer into a PlatformError or None. What may be
repeated is decided here, once: reads, and writes that set a value (repeating 'status = paused' is harmless).
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog

from campaigns.clients.base import RETRYABLE, ErrorKind, LimitScope, PlatformError
from campaigns.clients.governor import Governor, Limit
from campaigns.clients.tokens import LiveTokens
from stratum.lib.masking import mask_text

log = structlog.get_logger(__name__)

TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=30.0, pool=10.0)
MAX_ATTEMPTS = 5
FIRST_DELAY, MAX_DELAY = 1.0, 60.0
# A worker does not sleep longer than this inside a call: a longer wait is the caller's to schedule.
MAX_PATIENCE = 90.0
MAX_BODY = 64 * 1024 * 1024
# An answer that trickles in keeps every single read within its time-out: the whole of it has an end too.
MAX_SECONDS = 300.0
# Where platforms put the id that their support asks for.
REQUEST_ID_HEADERS = ("request-id", "x-fb-trace-id", "x-tt-logid", "x-li-uuid", "x-request-id")

Classify = Callable[[httpx.Response], PlatformError | None]
# Looks at every answer, good or bad: for platforms that tell in headers how much of a limit is used.
Observe = Callable[["Call", httpx.Response], None]


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `endpoint` names it for limits and logs and never holds ids.

    `authorized` calls carry the connection's token, which the transport adds; calls for tokens do not. What may hold
    secrets is not part of its text.
    """

    endpoint: str
    method: str
    url: str = field(repr=False)
    params: dict[str, Any] | str | None = field(default=None, repr=False)
    json: Any = field(default=None, repr=False)
    form: dict[str, Any] | None = field(default=None, repr=False)
    headers: dict[str, str] | None = field(default=None, repr=False)
    repeatable: bool = True
    limit: Limit | None = None
    authorized: bool = True


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Transport:
    """Sends calls of one platform, app and account."""

    def __init__(
        self,
        *,
        platform: str,
        governor: Governor,
        classify: Classify,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
        tokens: LiveTokens | None = None,
        authorize: Callable[[str], Mapping[str, str]] = bearer,
        observe: Observe | None = None,
        secrets: Iterable[str] = (),
    ):
        self.platform = platform
        self.governor = governor
        self._classify = classify
        self._http = http or httpx.Client(timeout=TIMEOUT, follow_redirects=False)
        self._sleep = sleep
        self._tokens = tokens
        self._authorize = authorize
        self._observe = observe
        self._secrets = tuple(secrets)

    def send(self, call: Call) -> httpx.Response:
        """The answer; PlatformError when it failed for good, or when the wait is longer than MAX_PATIENCE."""
        waited = 0.0
        for attempt in range(1, MAX_ATTEMPTS + 1):
            waited += self._wait_for_admission(call, waited)
            response, error = self._try(call)
            if error is not None and error.kind is ErrorKind.EXPIRED and call.authorized:
                response, error = self._try_renewed(call, error)
            if error is None:
                self.governor.note_success()
                assert response is not None
                return response
            self._note(call, error, attempt)
            if not self._may_repeat(call, error, attempt):
                raise error
            delay = self._delay(error, attempt)
            if waited + delay > MAX_PATIENCE:
                raise error
            self._sleep(delay)
            waited += delay
        raise AssertionError("unreachable: the last attempt raises")

    def _wait_for_admission(self, call: Call, waited: float) -> float:
        spent = 0.0
        while (wait := self.governor.wait_for(call.endpoint, call.limit)) > 0:
            if waited + spent + wait > MAX_PATIENCE:
                raise PlatformError(
                    f"Waiting for the limit of {call.endpoint}.",
                    kind=ErrorKind.RATE,
                    platform=self.platform,
                    retry_after=wait,
                )
            self._sleep(wait)
            spent += wait
        return spent

    def _try_renewed(self, call: Call, expired: PlatformError) -> tuple[httpx.Response | None, PlatformError | None]:
        """Once more with a new token. A new token that is refused as well is a dead connection, not an old token."""
        if self._tokens is None:
            return None, expired
        log.info("platform.token_renewed", platform=self.platform, request_id=expired.request_id)
        self._tokens.renew()
        response, error = self._try(call)
        if error is not None and error.kind is ErrorKind.EXPIRED:
            error.kind = ErrorKind.AUTH
        return response, error

    def _try(self, call: Call) -> tuple[httpx.Response | None, PlatformError | None]:
        started = time.monotonic()
        headers = dict(call.headers or {})
        if call.authorized and self._tokens is not None:
            headers.update(self._authorize(self._tokens.access_token()))
        try:
            response = self._answer(call, headers, started)
        except httpx.TimeoutException as failure:
            return None, self._failure(f"No answer in time ({type(failure).__name__}).", ErrorKind.TRANSIENT)
        except (httpx.TransportError, httpx.DecodingError) as failure:
            return None, self._failure(f"No connection ({type(failure).__name__}).", ErrorKind.TRANSIENT)
        except PlatformError as failure:
            return None, failure
        if self._observe is not None:
            self._observe(call, response)
        error = self._classify(response)
        if error is not None:
            error.status = error.status or response.status_code
            error.request_id = error.request_id or request_id(response)
            error.redacted([*self._secrets, *(self._tokens.secrets() if self._tokens else ())])
        log.debug(
            "platform.call",
            platform=self.platform,
            endpoint=call.endpoint,
            status=response.status_code,
            took_ms=int((time.monotonic() - started) * 1000),
            failed=error.kind.value if error else None,
            request_id=error.request_id if error else request_id(response),
        )
        return response, error

    def _answer(self, call: Call, headers: dict[str, str], started: float) -> httpx.Response:
        """The whole answer, bounded in size and time."""
        with self._http.stream(
            call.method, call.url, params=call.params, json=call.json, data=call.form, headers=headers
        ) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_BODY:
                    raise self._failure(f"The answer has more than {MAX_BODY >> 20} MB.", ErrorKind.TOO_MUCH)
                if time.monotonic() - started > MAX_SECONDS:
                    raise self._failure("The answer did not end in time.", ErrorKind.TRANSIENT)
        # The body is decoded already: what says how it came must not be applied to it again.
        plain = [(k, v) for k, v in response.headers.multi_items() if k not in ("content-encoding", "content-length")]
        return httpx.Response(response.status_code, headers=plain, content=bytes(body), request=response.request)

    def _failure(self, message: str, kind: ErrorKind) -> PlatformError:
        return PlatformError(message, kind=kind, platform=self.platform)

    def _note(self, call: Call, error: PlatformError, attempt: int) -> None:
        if error.kind is ErrorKind.RATE:
            self._hold_back(call, error, attempt)
        elif error.kind in RETRYABLE:
            self.governor.note_failure()
        log.warning(
            "platform.call_failed",
            platform=self.platform,
            endpoint=call.endpoint,
            host=urlsplit(call.url).hostname,
            kind=error.kind.value,
            code=error.code,
            status=error.status,
            request_id=error.request_id,
            attempt=attempt,
            message=mask_text(str(error))[:300],
        )

    def _hold_back(self, call: Call, error: PlatformError, attempt: int) -> None:
        """Tell all workers whom the limit concerns, for as long as the platform asked."""
        seconds = error.retry_after or self._delay(error, attempt)
        if error.scope is LimitScope.APP:
            self.governor.block(seconds, whole_app=True)
        elif error.scope is LimitScope.APP_ENDPOINT:
            self.governor.block(seconds, endpoint=call.endpoint, whole_app=True)
        elif error.scope is LimitScope.ACCOUNT:
            self.governor.block(seconds)
        elif error.scope is LimitScope.ENDPOINT:
            self.governor.block(seconds, endpoint=call.endpoint)

    @staticmethod
    def _may_repeat(call: Call, error: PlatformError, attempt: int) -> bool:
        return call.repeatable and error.kind in RETRYABLE and attempt < MAX_ATTEMPTS

    @staticmethod
    def _delay(error: PlatformError, attempt: int) -> float:
        """What the platform asked for; else full jitter: any time up to the doubled step, to spread workers out."""
        if error.retry_after is not None:
            return error.retry_after
        return random.uniform(0, min(MAX_DELAY, FIRST_DELAY * 2**attempt))


def request_id(response: httpx.Response) -> str:
    """The platform's own id of this answer, empty when it gave none."""
    return next((response.headers[name] for name in REQUEST_ID_HEADERS if name in response.headers), "")
