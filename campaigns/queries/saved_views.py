"""A person's saved views of the campaign list: a name for a query string, kept in their preferences."""

from dataclasses import dataclass
from typing import Any

from accounts.models import User

PREFERENCE = "campaign_views"
MAX_QUERY = 1000


@dataclass(frozen=True, slots=True)
class SavedView:
    """`key` is stable while the view lives; `query` is the list's query string without the page."""

    key: str
    name: str
    query: str


def saved_views(user: User) -> list[SavedView]:
    """The views of this person by name; entries in an unknown shape are left out."""
    return sorted(parse_views((user.preferences or {}).get(PREFERENCE)), key=lambda view: view.name.lower())


def parse_views(value: Any) -> list[SavedView]:
    """Typed views from the JSON of the preferences, in their stored order."""
    views = []
    for entry in value if isinstance(value, list) else []:
        if isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in ("key", "name", "query")):
            views.append(SavedView(entry["key"], entry["name"], entry["query"][:MAX_QUERY]))
    return views
