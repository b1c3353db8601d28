"""Which way e-mail leaves this installation."""

from typing import Protocol

from django.conf import settings

from accounts.clients.folder import FolderOutlet
from accounts.clients.letters import Answer, Letter, Verdict
from accounts.clients.smtp import SmtpOutlet


class Outlet(Protocol):
    """Takes letters one after the other; `close` after the last."""

    def deliver(self, letter: Letter) -> Answer: ...

    def close(self) -> None: ...


class NoOutlet:
    """There is neither a mail server nor a folder: messages wait, and say why."""

    def deliver(self, letter: Letter) -> Answer:
        return Answer(Verdict.OFFLINE, "local.no_server")

    def close(self) -> None:
        """Nothing is kept open."""


def outlet() -> Outlet:
    """The mail server where one is set, else the folder."""
    if settings.EMAIL_HOST:
        return SmtpOutlet()
    return FolderOutlet() if settings.EMAIL_FOLDER else NoOutlet()


def destination() -> str:
    """Where e-mail goes, for people who run Stratum: 'smtp.example:587', a folder, or ''."""
    if settings.EMAIL_HOST:
        return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    return settings.EMAIL_FOLDER
