"""Which campaigns a rule leaves alone, so that what it is worth can be seen beside what happens without it.

A campaign's place comes from nothing but the two ids: the first eight bytes of SHA-256 over the ASCII text
"<rule id>:<campaign id>", read as a big-endian number, modulo 10,000. It is held out when its place lies below the
percentage × 100. So a campaign never changes sides because others come or go, a larger group holds all of a smaller
one, and the groups of two rules have nothing to do with each other.
"""

import hashlib

PLACES = 10_000
# More than half held out would be a rule that mostly does nothing.
MAX_PERCENT = 50


def holdout_place(rule_id: int, campaign_id: int) -> int:
    """From 0 to PLACES - 1, the same at any time and on any machine."""
    digest = hashlib.sha256(f"{rule_id}:{campaign_id}".encode("ascii")).digest()
    return int.from_bytes(digest[:8], "big") % PLACES


def is_held_out(rule_id: int | None, campaign_id: int, percent: int) -> bool:
    """Whether the rule only says what it would do to this campaign. A rule that is not saved holds nobody out."""
    return rule_id is not None and holdout_place(rule_id, campaign_id) < percent * (PLACES // 100)
