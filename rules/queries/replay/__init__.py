"""A rule on days that are over: what it would have done, and what later numbers say about it."""

from rules.queries.replay.results import (
    Caveat,
    Replay,
    ReplayAction,
    ReplayDay,
    Touched,
    Verdict,
)
from rules.queries.replay.run import CHECK_AT, LISTED, MAX_DAYS, replay

__all__ = [
    "CHECK_AT",
    "LISTED",
    "MAX_DAYS",
    "Caveat",
    "Replay",
    "ReplayAction",
    "ReplayDay",
    "Touched",
    "Verdict",
    "replay",
]
