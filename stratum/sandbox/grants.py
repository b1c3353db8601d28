"""Logins at the platforms: who granted what to the app, and the codes and tokens that stand for it.

Tokens live by the real clock, as their users do; only the market has a clock of its own.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

CLIENT_SECRET = "sandbox-secret"  # noqa: S105 (printed in the documentation)
CODE_SECONDS = 600.0


def client_id(platform: str) -> str:
    return f"sandbox-{platform}"


@dataclass(slots=True)
class Grant:
    """What a person allowed: these accounts of one platform. `created` counts for refresh tokens that run out."""

    id: str
    platform: str
    person: str
    accounts: frozenset[str]
    created: float
    revoked: bool = False


@dataclass(slots=True)
class Token:
    """`kind` is access, refresh, code, or hook: an address that takes messages. `expires` None: not by time. `facts`
    holds what it is bound to."""

    value: str
    kind: str
    grant: str
    expires: float | None
    used: bool = False
    facts: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    """Why a token does not count: missing, unknown, expired, revoked or used."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Grants:
    """All grants and tokens. Every change is also handed to `note`, which keeps it for the next start."""

    def __init__(self, note: Any) -> None:
        self._grants: dict[str, Grant] = {}
        self._tokens: dict[str, Token] = {}
        self._note = note

    def grant(self, platform: str, person: str, accounts: frozenset[str], at: float) -> Grant:
        made = Grant(secrets.token_hex(8), platform, person, accounts, at)
        self.restore_grant(_grant_json(made))
        self._note({"kind": "grant", **_grant_json(made)})
        return made

    def issue(
        self, kind: str, grant: Grant, *, prefix: str, expires: float | None, facts: dict[str, str] | None = None
    ) -> Token:
        token = Token(prefix + secrets.token_urlsafe(24), kind, grant.id, expires, facts=facts or {})
        self._tokens[token.value] = token
        entry = {"value": token.value, "of": kind, "grant": grant.id, "expires": expires, "facts": token.facts}
        self._note({"kind": "token", **entry})
        return token

    def check(self, value: str, kind: str, platform: str, now: float) -> Grant:
        """The grant behind a token; Refused says why there is none."""
        if not value:
            raise Refused("missing")
        token = self._tokens.get(value)
        if token is None or token.kind != kind or self._grants[token.grant].platform != platform:
            raise Refused("unknown")
        if self._grants[token.grant].revoked:
            raise Refused("revoked")
        if token.used:
            raise Refused("used")
        if token.expires is not None and token.expires <= now:
            raise Refused("expired")
        return self._grants[token.grant]

    def redeem(self, code: str, platform: str, now: float, redirect_uri: str | None, verifier: str) -> Grant:
        """Take a code once. Refused when it was taken before, ran out, or was made for another address or verifier."""
        grant = self.check(code, "code", platform, now)
        token = self._tokens[code]
        if redirect_uri is not None and token.facts["redirect_uri"] != redirect_uri:
            raise Refused("redirect")
        challenge = token.facts.get("challenge", "")
        if challenge:
            digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
            if challenge not in (digest, verifier if token.facts.get("method") == "plain" else digest):
                raise Refused("verifier")
        self.spend(code)
        return grant

    def spend(self, value: str) -> None:
        """A code, or a refresh token that works once, was used."""
        self._tokens[value].used = True
        self._note({"kind": "token_used", "value": value})

    def token(self, value: str) -> Token | None:
        return self._tokens.get(value)

    def grant_of(self, token: Token) -> Grant:
        return self._grants[token.grant]

    def all(self) -> list[Grant]:
        return list(self._grants.values())

    def expire(self, platform: str = "", person: str = "", *, at: float) -> int:
        """All access tokens of these end now; what refreshes them lives on. Returns how many."""
        ended = 0
        for token in self._tokens.values():
            if token.kind == "access" and self._is_of(self._grants[token.grant], platform, person):
                token.expires, ended = at, ended + 1
        self._note({"kind": "tokens_expired", "platform": platform, "person": person, "at": at})
        return ended

    def revoke(self, platform: str = "", person: str = "", grant_id: str = "") -> int:
        """These grants end, and all their tokens with them. Returns how many."""
        ended = 0
        for grant in self._grants.values():
            if not grant.revoked and self._is_of(grant, platform, person) and grant_id in ("", grant.id):
                grant.revoked, ended = True, ended + 1
        self._note({"kind": "grants_revoked", "platform": platform, "person": person, "grant": grant_id})
        return ended

    def restore_grant(self, entry: dict[str, Any]) -> None:
        self._grants[entry["id"]] = Grant(
            entry["id"], entry["platform"], entry["person"], frozenset(entry["accounts"]), entry["created"]
        )

    def restore(self, entry: dict[str, Any]) -> None:
        """Take up one noted change again, in the order in which they were noted."""
        note, self._note = self._note, lambda _entry: None
        match entry["kind"]:
            case "grant":
                self.restore_grant(entry)
            case "token":
                made = Token(entry["value"], entry["of"], entry["grant"], entry["expires"], facts=entry["facts"])
                self._tokens[made.value] = made
            case "token_used":
                self._tokens[entry["value"]].used = True
            case "tokens_expired":
                self.expire(entry["platform"], entry["person"], at=entry["at"])
            case "grants_revoked":
                self.revoke(entry["platform"], entry["person"], entry["grant"])
        self._note = note

    @staticmethod
    def _is_of(grant: Grant, platform: str, person: str) -> bool:
        return platform in ("", grant.platform) and person in ("", grant.person)


def _grant_json(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id,
        "platform": grant.platform,
        "person": grant.person,
        "accounts": sorted(grant.accounts),
        "created": grant.created,
    }
