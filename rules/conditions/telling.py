"""How one person is told of alerts: which channel at once, when not to be disturbed, and the digest of the rest.

Times of day are the person's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, tzinfo
from types import MappingProxyType
from typing import Any

from rules.choices import AlertStatus, Channel, DeliveryState, Severity
from stratum.lib.quiet_hours import QuietHours, next_at

QUIET_FROM, QUIET_TO, DIGEST_AT = time(22), time(7), time(8, 30)
# Why something is held back.
QUIET, SNOOZED = "quiet_hours", "snoozed"
# Why something is not told to one person.
MUTED = "muted"
# Why something goes by e-mail that was to go another way.
INSTEAD = "instead"
# Why something is not told any more, by what became of its alert.
NOT_OPEN: Mapping[str, str] = MappingProxyType(
    {AlertStatus.ACKNOWLEDGED.value: "answered", AlertStatus.RESOLVED.value: "resolved"}
)
RANKS: Mapping[str, int] = MappingProxyType({severity.value: rank for rank, severity in enumerate(Severity, start=1)})


@dataclass(frozen=True, slots=True)
class Planned:
    """How one alert is told by one channel."""

    channel: str
    state: str
    reason: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Preferences:
    """What one person chose. `slack_target` and `whatsapp_contact` are ids; None: none is theirs."""

    channels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    quiet: QuietHours | None = None
    critical_breaks: bool = True
    digest_at: time | None = None
    digest_channels: frozenset[str] = frozenset()
    slack_target: int | None = None
    whatsapp_contact: int | None = None
    muted_rules: frozenset[int] = frozenset()

    def at_once(self, severity: str) -> frozenset[str]:
        return self.channels.get(severity, frozenset())

    def breaks_quiet(self, severity: str) -> bool:
        """Whether nothing of this severity waits for the end of quiet hours."""
        return severity == Severity.CRITICAL and self.critical_breaks

    def quiet_until(self, severity: str, moment: datetime, clock: tzinfo) -> datetime | None:
        """Until when nothing of this severity is sent; None: it may be sent now."""
        if self.quiet is None or self.breaks_quiet(severity) or not self.quiet.cover(moment, clock):
            return None
        return self.quiet.end_after(moment, clock)

    def plan(self, severity: str, moment: datetime, clock: tzinfo, *, step: int = 0) -> list[Planned]:
        """How this person is told of an alert now. An escalation reaches by e-mail whoever has chosen nothing."""
        channels = self.at_once(severity) or (frozenset({Channel.EMAIL.value}) if step else frozenset())
        if not channels:
            return self._in_digest(moment, clock)
        until = self.quiet_until(severity, moment, clock)
        if until is not None:
            return [Planned(one, DeliveryState.HELD.value, QUIET, until) for one in sorted(channels)]
        return [Planned(one, DeliveryState.PENDING.value, "", moment) for one in sorted(channels)]

    def _in_digest(self, moment: datetime, clock: tzinfo) -> list[Planned]:
        if self.digest_at is None:
            return []
        due = next_at(moment, self.digest_at, clock)
        return [Planned(one, DeliveryState.DIGEST.value, "", due) for one in sorted(self.digest_channels)]


def default_preferences(*, may_answer: bool) -> Preferences:
    """Of people who never chose: those who may answer alerts get critical ones by e-mail and the rest in a digest."""
    if not may_answer:
        return Preferences()
    email = frozenset({Channel.EMAIL.value})
    return Preferences(channels={Severity.CRITICAL.value: email}, digest_at=DIGEST_AT, digest_channels=email)


def parse_channels(raw: Any) -> dict[str, frozenset[str]]:
    """Stored channels by severity; what this version does not know is left out."""
    found = raw if isinstance(raw, Mapping) else {}
    return {severity: parse_channel_list(found.get(severity)) for severity in Severity.values}


def parse_channel_list(raw: Any) -> frozenset[str]:
    return frozenset(one for one in raw if one in Channel.values) if isinstance(raw, list) else frozenset()
