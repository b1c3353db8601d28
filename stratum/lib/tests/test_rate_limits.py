import pytest
import redis
from django.core.cache import cache

from stratum.lib.rate_limits import RateLimit


@pytest.fixture
def limit():
    cache.clear()
    return RateLimit("test", limit=2, seconds=60)


def test_tries_over_the_limit_are_told_apart(limit):
    assert [limit.hit("a") for _ in range(4)] == [True, True, False, False]
    assert limit.hit("b")


def test_spent_is_known_before_the_next_try(limit):
    assert not limit.is_spent("a")
    limit.hit("a")
    assert not limit.is_spent("a")
    limit.hit("a")
    assert limit.is_spent("a")
    assert not limit.is_spent("b")


def test_window_ends_by_itself(limit):
    limit.hit("a")
    client = cache._cache.get_client()
    key = cache.make_key(limit._name("a"))
    assert 0 < client.ttl(key) <= 60
    limit.hit("a")
    assert 0 < client.ttl(key) <= 60
    client.delete(key)
    assert limit.hit("a")


def test_cache_holds_no_address(limit):
    limit.hit("203.0.113.9")
    keys = b" ".join(cache._cache.get_client().keys("*")).decode()
    assert "limit:test:" in keys
    assert "203.0.113.9" not in keys


def test_outage_of_the_cache_lets_people_in(settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/1"}}
    with pytest.raises(redis.ConnectionError):
        cache.get("anything")
    limit = RateLimit("test", limit=1, seconds=60)
    assert [limit.hit("a"), limit.hit("a")] == [True, True]
    assert not limit.is_spent("a")


@pytest.mark.parametrize(("seconds", "minutes"), [(60, 1), (61, 2), (3600, 60), (1, 1)])
def test_minutes_are_rounded_up(seconds, minutes):
    assert RateLimit("test", limit=1, seconds=seconds).minutes == minutes
