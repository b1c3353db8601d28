"""How large a file may be. A file over a limit is refused before it costs memory."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_bytes` of the upload; `max_rows` and `max_columns` of the table; the rest guards zip containers."""

    max_bytes: int = 200 * MEGABYTE
    max_rows: int = 1_100_000
    max_columns: int = 1_000
    max_unpacked_bytes: int = 1_000 * MEGABYTE
    max_shared_strings_bytes: int = 100 * MEGABYTE
    # A sheet of repeated text packs about 50:1; what unpacks to more than this, and to much, is built to harm.
    max_ratio: int = 200
    ratio_matters_from_bytes: int = 20 * MEGABYTE
    max_zip_entries: int = 2_000


DEFAULT_LIMITS = Limits()
