"""How fast a number may send, over several workers."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from whatsapp.clients.limits import Gate

ANNA, BEN = "16505551234", "US.13491208655302741918"


class Clock:
    def __init__(self):
        self.now = 1_795_338_000.0

    def __call__(self):
        return self.now


def gates(client, clock, count=1, number="106540352242922", **more):
    return [Gate(number, client=client, clock=clock, **more) for _ in range(count)]


def test_no_second_has_more_than_the_number_may_send(shared_memory):
    clock = Clock()
    workers = gates(shared_memory, clock, 3)
    admitted = []
    for turn in range(1200):
        clock.now = 1_795_338_000.0 + turn / 400
        if workers[turn % 3].admit(f"1650555{turn:04d}") == 0:
            admitted.append(clock.now)
    busiest = max(sum(1 for one in admitted if start <= one < start + 1) for start in admitted)
    assert 60 <= busiest <= 80
    # Three seconds: it does not send much less than it may either.
    assert len(admitted) > 200


def test_a_number_that_may_send_more_does(shared_memory):
    clock = Clock()
    (gate,) = gates(shared_memory, clock, per_second=1000)
    assert sum(gate.admit(f"165055{n:05d}") == 0 for n in range(200)) == 100


def test_waiting_as_long_as_it_says_is_enough(shared_memory):
    clock = Clock()
    (gate,) = gates(shared_memory, clock, per_second=2)
    for n in range(5):
        while (wait := gate.admit(f"1650555000{n}")) > 0:
            assert wait <= 1.0
            clock.now += wait
    assert clock.now - 1_795_338_000.0 >= 3


def test_one_person_gets_a_burst_and_then_one_each_six_seconds(shared_memory, settings):
    settings.WHATSAPP_PAIR_BURST = 3
    clock = Clock()
    (gate,) = gates(shared_memory, clock)
    assert [gate.admit(ANNA) for _ in range(3)] == [0, 0, 0]
    assert 5.9 < gate.admit(ANNA) <= 6
    assert gate.admit(BEN) == 0
    clock.now += 6.001
    assert gate.admit(ANNA) == 0
    assert gate.admit(ANNA) > 0


def test_a_pair_that_must_wait_takes_nothing_from_the_number(shared_memory, settings):
    settings.WHATSAPP_PAIR_BURST = 1
    clock = Clock()
    (gate,) = gates(shared_memory, clock, per_second=100)
    assert gate.admit(ANNA) == 0
    assert all(gate.admit(ANNA) > 0 for _ in range(500))
    # Nine of the burst of ten are left to others.
    assert sum(gate.admit(f"165055{n:05d}") == 0 for n in range(20)) == 9


def test_a_number_that_must_wait_takes_nothing_from_the_pair(shared_memory, settings):
    settings.WHATSAPP_PAIR_BURST = 1
    clock = Clock()
    (gate,) = gates(shared_memory, clock, per_second=1)
    assert gate.admit(BEN) == 0
    assert gate.admit(ANNA) > 0
    clock.now += 1.001
    assert gate.admit(ANNA) == 0


def test_a_hold_is_of_the_person_or_of_the_number(shared_memory):
    clock = Clock()
    mine, other = gates(shared_memory, clock, 2)
    mine.hold(6, ANNA)
    assert 5.9 < other.admit(ANNA) <= 6
    assert other.admit(BEN) == 0
    mine.hold(30)
    assert 29.9 < other.admit(BEN) <= 30
    # A shorter one does not cut a longer one.
    mine.hold(1)
    assert other.admit(BEN) > 29
    (elsewhere,) = gates(shared_memory, clock, number="999")
    assert elsewhere.admit(BEN) == 0


def test_no_number_stands_in_redis(shared_memory):
    (gate,) = gates(shared_memory, Clock())
    gate.admit(ANNA)
    gate.hold(5, ANNA)
    kept = [*shared_memory.keys(), *(shared_memory.get(key) for key in shared_memory.keys())]  # noqa: SIM118
    assert kept
    assert not any(ANNA.encode() in text for text in kept)


def test_without_redis_messages_go_out():
    nowhere = redis.Redis(host="127.0.0.1", port=1, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))
    assert Gate("1", client=nowhere).admit(ANNA) == 0
    Gate("1", client=nowhere).hold(5)
