"""At which minute of the hour accounts are synced: one number for the scheduler and for screens that name the next."""

from datetime import datetime, timedelta

# Not at minute 0, when everybody else's jobs start.
SYNC_MINUTE = 7


def next_at_minute(minute: int, after: datetime) -> datetime:
    """The first moment later than `after` (aware) at this minute of an hour of UTC."""
    moment = after.replace(minute=minute, second=0, microsecond=0)
    return moment if moment > after else moment + timedelta(hours=1)


# The passes of the rules within an hour.
PASS_MINUTES = (4, 19, 34, 49)
