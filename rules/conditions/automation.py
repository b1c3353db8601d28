"""What a workspace allows its rules to do on the platforms: settings['automation'], read with a type for each value."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

SETTINGS_KEY = "automation"
# A campaign that carries this label, in any case, is changed by no rule.
PROTECTED_LABEL = "protected"
# What makes sense of each limit: the least and the most.
BOUNDS: Mapping[str, tuple[int, int]] = MappingProxyType({
    "max_changes_24h": (0, 100),
    "max_budget_move_percent": (1, 1000),
    "approval_percent": (0, 100),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Automation:
    """Limits of automatic changes. What a workspace does not set, or sets to something senseless, is the default.

    `max_changes_24h`: changes of one campaign in rolling 24 hours, by people and rules together;
    `max_budget_move_percent`: of the budget 24 hours ago; `approval_percent`: of the workspace's spend, beyond which
    one rule asks before it acts. `frozen_since` is an ISO moment.
    """

    frozen: bool = False
    frozen_since: str = ""
    max_changes_24h: int = 2
    max_budget_move_percent: int = 50
    approval_percent: int = 30

    @classmethod
    def of(cls, settings: Any) -> "Automation":
        """From a workspace's settings as they are stored."""
        found = settings.get(SETTINGS_KEY) if isinstance(settings, Mapping) else None
        raw: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
        default = cls()
        limits = {name: _whole(raw.get(name), *BOUNDS[name], getattr(default, name)) for name in BOUNDS}
        return cls(frozen=raw.get("frozen") is True, frozen_since=_text(raw.get("frozen_since")), **limits)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any, least: int, most: int, default: int) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and least <= value <= most else default


def is_protected(labels: Any) -> bool:
    """Whether rules must leave a campaign with these labels alone."""
    return any(label.casefold() == PROTECTED_LABEL for label in labels)
