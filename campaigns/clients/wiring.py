"""What every client is made of, and how its transport is put together from it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from campaigns.clients.base import AppCredentials, PlatformClient, Tokens
from campaigns.clients.governor import Governor
from campaigns.clients.memory import Memory
from campaigns.clients.tokens import LiveTokens
from campaigns.clients.transport import Classify, Observe, Transport, bearer

# How the owner of a connection comes to new tokens: see campaigns.clients.tokens.Renew. The client is there to ask the
# platform with (`client.refresh(stale)`).
RenewWith = Callable[[PlatformClient, Tokens], Tokens]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Wiring:
    """Whose calls these are, what they share with other workers, and what a test replaces.

    `renew` unset: new tokens are asked for and kept for this client alone. `patience` is how many seconds a client may
    wait in one call for work that the platform does on its side (a report).
    """

    governor: Governor
    memory: Memory
    credentials: AppCredentials = field(default_factory=AppCredentials)
    tokens: Tokens | None = None
    renew: RenewWith | None = None
    http: httpx.Client | None = None
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = utc_now
    patience: float = 420.0

    def live_tokens(self, client: PlatformClient) -> LiveTokens:
        """The tokens of the connection, renewed the way its owner wants."""
        renew = self.renew

        def renewed(stale: Tokens) -> Tokens:
            return renew(client, stale) if renew else client.refresh(stale)

        return LiveTokens(self.tokens, platform=client.platform, renew=renewed, now=self.now)

    def transport(
        self,
        platform: str,
        tokens: LiveTokens,
        *,
        classify: Classify,
        observe: Observe | None = None,
        authorize: Callable[[str], Mapping[str, str]] = bearer,
    ) -> Transport:
        """The way to the platform for a client."""
        return Transport(
            platform=platform,
            governor=self.governor,
            classify=classify,
            http=self.http,
            sleep=self.sleep,
            tokens=tokens,
            authorize=authorize,
            observe=observe,
            secrets=(self.credentials.client_secret,),
        )
