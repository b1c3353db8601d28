"""What the URL asks of the home page."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils import timezone

from campaigns.queries.movers import METRICS, Metric
from campaigns.views.reading import RANGE_PARAMETERS, date_range_of
from stratum.lib.date_ranges import DateRange

BASES = ("day", "week", "range")
DEFAULT_METRIC: Metric = "revenue"


@dataclass(frozen=True, slots=True)
class HomeRequest:
    """What the URL asks of the home page."""

    days: DateRange
    currency: str
    now: datetime
    metric: Metric
    basis: str
    course: str
    kept: dict[str, str]

    @classmethod
    def of(cls, request: HttpRequest) -> "HomeRequest":
        query = request.GET
        metric, basis = query.get("by", ""), query.get("since", "")
        return cls(
            days=date_range_of(request),
            currency=request.tenant.reporting_currency,
            now=timezone.now(),
            metric=metric if metric in METRICS else DEFAULT_METRIC,  # type: ignore[arg-type]
            basis=basis if basis in BASES else BASES[0],
            course="platforms" if query.get("course") == "platforms" else "money",
            kept={key: query[key] for key in RANGE_PARAMETERS if query.get(key)},
        )

    def href(self, **changes: str) -> str:
        """This page with other choices; what equals a default is left out."""
        own = {"by": self.metric, "since": self.basis, "course": self.course} | changes
        defaults = {"by": DEFAULT_METRIC, "since": BASES[0], "course": "money"}
        chosen = {key: value for key, value in own.items() if value != defaults[key]}
        return f"?{urlencode({**self.kept, **chosen})}"
