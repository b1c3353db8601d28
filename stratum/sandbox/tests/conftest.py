import time
from collections.abc import Callable
from typing import Any

import pytest

from stratum.sandbox.tests.caller import Caller


@pytest.fixture(scope="module")
def shared() -> Caller:
    """A sandbox that the tests of a module only read."""
    return Caller()


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], None]:
    """Wait until something is so, for what the courier's thread does."""

    def wait(true: Callable[[], Any], seconds: float = 5.0) -> None:
        ends = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < ends
            time.sleep(0.01)

    return wait
