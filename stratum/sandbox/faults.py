"""Faults on demand: what goes wrong, for whom, how often."""

import random
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

# Kind: what happens. Those above the line come instead of an answer, the others change one.
KINDS = {
    "rate_limit": "the platform's own answer to too many calls (variant: app, account, daily, data …)",
    "token_expired": "the access token is refused as expired",
    "token_revoked": "the grant is gone: the token is refused for good",
    "permission_revoked": "the token is good, the account is not the caller's any more",
    "server_error": "the platform's own failure, 5xx or its equal",
    "html_gateway": "502 with an HTML page of a gateway",
    "connection_reset": "the connection breaks before an answer",
    "too_much_data": "the report is refused as too large (Meta)",
    "not_visible": "a new asynchronous report is not known yet (Meta)",
    "page_token_expired": "a page token is refused (Google Ads)",
    "write_conflict": "a write is refused as concurrent (Google Ads, TikTok, LinkedIn)",
    "job_failed": "an asynchronous report ends as failed (Meta)",
    "job_skipped": "an asynchronous report ends as skipped (Meta)",
    "slow": "the answer comes after `seconds`",
    "truncated": "the body ends in its middle",
    "duplicated_page": "the rows of a page come twice",
    "empty_page": "a page without rows that has a next one (Meta)",
    "foreign_next_link": "the next page is said to be on another host (Snapchat)",
    "item_error": "an item of a successful answer has failed (Snapchat, TikTok Smart+)",
}
INSTEAD = frozenset(list(KINDS)[: list(KINDS).index("job_failed")])
PAGED_ONLY = frozenset({"duplicated_page", "empty_page", "foreign_next_link"})
# These happen at certain calls only.
AT_ENDPOINT = {
    "not_visible": ("report_status",),
    "job_failed": ("report_status",),
    "job_skipped": ("report_status",),
    "too_much_data": ("report", "report_create"),
    "write_conflict": ("write",),
    "page_token_expired": ("report", "campaigns", "accounts"),
    "item_error": ("write",),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Empty platform, account or endpoint mean any. `left` None: until it is cleared."""

    id: int
    kind: str
    platform: str = ""
    account: str = ""
    endpoint: str = ""
    left: int | None = 1
    probability: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "platform": self.platform,
            "account": self.account,
            "endpoint": self.endpoint,
            "left": self.left,
            "probability": self.probability,
            **self.options,
        }

    def fits(self, platform: str, account: str, endpoint: str, paged: bool) -> bool:
        if (self.kind in PAGED_ONLY and not paged) or endpoint == "oauth" != self.endpoint:
            return False
        if self.kind in AT_ENDPOINT and endpoint not in AT_ENDPOINT[self.kind]:
            return False
        asked = ((self.platform, platform), (self.account, account), (self.endpoint, endpoint))
        return all(not wanted or wanted == found for wanted, found in asked)


class Faults:
    """The faults that wait to happen, oldest first. They live as long as the process."""

    def __init__(self, seed: int = 0) -> None:
        self._faults: list[Fault] = []
        self._ids = count(1)
        self._rng = random.Random(seed)

    def add(self, kind: str, **fields: Any) -> Fault:
        """ValueError when there is no such kind, or when a number makes no sense."""
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}, restate")
        left = fields.pop("count", 1)
        probability = float(fields.pop("probability", 1.0))
        if left is not None and (not isinstance(left, int) or left < 1):
            raise ValueError("count is a whole number from 1, or null for always")
        if not 0 < probability <= 1:
            raise ValueError("probability is above 0 and at most 1")
        known = {name: str(fields.pop(name, "") or "") for name in ("platform", "account", "endpoint")}
        fault = Fault(next(self._ids), kind, left=left, probability=probability, options=fields, **known)
        self._faults.append(fault)
        return fault

    def all(self) -> list[Fault]:
        return list(self._faults)

    def clear(self, fault_id: int | None = None) -> int:
        """Forget one or all; returns how many."""
        kept = [fault for fault in self._faults if fault_id is not None and fault.id != fault_id]
        gone = len(self._faults) - len(kept)
        self._faults = kept
        return gone

    def take(self, platform: str, account: str, endpoint: str, *, paged: bool) -> Fault | None:
        """The fault that befalls this call, if any; it is used up by one."""
        for position, fault in enumerate(self._faults):
            if not fault.fits(platform, account, endpoint, paged) or self._rng.random() >= fault.probability:
                continue
            if fault.left == 1:
                del self._faults[position]
            elif fault.left is not None:
                self._faults[position] = replace(fault, left=fault.left - 1)
            return fault
        return None
