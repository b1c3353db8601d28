"""The table of codes: what is done, what people read, how long is waited."""

from datetime import timedelta

import pytest
from django.utils.functional import Promise
from hypothesis import given
from hypothesis import strategies as st

from whatsapp.clients import errors
from whatsapp.clients.errors import REPEATABLE, Verdict, pause, verdict_of, words


@pytest.mark.parametrize(
    ("verdict", "codes"),
    [
        (Verdict.LATER, [1, 2, 131000, 131016, 131057, 133004]),
        (Verdict.THROUGHPUT, [130429]),
        (Verdict.PAIR, [131056]),
        (Verdict.BACKOFF, [4, 80007, 133016]),
        (Verdict.RECIPIENT, [131026, 130403, 130497, 131021]),
        (Verdict.WINDOW, [131047]),
        (Verdict.PAUSE_DAY, [131049]),
        (Verdict.OPTED_OUT, [131050]),
        (Verdict.TEMPLATE, [132000, 132001, 132007, 132008, 132012, 132016]),
        (Verdict.TEMPLATE_PAUSED, [132015]),
        (Verdict.CONNECTION, [0, 3, 10, 33, 190, 200, 230, 299, 131005, 131037, 131042, 131045, 133010]),
        (Verdict.BLOCKED, [368, 131031, 131048, 131064]),
        (Verdict.REFUSED, [100, 130472, 131008, 131009, 131051, 131053, 131062, 132005, 132018, 135000]),
        # Of tomorrow: within a failed status nothing says that a repeat would help.
        (Verdict.REFUSED, [137000, 139001, 999999, 300, ""]),
    ],
)
def test_codes_decide(verdict, codes):
    for code in codes:
        assert verdict_of(code) is verdict, code
        assert verdict_of(str(code)) is verdict, code


@pytest.mark.parametrize("status", [200, 400, 403, 429, 500, 503])
def test_the_code_is_asked_before_the_status(status):
    assert verdict_of(131047, status) is Verdict.WINDOW


@given(st.one_of(st.integers(), st.text(max_size=20)), st.one_of(st.none(), st.integers(100, 599)))
def test_every_code_has_a_verdict_and_words(code, status):
    verdict = verdict_of(code, status)
    assert verdict is not Verdict.SENT
    assert words(code)


def test_every_code_of_ours_has_words():
    for code in (errors.NO_CONNECTION, errors.NO_ANSWER, errors.UNREADABLE, errors.BAD_TOKEN, errors.WRONG_SIDE):
        assert words(code) != words("")
        # Decided when it is shown, not when the module was read.
        assert not isinstance(words(code), Promise)
    assert "131999" in words(131999)


@pytest.mark.parametrize(
    ("verdict", "attempt", "least", "most"),
    [
        (Verdict.LATER, 1, 4, 5),
        (Verdict.LATER, 3, 64, 80),
        (Verdict.THROUGHPUT, 2, 16, 20),
        (Verdict.PAIR, 1, 6, 7.5),
        (Verdict.PAIR, 2, 16, 20),
        (Verdict.BACKOFF, 1, 300, 375),
        (Verdict.BACKOFF, 99, 3600, 4500),
        (Verdict.LATER, 0, 4, 5),
        (Verdict.LATER, 10**9, 3600, 4500),
        (Verdict.PAUSE_DAY, 1, 86400, 90000),
    ],
)
def test_pauses_grow_and_end(verdict, attempt, least, most):
    for _ in range(20):
        assert timedelta(seconds=least) <= pause(verdict, attempt) <= timedelta(seconds=most)


@pytest.mark.parametrize("verdict", sorted(set(Verdict) - REPEATABLE - {Verdict.PAUSE_DAY}))
def test_nothing_is_repeated_that_waiting_does_not_change(verdict):
    with pytest.raises(ValueError):
        pause(verdict, 1)
