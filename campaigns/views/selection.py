"""Which campaigns a bulk action is about, and the way back to the list as it was."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.http import HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from campaigns.queries.campaign_table import CampaignFilter


def selected_ids(sent: dict[str, Any]) -> list[int]:
    """Of a valid selection form: the ticked campaigns, or all that match the list's `state`."""
    if sent["scope"] != "all":
        return list(sent["ids"])
    return list(CampaignFilter.from_query(QueryDict(sent["state"])).campaigns().values_list("pk", flat=True))


def back_to_list(state: str, **more: str) -> HttpResponseRedirect:
    """The list with this query string, and `more` parameters in it."""
    # Only the query string comes from the request, re-written from its parts: never an address elsewhere.
    kept = [(key, value) for key, value in parse_qsl(state) if key not in more]
    query = urlencode([*kept, *more.items()])
    return redirect(f"{reverse('campaigns:campaign_list')}{'?' if query else ''}{query}")
