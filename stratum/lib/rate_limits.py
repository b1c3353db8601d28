"""Small limits on how often something may be tried from one place, counted in the shared cache.

A fixed window: the first try opens it, tries within it are counted, and it ends by itself. Keys are hashed, so that
no address stands in the cache. When the cache does not answer, tries are let through: these limits guard against
abuse, and an outage of the cache must not lock everybody out.
"""

import hashlib
import logging
from dataclasses import dataclass

import redis
from django.core.cache import cache

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RateLimit:
    """At most `limit` tries in `seconds`, per key."""

    name: str
    limit: int
    seconds: int

    def hit(self, key: str) -> bool:
        """Count one try; whether it was within the limit."""
        name = self._name(key)
        try:
            cache.add(name, 0, self.seconds)
            return cache.incr(name) <= self.limit
        except ValueError:
            return True  # the window ended between the two calls
        except redis.RedisError:
            log.warning("The limit %s was not counted: the cache does not answer.", self.name)
            return True

    def is_spent(self, key: str) -> bool:
        """Whether the next try would be over the limit; counts nothing."""
        try:
            return cache.get(self._name(key), 0) >= self.limit
        except redis.RedisError:
            log.warning("The limit %s was not read: the cache does not answer.", self.name)
            return False

    @property
    def minutes(self) -> int:
        """The longest wait until a new window, in whole minutes."""
        return -(-self.seconds // 60)

    def _name(self, key: str) -> str:
        return f"limit:{self.name}:{hashlib.sha256(key.encode()).hexdigest()}"
