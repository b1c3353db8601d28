"""Names of the places that LinkedIn gives as urns (urn:li:geo:103644278 → 'United States')."""

from collections.abc import Iterable

import structlog

from campaigns.clients.answers import reading
from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.clients.linkedin.api import Api
from campaigns.clients.linkedin.errors import PLATFORM

log = structlog.get_logger(__name__)

# Keeps the address far below the 4,000 characters from which on LinkedIn wants another way of asking.
PER_CALL = 50
# Names are a convenience: only these failures concern more than them.
_SERIOUS = frozenset({ErrorKind.AUTH, ErrorKind.RATE})


class Places:
    """Each place is asked for once for each client."""

    def __init__(self, api: Api):
        self._api = api
        self._names: dict[str, str] = {}

    def names(self, urns: Iterable[str]) -> dict[str, str]:
        """Names by urn; a place without one keeps its urn."""
        wanted = set(urns)
        unknown = sorted(wanted - self._names.keys())
        for start in range(0, len(unknown), PER_CALL):
            self._learn(unknown[start : start + PER_CALL])
        return {urn: self._names.get(urn, urn) for urn in wanted}

    def _learn(self, urns: list[str]) -> None:
        params = {
            "q": "urns",
            "urns": urns,
            "queryVersion": "QUERY_USES_URNS",
            "locale": {"language": "en", "country": "US"},
        }
        self._names.update((urn, urn) for urn in urns)
        try:
            body = self._api.get("adTargetingEntities", params, endpoint="places")
            with reading(PLATFORM, "places"):
                found = {str(entity["urn"]): str(entity["name"]) for entity in body["elements"]}
        except PlatformError as error:
            if error.kind in _SERIOUS:
                raise
            log.info("linkedin.places_unnamed", kind=error.kind.value, code=error.code)
            return
        self._names.update(found)
