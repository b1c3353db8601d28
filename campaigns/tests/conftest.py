import pytest


@pytest.fixture
def no_waiting(monkeypatch):
    """Time passes by itself: pauses between repeats, and limits kept in Redis, are over at once."""
    monkeypatch.setattr("campaigns.clients.transport.FIRST_DELAY", 0.01)
    monkeypatch.setattr("campaigns.clients.governor.OPEN_SECONDS", 0.05)
    monkeypatch.setattr("campaigns.clients.transport.MAX_PATIENCE", 0.5)
