import pytest

from stratum.sandbox.tests.caller import Caller


@pytest.fixture(scope="module")
def shared() -> Caller:
    """A sandbox that the tests of a module only read."""
    return Caller()


@pytest.fixture
def caller() -> Caller:
    return Caller()
