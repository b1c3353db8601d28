"""A local server that speaks as much of Google Ads' wire as a sync asks for, without a market behind it.

The sandbox computes its numbers; this one has them ready, so that what is measured is ours.
"""

import json
import re
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = 10_000
_PERIOD = re.compile(r"BETWEEN '(\d{4}-\d\d-\d\d)' AND '(\d{4}-\d\d-\d\d)'")


class BenchGoogle:
    """Serves one account with this many campaigns until the block ends."""

    def __init__(self, *, campaigns: int):
        self.campaigns = campaigns
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._pages: dict[tuple[str, int], bytes] = {}

    def __enter__(self) -> "BenchGoogle":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def settings(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return {"GOOGLE_ADS_API_BASE": url, "GOOGLE_CLIENT_ID": "bench", "GOOGLE_CLIENT_SECRET": "bench"}

    def answer(self, query: str, page: int) -> bytes:
        if (query, page) not in self._pages:
            rows = self._rows(query)
            body: dict[str, Any] = {"results": rows[page * PAGE : (page + 1) * PAGE]}
            if len(rows) > (page + 1) * PAGE:
                body["nextPageToken"] = str(page + 1)
            self._pages[query, page] = json.dumps(body).encode()
        return self._pages[query, page]

    def _rows(self, query: str) -> list[dict[str, Any]]:
        period = _PERIOD.search(query)
        ids = [str(10_000_000 + number) for number in range(self.campaigns)]
        if query.endswith("FROM campaign ORDER BY campaign.id"):
            return [_campaign(one) for one in ids]
        if period is None or "segments.date," not in query:
            return []
        first, last = (date.fromisoformat(text).toordinal() for text in period.groups())
        days = [date.fromordinal(ordinal).isoformat() for ordinal in range(first, last + 1)]
        return [_day(one, day) for day in days for one in ids]


def _campaign(id_: str) -> dict[str, Any]:
    return {
        "campaign": {
            "id": id_, "name": f"Campaign {id_} – Prospecting", "status": "ENABLED",
            "advertisingChannelType": "SEARCH", "campaignBudget": f"customers/1234567890/campaignBudgets/{id_}",
        },
        "campaignBudget": {"id": id_, "amountMicros": "50000000", "period": "DAILY"},
    }  # fmt: skip


def _day(id_: str, day: str) -> dict[str, Any]:
    clicks = 1 + (int(id_) + int(day[-2:])) % 1900
    metrics = {
        "impressions": str(40 * clicks), "clicks": str(clicks), "costMicros": str(700_000 * clicks),
        "conversions": clicks // 30, "conversionsValue": 1.9 * clicks,
    }  # fmt: skip
    return {"campaign": {"id": id_}, "segments": {"date": day}, "metrics": metrics}


def _handler(bench: BenchGoogle) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = bench.answer(asked["query"], int(asked.get("pageToken") or 0))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Silent."""

    return Handler
