"""Embedded servers: what a machine with nothing but Python needs to run Stratum. Uses the standard library only."""

from stratum.embedded.environment import destroy, embedded_environment, revive, stop, stop_if_unused
from stratum.embedded.errors import EmbeddedError
from stratum.embedded.postgres import PostgresServer, ensure_postgres
from stratum.embedded.redis import RedisServer, ensure_redis
from stratum.embedded.secrets import ensure_secrets

__all__ = [
    "EmbeddedError",
    "PostgresServer",
    "RedisServer",
    "destroy",
    "embedded_environment",
    "ensure_postgres",
    "ensure_redis",
    "ensure_secrets",
    "revive",
    "stop",
    "stop_if_unused",
]
