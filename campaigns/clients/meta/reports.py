"""Getting insights out of Meta when there are many: smaller pages, fewer days, and in the end reports it makes alone.

A report run is asked for, polled, and then read page by page. What is known of a run is shared over Redis: a worker
that has to give up waiting, or dies, leaves it to the next, which takes up the same run.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from datetime import date
from typing import Any, TypeVar

import structlog

from campaigns.clients.answers import reading, whole
from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.clients.meta.errors import PLATFORM, is_missing_object, kind_of
from campaigns.clients.meta.graph import Graph
from campaigns.clients.paging import PageSize
from campaigns.clients.windows import Window, slices
from campaigns.clients.wiring import Wiring

log = structlog.get_logger(__name__)

T = TypeVar("T")
Read = Callable[[dict[str, Any]], tuple[Hashable, T]]

SLICE_DAYS = 14
LARGEST_PAGE, SMALLEST_PAGE = 500, 50

FIRST_POLL, MAX_POLL = 10.0, 300.0
NOT_STARTED_AFTER, NOT_FINISHED_AFTER = 300.0, 1800.0
# A run that was just made may be unknown for a moment to the server that answers.
BIRTH = 60.0
REMEMBER_SECONDS = 3600
STATUS_FIELDS = (
    "id,async_status,async_percent_completion,error_code,error_subcode,error_message,error_user_title,error_user_msg"
)
_FAILED = frozenset({"Job Failed", "Job Skipped"})


class Insights:
    """Rows of one question about one account."""

    def __init__(self, graph: Graph, wiring: Wiring, account_path: str, params: dict[str, str]):
        self._graph = graph
        self._wiring = wiring
        self._path = f"{account_path}/insights"
        self._params = params
        self._size = PageSize(LARGEST_PAGE, smallest=SMALLEST_PAGE)
        self._by_report = False
        self._failed_days: set[date] = set()

    def rows(self, start: date, end: date, read: Read[T], *, slice_days: int = SLICE_DAYS) -> Iterator[T]:
        """Every row of the days from start to end, both included, once each.

        A window's rows are handed out when it is complete, so a window that proves too much leaves nothing behind.
        """
        waiting = deque(slices(start, end, days=slice_days))
        while waiting:
            window = waiting.popleft()
            try:
                found = self._window(window, read)
            except PlatformError as error:
                if error.kind is not ErrorKind.TOO_MUCH:
                    raise
                waiting.extendleft(reversed(self._smaller(window, error)))
                continue
            yield from found

    def _smaller(self, window: Window, error: PlatformError) -> list[Window]:
        """What to ask for instead: halves of the days, then the same day by a report, then that day once more."""
        log.info("meta.insights_too_much", days=window.days, by_report=self._by_report, code=error.code)
        if window.days > 1:
            return list(window.halves())
        if not self._by_report:
            self._by_report = True
        elif window.start in self._failed_days:
            raise error
        else:
            self._failed_days.add(window.start)
        return [window]

    def _window(self, window: Window, read: Read[T]) -> list[T]:
        params = {**self._params, "time_range": f'{{"since":"{window.start}","until":"{window.end}"}}'}
        if self._by_report:
            pages = ReportRun(self._graph, self._wiring, self._path, params).pages(self._size)
        else:
            pages = self._graph.pages(self._path, params, endpoint="insights", size=self._size)
        found: dict[Hashable, T] = {}
        for page in pages:
            with reading(PLATFORM, "insights"):
                for row in page:
                    key, value = read(row)
                    # A page that is served twice must not count twice.
                    found.setdefault(key, value)
        return list(found.values())


class ReportRun:
    """One report that Meta makes on its side."""

    def __init__(self, graph: Graph, wiring: Wiring, path: str, params: dict[str, str]):
        self._graph = graph
        self._wiring = wiring
        self._path = path
        self._params = params
        self._about = [path, params]

    def pages(self, size: PageSize) -> Iterator[list[dict[str, Any]]]:
        """The finished report. TOO_MUCH when Meta could not make it, RATE when it needs more time than we may wait."""
        known = self._wiring.memory.recall(self._about)
        run, since = (known["run"], known["since"]) if known else self._submit()
        try:
            self._wait(run, since)
            yield from self._graph.pages(f"{run}/insights", {}, endpoint="insights_report", size=size)
        except PlatformError as error:
            if error.kind in (ErrorKind.TOO_MUCH, ErrorKind.INPUT, ErrorKind.PERMISSION):
                self._wiring.memory.forget(self._about)
            if not is_missing_object(error):
                raise
            # Runs do not live for ever, and some get lost: that says nothing about our rights to the account.
            if not known:
                raise self._error(str(error), ErrorKind.TOO_MUCH, "local.report_lost") from error
            yield from ReportRun(self._graph, self._wiring, self._path, self._params).pages(size)
            return
        self._wiring.memory.forget(self._about)

    def _submit(self) -> tuple[str, float]:
        body = self._graph.post(self._path, self._params, endpoint="insights_report")
        with reading(PLATFORM, "a report run"):
            run = str(body["report_run_id"])
        since = self._clock()
        self._wiring.memory.remember(self._about, {"run": run, "since": since}, seconds=REMEMBER_SECONDS)
        return run, since

    def _wait(self, run: str, since: float) -> None:
        waited, delay = 0.0, FIRST_POLL
        while not self._is_complete(run, age=self._clock() - since):
            if waited + delay > self._wiring.patience:
                raise PlatformError(
                    "Meta is still making the report.",
                    kind=ErrorKind.RATE,
                    platform=PLATFORM,
                    code="local.report_running",
                    retry_after=delay,
                )
            self._wiring.sleep(delay)
            waited += delay
            delay = min(delay * 2, MAX_POLL)

    def _is_complete(self, run: str, *, age: float) -> bool:
        try:
            body = self._graph.get(run, {"fields": STATUS_FIELDS}, endpoint="insights_report")
        except PlatformError as error:
            if is_missing_object(error) and age < BIRTH:
                return False
            raise
        status = body.get("async_status")
        if status in _FAILED:
            raise self._failure(body)
        # 'Completed' is said a moment before the last rows are there.
        if status == "Job Completed" and whole(body.get("async_percent_completion")) == 100:
            return True
        if age > (NOT_STARTED_AFTER if status == "Job Not Started" else NOT_FINISHED_AFTER):
            raise self._error(f"The report did not end in time ({status}).", ErrorKind.TOO_MUCH, "local.report_overdue")
        return False

    def _failure(self, body: dict[str, Any]) -> PlatformError:
        """Why a run failed. Reasons that a smaller report would not share keep their kind."""
        code, subcode = int(body.get("error_code") or 0), int(body.get("error_subcode") or 0)
        message = str(body.get("error_user_msg") or body.get("error_message") or body.get("async_status"))
        kind = kind_of(code, subcode, message)
        lasting = (ErrorKind.AUTH, ErrorKind.PERMISSION, ErrorKind.RATE, ErrorKind.INPUT)
        return self._error(message, kind if kind in lasting else ErrorKind.TOO_MUCH, f"{code}/{subcode}")

    def _error(self, message: str, kind: ErrorKind, code: str) -> PlatformError:
        return PlatformError(message, kind=kind, platform=PLATFORM, code=code)

    def _clock(self) -> float:
        return self._wiring.now().timestamp()
