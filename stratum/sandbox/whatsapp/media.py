"""Files that businesses upload, and their short-lived addresses."""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from stratum.sandbox.graph import invalid
from stratum.sandbox.whatsapp.directory import MEDIA_PREFIX
from stratum.sandbox.wire import Request

ADDRESS_SECONDS = 300
FILES_KEPT = 50
DOWNLOADS = "/whatsapp_business/attachments/"
IMAGES = ("image/jpeg", "image/png", "image/webp")
_IMAGE_BYTES = 5 * 1024 * 1024
TYPES = (
    "audio/aac", "audio/mp4", "audio/mpeg", "audio/amr", "audio/ogg", "audio/opus", "application/vnd.ms-powerpoint",
    "application/msword", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/pdf", "text/plain",
    "application/vnd.ms-excel", *IMAGES, "video/mp4", "video/3gpp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Media:
    """An uploaded file; `waba` is whose."""

    id: str
    waba: str
    mime_type: str
    name: str
    data: bytes


class Shelf:
    """The newest files. They live as long as the process."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._files: OrderedDict[str, Media] = OrderedDict()
        # Part of an address: (media id, when it ends).
        self._addresses: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def add(self, waba: str, mime_type: str, name: str, data: bytes) -> Media:
        media = Media(f"{MEDIA_PREFIX}{secrets.randbelow(10**8):08d}", waba, mime_type, name, data)
        self._files[media.id] = media
        if len(self._files) > FILES_KEPT:
            self._files.popitem(last=False)
        return media

    def get(self, media_id: str) -> Media | None:
        return self._files.get(media_id)

    def remove(self, media_id: str) -> None:
        self._files.pop(media_id, None)

    def node(self, media: Media, origin: str) -> dict[str, Any]:
        """What a GET of the id answers; the address in it is new each time and lives five minutes."""
        ends, key = self._wall() + ADDRESS_SECONDS, secrets.token_urlsafe(16)
        self._addresses[key] = (media.id, ends)
        if len(self._addresses) > 10 * FILES_KEPT:
            self._addresses.popitem(last=False)
        return {
            "messaging_product": "whatsapp",
            "url": f"{origin}{DOWNLOADS}?mid={media.id}&ext={int(ends)}&hash={key}",
            "mime_type": media.mime_type,
            "sha256": hashlib.sha256(media.data).hexdigest(),
            "file_size": len(media.data),
            "id": media.id,
        }

    def at(self, media_id: str, key: str) -> Media | None:
        """The file behind an address, while that lives."""
        known, ends = self._addresses.get(key, ("", 0.0))
        return self.get(known) if known == media_id and self._wall() < ends else None


def uploaded(request: Request) -> tuple[str, str, bytes]:
    """Type, name and bytes of the file in a multipart body. GraphError when something is missing or not taken."""
    parts = _parts(request)
    if parts.get("messaging_product", ("", "", b""))[2] != b"whatsapp":
        raise invalid("The parameter messaging_product is required.")
    if "file" not in parts:
        raise invalid("The parameter file is required.")
    kind, name, data = parts["file"]
    if kind not in TYPES:
        known = ", ".join(TYPES)
        raise invalid(
            f"Param file must be a file with one of the following types: {known}. Received file of type '{kind}'."
        )
    if kind in IMAGES and len(data) > _IMAGE_BYTES:
        raise invalid("Param file must be at most 5 MB for images.")
    return kind, name, data


def _parts(request: Request) -> dict[str, tuple[str, str, bytes]]:
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return {}
    head = f"Content-Type: {kind}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    found: dict[str, tuple[str, str, bytes]] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(data, bytes):
            found[name] = (part.get_content_type(), part.get_filename() or "", data)
    return found
