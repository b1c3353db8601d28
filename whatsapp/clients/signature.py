"""Whether a webhook call is WhatsApp's."""

from collections.abc import Mapping


def is_signed(raw: bytes, header: str | None, secret: str) -> bool:
    """`raw`: the body as it came, never one that was parsed and written again. `header`: X-Hub-Signature-256."""
    raise NotImplementedError


def challenge(query: Mapping[str, str]) -> str | None:
    """The text to answer to the check of a new webhook address, None when it is not ours to answer."""
    raise NotImplementedError
