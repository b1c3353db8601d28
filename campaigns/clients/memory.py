"""What one worker tells the next about work that a platform is still doing: a few short texts in Redis, with an end.

Losing them costs time, never data: whoever finds nothing starts again.
"""

import hashlib
import json
from typing import Any

import redis
import structlog
from django.conf import settings

from campaigns.clients.governor import shared_redis

log = structlog.get_logger(__name__)


class Memory:
    """Texts by name, of one platform and app."""

    def __init__(self, *, platform: str, app: str, client: redis.Redis | None = None):
        self._redis = client or shared_redis(settings.CACHES["default"]["LOCATION"])
        self._prefix = f"mem:{platform}:{app}"

    def recall(self, about: Any) -> dict[str, Any] | None:
        """What was remembered about this (any JSON value), None when nothing was or nobody can say."""
        try:
            text = self._redis.get(self._key(about))
        except redis.RedisError as error:
            log.warning("memory.unavailable", error=str(error))
            return None
        return json.loads(text) if text else None

    def remember(self, about: Any, value: dict[str, Any], *, seconds: int) -> None:
        try:
            self._redis.set(self._key(about), json.dumps(value), ex=seconds)
        except redis.RedisError as error:
            log.warning("memory.unavailable", error=str(error))

    def forget(self, about: Any) -> None:
        try:
            self._redis.delete(self._key(about))
        except redis.RedisError as error:
            log.warning("memory.unavailable", error=str(error))

    def _key(self, about: Any) -> str:
        return f"{self._prefix}:{hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()}"
