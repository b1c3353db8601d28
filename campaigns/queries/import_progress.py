"""The progress of a running import, as its worker last told it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.core.cache import cache

from campaigns.models import ImportBatch

Phase = Literal["reading", "writing"]

# Reading takes about as long as writing.
_SHARES = {"reading": (0, 55), "writing": (55, 99)}


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` in the phase: bytes while reading, rows while writing."""

    phase: Phase
    done: int
    total: int

    @property
    def percent(self) -> int:
        """Of the whole import, 0–99."""
        start, end = _SHARES[self.phase]
        share = min(self.done / self.total, 1) if self.total else 0
        return int(start + (end - start) * share)

    @property
    def percent_of_phase(self) -> int:
        return int(100 * min(self.done / self.total, 1)) if self.total else 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def progress_key(tenant_id: int, batch_id: int) -> str:
    # The workspace is part of the key: an id alone would let a mix-up show another workspace's progress.
    return f"import-progress:{tenant_id}:{batch_id}"


def progress_of(batch: ImportBatch) -> Progress | None:
    """None: no worker has begun, or it is over."""
    told = cache.get(progress_key(batch.tenant_id, batch.pk))
    return Progress(**told) if told else None
