"""Requests and answers, as far as the platforms need them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """One HTTP request. `query` is raw, header names are lower case, `path` is decoded."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @cached_property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a form body; a JSON object's members too, where a platform takes either."""
        if "json" in self.headers.get("content-type", ""):
            found = self.json
            return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @cached_property
    def form_pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def bearer(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    @property
    def same_origin(self) -> bool:
        """A page elsewhere in the person's browser must not steer the sandbox."""
        origin = self.headers.get("origin", "")
        return not origin or urlsplit(origin).netloc == self.headers.get("host", "")

    @property
    def origin(self) -> str:
        """The address that the caller used, without path."""
        return f"http://{self.headers.get('host', 'localhost')}"


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. `delay` seconds pass before it; `keep` bytes of the body are sent (None: all); `reset` sends none.
    `then` makes the answer that is sent instead; it runs without the world's lock and may wait for others."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    keep: int | None = None
    reset: bool = False
    then: "Callable[[], Response] | None" = None

    def with_headers(self, headers: Mapping[str, str]) -> "Response":
        return replace(self, headers={**self.headers, **headers})


def names(text: str) -> frozenset[str]:
    """The words of a text: a vocabulary."""
    return frozenset(text.split())


def json_response(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None, *, content_type: str = JSON
) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(status, text.encode(), {"Content-Type": content_type, **(headers or {})})


def text_response(text: str, status: int = 200, content_type: str = "text/plain") -> Response:
    return Response(status, text.encode(), {"Content-Type": content_type})


def html_response(text: str, status: int = 200) -> Response:
    return text_response(text, status, "text/html; charset=utf-8")


def redirect(url: str, fields: Mapping[str, str]) -> Response:
    """302 to `url` with these fields added to its query."""
    joint = "&" if "?" in url else "?"
    return Response(302, b"", {"Location": f"{url}{joint}{urlencode(fields)}"})


GATEWAY_PAGE = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
