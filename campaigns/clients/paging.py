"""What all paged listings have in common: sizes that shrink on demand, and an end even when the platform errs."""

from collections import Counter

from campaigns.clients.base import ErrorKind, PlatformError

# A page served twice is common enough; one that comes back again and again will never end.
MAX_SEEN = 3


class CursorGuard:
    """Ends a listing whose cursors go in circles."""

    def __init__(self, platform: str):
        self._platform = platform
        self._seen: Counter[str] = Counter()

    def pass_on(self, cursor: str) -> str:
        """The cursor; BROKEN when it has come up too often."""
        self._seen[cursor] += 1
        if self._seen[cursor] > MAX_SEEN:
            raise PlatformError(
                "The listing goes in circles: the same page is announced again and again.",
                kind=ErrorKind.BROKEN,
                platform=self._platform,
            )
        return cursor


class PageSize:
    """How many rows to ask for; halved whenever that was too much, and kept small from then on."""

    def __init__(self, largest: int, *, smallest: int):
        self.now = largest
        self._smallest = smallest

    def halve(self) -> bool:
        """Ask for half as much from now on; False when it is as small as it may be."""
        if self.now // 2 < self._smallest:
            return False
        self.now //= 2
        return True
