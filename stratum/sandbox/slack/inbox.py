"""What the simulated Slack workspace holds: channels, the ways into them, and the messages that came."""

from dataclasses import dataclass, field
from typing import Any

# Ids of channels and their names. Archived ones take no message.
CHANNELS = {"C0123456789": "ads", "C0000000002": "budget-watch", "C0000000003": "old-campaigns"}
ARCHIVED = frozenset({"C0000000003"})
# The bot has been invited to these.
BOT_IN = frozenset({"C0123456789", "C0000000003"})
BOT_TOKEN = "xoxb-sandbox-bot"  # noqa: S105 - opens nothing outside the sandbox
# Path below /services/ of each incoming webhook, and its channel.
HOOKS = {
    "T0SANDBOX/B0ADS/ads-secret": "C0123456789",
    "T0SANDBOX/B0WATCH/watch-secret": "C0000000002",
    "T0SANDBOX/B0OLD/old-secret": "C0000000003",
}
MESSAGES_KEPT = 200


@dataclass(frozen=True, slots=True)
class Received:
    """A message that arrived. `ts` is its id in the channel, `at` when, in seconds since the epoch."""

    at: float
    ts: str
    channel: str
    way: str
    body: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"at": self.at, "ts": self.ts, "channel": self.channel, "way": self.way, "body": self.body}


@dataclass(slots=True)
class Inbox:
    """The newest messages, oldest first. They live as long as the process."""

    messages: list[Received] = field(default_factory=list)
    _count: int = 0

    def add(self, *, at: float, channel: str, way: str, body: dict[str, Any]) -> Received:
        self._count += 1
        message = Received(at, f"{int(at)}.{self._count:06d}", channel, way, body)
        self.messages = [*self.messages, message][-MESSAGES_KEPT:]
        return message

    def clear(self) -> int:
        gone, self.messages = len(self.messages), []
        return gone


def channel_id(name: str) -> str:
    """The id of a channel given by id, or by name with or without '#'; empty when there is none."""
    if name in CHANNELS:
        return name
    return next((found for found, known in CHANNELS.items() if known == name.removeprefix("#")), "")
