"""The tokens of one connection while a client works with them: renewed ahead of time, and once when refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from campaigns.clients.base import ErrorKind, PlatformError, Tokens

# From tokens that ran out, or are about to, to the ones to go on with. Who calls a client decides what this is: it may
# lock the connection, find that another worker has been here already, and keep what the platform hands out.
Renew = Callable[[Tokens], Tokens]
MARGIN = timedelta(minutes=5)


def expiry(seconds: object, now: datetime) -> datetime | None:
    """The moment that `expires_in` seconds mean; None for a token that does not run out by time."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | str) or not str(seconds).isdigit():
        return None
    return now + timedelta(seconds=int(seconds)) if int(seconds) else None


class LiveTokens:
    """Hands out the access token. Tokens without a refresh token are used for as long as the platform takes them."""

    def __init__(
        self,
        tokens: Tokens | None,
        *,
        platform: str,
        renew: Renew | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ):
        self.current = tokens
        self._platform = platform
        self._renew = renew
        self._now = now

    def access_token(self) -> str:
        """The token to send; AUTH when there is none. Renewed first when it is about to run out."""
        if self.current is None:
            raise self._dead("This connection has no token.")
        if self._can_renew and self.current.expires_at and self.current.expires_at - self._now() < MARGIN:
            self.renew()
        return self.current.access_token

    def renew(self) -> None:
        """Go on with new tokens; AUTH when the platform gives none out: a person must connect again."""
        if self.current is None or self._renew is None or not self._can_renew:
            raise self._dead("The access token has run out and cannot be refreshed.")
        self.current = self._renew(self.current)

    def secrets(self) -> list[str]:
        """What must never be read in a log or on a screen."""
        tokens = self.current
        return [text for text in (tokens.access_token, tokens.refresh_token) if text] if tokens else []

    @property
    def _can_renew(self) -> bool:
        return bool(self._renew and self.current and self.current.refresh_token)

    def _dead(self, message: str) -> PlatformError:
        return PlatformError(message, kind=ErrorKind.AUTH, platform=self._platform)
