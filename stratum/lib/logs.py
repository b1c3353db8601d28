"""What of the log is worth a line."""

import structlog

# A request is told once, when it is over: with its status and the same ids.
REPEATED = frozenset({"request_started"})


def drop_repeated(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A structlog processor: leaves out events that another line repeats."""
    if event.get("event") in REPEATED:
        raise structlog.DropEvent
    return event
