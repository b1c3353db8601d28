"""How far an import is, in Redis: readable while its one transaction is still open."""

import time
from collections.abc import Callable

from django.core.cache import cache

from campaigns.models import ImportBatch
from campaigns.queries.import_progress import Phase, Progress, progress_key

_KEEP_SECONDS = 3600
# Often enough for a bar that moves, seldom enough to cost nothing.
_EVERY_SECONDS = 0.3


class ProgressReporter:
    """Writes the progress of one import, a few times a second at most."""

    def __init__(self, batch: ImportBatch):
        self._key = progress_key(batch.tenant_id, batch.pk)
        self._next = 0.0

    def tell(self, phase: Phase, done: int, total: int) -> None:
        now = time.monotonic()
        if now < self._next and done < total:
            return
        self._next = now + _EVERY_SECONDS
        cache.set(self._key, Progress(phase, done, total).to_json(), _KEEP_SECONDS)

    def of(self, phase: Phase) -> Callable[[int, int], None]:
        """A callback (done, total) for one phase."""
        return lambda done, total: self.tell(phase, done, total)

    def forget(self) -> None:
        cache.delete(self._key)
