"""The one way to talk to an ad platform: time-outs, bounded retries, shared limits, logs without secrets.

A client hands over a request and a `classify` function that turns an answer into a PlatformError or None. What may be
repeated is decided here, once: reads, and writes that set a value (repeating 'status = paused' is harmless).
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog

from campaigns.clients.base import RETRYABLE, ErrorKind, PlatformError
from campaigns.clients.governor import Governor, Limit
from stratum.lib.masking import mask_text

log = structlog.get_logger(__name__)

TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=30.0, pool=10.0)
MAX_ATTEMPTS = 5
FIRST_DELAY, MAX_DELAY = 1.0, 60.0
# A worker does not sleep longer than this inside a call: a longer wait is the caller's to schedule.
MAX_PATIENCE = 90.0
MAX_BODY = 64 * 1024 * 1024

Classify = Callable[[httpx.Response], PlatformError | None]


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `endpoint` names it for limits and logs and never holds ids; `path` is below the base address."""

    endpoint: str
    method: str
    url: str
    params: dict[str, Any] | str | None = None
    json: Any = None
    form: dict[str, Any] | None = None
    headers: dict[str, str] | None = None
    repeatable: bool = True
    limit: Limit | None = None


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
    ):
        self.platform = platform
        self.governor = governor
        self._classify = classify
        self._http = http or httpx.Client(timeout=TIMEOUT, follow_redirects=False)
        self._sleep = sleep

    def send(self, call: Call) -> httpx.Response:
        """The answer; PlatformError when it failed for good, or when the wait is longer than MAX_PATIENCE."""
        waited = 0.0
        for attempt in range(1, MAX_ATTEMPTS + 1):
            waited += self._wait_for_admission(call, waited)
            response, error = self._try(call)
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

    def _try(self, call: Call) -> tuple[httpx.Response | None, PlatformError | None]:
        started = time.monotonic()
        try:
            response = self._http.request(
                call.method, call.url, params=call.params, json=call.json, data=call.form, headers=call.headers
            )
        except httpx.TimeoutException as failure:
            return None, self._failure(f"No answer in time ({type(failure).__name__}).", ErrorKind.TRANSIENT)
        except httpx.TransportError as failure:
            return None, self._failure(f"No connection ({type(failure).__name__}).", ErrorKind.TRANSIENT)
        error = self._classify(response)
        log.debug(
            "platform.call",
            platform=self.platform,
            endpoint=call.endpoint,
            status=response.status_code,
            took_ms=int((time.monotonic() - started) * 1000),
            failed=error.kind.value if error else None,
            request_id=error.request_id if error else None,
        )
        return response, error

    def _failure(self, message: str, kind: ErrorKind) -> PlatformError:
        return PlatformError(message, kind=kind, platform=self.platform)

    def _note(self, call: Call, error: PlatformError, attempt: int) -> None:
        if error.kind is ErrorKind.RATE:
            self.governor.block(error.retry_after or self._delay(error, attempt), endpoint=call.endpoint)
        elif error.kind in RETRYABLE:
            self.governor.note_failure()
        log.warning(
            "platform.call_failed",
            platform=self.platform,
            endpoint=call.endpoint,
            host=urlsplit(call.url).hostname,
            kind=error.kind.value,
            code=error.code,
            request_id=error.request_id,
            attempt=attempt,
            message=mask_text(str(error))[:300],
        )

    @staticmethod
    def _may_repeat(call: Call, error: PlatformError, attempt: int) -> bool:
        return call.repeatable and error.kind in RETRYABLE and attempt < MAX_ATTEMPTS

    @staticmethod
    def _delay(error: PlatformError, attempt: int) -> float:
        """What the platform asked for; else full jitter: any time up to the doubled step, to spread workers out."""
        if error.retry_after is not None:
            return error.retry_after
        return random.uniform(0, min(MAX_DELAY, FIRST_DELAY * 2**attempt))
