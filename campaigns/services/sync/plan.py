"""Which steps a sync takes: the listing, the days that the platform may still restate; once a day more than that.

The deep sync of the day reads all of FIRST_DAYS, for conversions that come later than the usual window (Google books
them for up to 90 days), and the breakdowns.
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from campaigns.clients.windows import Window, day_in, slices
from campaigns.models import AdAccount

FIRST_DAYS = 90
# What is fetched, held in memory and committed at once: small enough to lose little when a worker dies.
CHUNK_DAYS = 14
BREAKDOWN_DAYS = 28
# Once a day, whatever the hour at which syncs happen to start.
DEEP_EVERY = timedelta(hours=20)


@dataclass(frozen=True, slots=True)
class Step:
    """`kind` is campaigns, days or breakdowns; the days are the account's, both included."""

    kind: str
    start: date | None = None
    end: date | None = None

    def to_json(self) -> dict[str, Any]:
        return {key: value.isoformat() if isinstance(value, date) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Step":
        start, end = (date.fromisoformat(stored[key]) if stored[key] else None for key in ("start", "end"))
        return cls(stored["kind"], start, end)

    @property
    def window(self) -> Window:
        """Of days and breakdowns."""
        assert self.start is not None
        assert self.end is not None
        return Window(self.start, self.end)


def sync_plan(account: AdAccount, *, restatement_days: int, now: datetime) -> list[Step]:
    """The steps of a sync that begins now. Newest days first: what people look at is there soonest."""
    today = day_in(now, account.timezone)
    last = account.deep_synced_at
    deep = last is None or now - last >= DEEP_EVERY
    earliest = today - timedelta(days=FIRST_DAYS - 1)
    first = earliest if deep else max(earliest, today - timedelta(days=restatement_days))
    chunks = list(slices(first, today, days=CHUNK_DAYS))
    steps = [Step("campaigns"), *(Step("days", chunk.start, chunk.end) for chunk in reversed(chunks))]
    if deep:
        steps.append(Step("breakdowns", today - timedelta(days=BREAKDOWN_DAYS - 1), today))
    return steps
