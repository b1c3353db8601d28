"""Deliveries into a folder, one .eml file each: for machines without a mail server. Any mail program opens them."""

import os
import re
from pathlib import Path

import structlog
from django.conf import settings

from accounts.clients.letters import Answer, Letter, Verdict

log = structlog.get_logger(__name__)


class FolderOutlet:
    """Files of EMAIL_FOLDER, named by time and message, for their owner's eyes only."""

    def deliver(self, letter: Letter) -> Answer:
        """The file appears whole or not at all. A second try of the same message replaces it."""
        folder = Path(settings.EMAIL_FOLDER)
        name = re.sub(r"[^0-9A-Za-z]", "", letter.message_id.partition("@")[0])
        path = folder / f"{letter.written_at:%Y%m%d-%H%M%S}-{name}.eml"
        part = path.with_suffix(".part")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(letter.as_bytes())
            part.replace(path)
        except OSError as error:
            log.warning("email.folder", code=error.errno)
            return Answer(Verdict.OFFLINE, "local.no_folder", error.strerror or "")
        log.info("email.delivery", message_id=letter.message_id, verdict="sent", file=path.name)
        return Answer(Verdict.SENT)

    def close(self) -> None:
        """Nothing is kept open."""
