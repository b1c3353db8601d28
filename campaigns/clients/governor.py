"""What all workers together may send: rate limits and circuit breakers, kept in Redis.

Limits belong to the app registration or to one ad account, never to a process: every key names platform, scope and
endpoint. When Redis cannot be asked the call goes out all the same: the platform's own limit then answers.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger(__name__)

# Generic cell rate algorithm: one number per key, the time at which the bucket is empty again. A call that stands under
# several limits is counted in all of them or in none.
# KEYS buckets; ARGV: now, then seconds per call and burst (calls) of each. Returns the seconds to wait (text), '0' when
# admitted.
_ADMIT = """
local now, longest, empty_at = tonumber(ARGV[1]), 0, {}
for i, key in ipairs(KEYS) do
  empty_at[i] = math.max(tonumber(redis.call('GET', key) or now), now)
  longest = math.max(longest, empty_at[i] - now - tonumber(ARGV[2 * i]) * (tonumber(ARGV[2 * i + 1]) - 1))
end
if longest > 0 then return tostring(longest) end
for i, key in ipairs(KEYS) do
  local filled = empty_at[i] + tonumber(ARGV[2 * i])
  -- tostring would round to tenths of a millisecond: too coarse for hundreds of calls per second.
  redis.call('SET', key, string.format('%.6f', filled), 'PX', math.ceil((filled - now) * 1000) + 60000)
end
return '0'
"""

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 60
MEMORY_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls per period (seconds), `burst` of them at once; endpoints that share a `name` share the limit."""

    calls: int
    period: float
    burst: int = 1
    name: str = ""


@lru_cache(maxsize=4)
def shared_redis(url: str) -> redis.Redis:
    """The connections of this process to the memory that all workers share."""
    # One quick repeat only: a call that waits for a lost Redis is worse than one that goes out uncounted.
    return redis.Redis.from_url(url, socket_timeout=2, retry=Retry(NoBackoff(), 1))


class Governor:
    """Admission of calls for one platform: `app` is its registration, `account` the ad account, if one is known."""

    def __init__(
        self,
        *,
        platform: str,
        app: str,
        account: str = "",
        client: redis.Redis | None = None,
        clock: Callable[[], float] = time.time,
    ):
        self._redis = client or shared_redis(settings.CACHES["default"]["LOCATION"])
        self._clock = clock
        self._admit = self._redis.register_script(_ADMIT)
        self._app = f"gov:{platform}:{app}"
        self._account = f"{self._app}:{account}"

    def wait_for(self, endpoint: str, *limits: Limit | None) -> float:
        """Seconds to wait before this call may go out; 0 means go, and the call is counted under each limit."""
        try:
            blocked = self._blocked(self._app, self._app_key(endpoint), self._account, self._key(endpoint))
            if blocked > 0:
                return blocked
            known = [limit for limit in limits if limit is not None]
            if not known:
                return 0.0
            buckets = [f"{self._app}:bucket:{limit.name or endpoint}" for limit in known]
            rates = [figure for limit in known for figure in (limit.period / limit.calls, limit.burst)]
            return float(self._admit(keys=buckets, args=[self._clock(), *rates]))
        except redis.RedisError as error:
            log.warning("governor.unavailable", error=str(error))
            return 0.0

    def block(self, seconds: float, *, endpoint: str = "", whole_app: bool = False) -> None:
        """The platform asked to wait: nobody sends to this endpoint, account or app before then. Blocks only grow.

        With both, the endpoint is closed to all accounts of the app.
        """
        if whole_app:
            key = self._app_key(endpoint) if endpoint else self._app
        else:
            key = self._key(endpoint) if endpoint else self._account
        try:
            if seconds > self._blocked(key):
                self._redis.set(f"{key}:blocked", self._clock() + seconds, px=max(1, int(seconds * 1000)))
        except redis.RedisError as error:
            log.warning("governor.unavailable", error=str(error))

    def note_failure(self) -> None:
        """A transient failure of this account; the breaker opens at FAILURES_TO_OPEN within MEMORY_SECONDS."""
        try:
            key = f"{self._account}:failures"
            failures = self._redis.incr(key)
            self._redis.expire(key, MEMORY_SECONDS)
            if failures >= FAILURES_TO_OPEN:
                # A failing probe re-opens at once: the count is kept until a success clears it.
                self.block(OPEN_SECONDS)
        except redis.RedisError as error:
            log.warning("governor.unavailable", error=str(error))

    def note_success(self) -> None:
        try:
            self._redis.delete(f"{self._account}:failures")
        except redis.RedisError as error:
            log.warning("governor.unavailable", error=str(error))

    def _key(self, endpoint: str) -> str:
        return f"{self._account}:{endpoint}"

    def _app_key(self, endpoint: str) -> str:
        return f"{self._app}:all:{endpoint}"

    def _blocked(self, *keys: str) -> float:
        ends = [float(until) for until in self._redis.mget([f"{key}:blocked" for key in keys]) if until]
        return max(0.0, max(ends, default=0.0) - self._clock())
