"""What every ad platform can do for Stratum, in Stratum's own terms.

A client speaks one platform's wire and nothing else: no models, no settings lookups beyond its own addresses, no
retries of its own (campaigns.clients.transport has the one policy). Money leaves a client in ISO 4217 minor units
of the account's currency, conversions × 1,000,000, days as days of the account's zone. `None` is 'the platform did
not say', never 0.
"""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol


class ErrorKind(StrEnum):
    """What a failed call means for whoever made it."""

    RATE = "rate"  # wait, then the same call is good
    TRANSIENT = "transient"  # the platform's fault, likely to pass
    AUTH = "auth"  # the token is dead: a person must re-authorise
    EXPIRED = "expired"  # the access token ran out: refresh once, repeat once
    PERMISSION = "permission"  # the token is good, this account or object is not ours
    INPUT = "input"  # the call itself is wrong; repeating it is useless
    TOO_MUCH = "too_much"  # ask for less: fewer days, smaller pages, or an asynchronous report
    BROKEN = "broken"  # the answer cannot be read: HTML, truncated, an unknown shape


RETRYABLE = frozenset({ErrorKind.RATE, ErrorKind.TRANSIENT, ErrorKind.BROKEN})


class LimitScope(StrEnum):
    """Whom a limit that was hit holds back."""

    OBJECT = "object"  # the one campaign or ad set: nobody else has to wait
    ENDPOINT = "endpoint"  # this kind of call for this account
    ACCOUNT = "account"  # everything for this account
    APP_ENDPOINT = "app_endpoint"  # this kind of call for everybody
    APP = "app"  # everybody: all tenants share the app registration's limit


class PlatformError(Exception):
    """A call that failed. `str(error)` is the platform's own sentence, without tokens.

    `code` is the platform's, as text; `request_id` what its support asks for; `retry_after` seconds it asked to wait;
    `scope` whom a limit holds back (for kind RATE).
    """

    def __init__(
        self,
        message: str,
        *,
        kind: ErrorKind,
        platform: str,
        code: str = "",
        request_id: str = "",
        retry_after: float | None = None,
        status: int | None = None,
        scope: LimitScope = LimitScope.ENDPOINT,
    ):
        super().__init__(message)
        self.kind = kind
        self.platform = platform
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.status = status
        self.scope = scope

    def redacted(self, secrets: Iterable[str]) -> "PlatformError":
        """The same error; platforms repeat a token that they refuse, so its text is taken out of the sentence."""
        text = str(self)
        for secret in secrets:
            if secret:
                text = text.replace(secret, "•••")
        self.args = (text,)
        return self


@dataclass(frozen=True, slots=True)
class Tokens:
    """`expires_at` None: the token does not run out by time. `refresh_token` None: it cannot be refreshed."""

    access_token: str
    refresh_token: str | None = None
    expires_at: datetime.datetime | None = None
    scopes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Tokens(expires_at={self.expires_at}, scopes={self.scopes})"


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """An ad account that the token may use. `login_id` is the manager account that access goes through, if any."""

    external_id: str
    name: str
    currency: str
    timezone: str
    enabled: bool = True
    login_id: str = ""
    minimum_daily_budget: int | None = None
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CampaignInfo:
    """A campaign as the platform describes it. `status` is a value of campaigns.choices.CampaignStatus.

    `status` is empty when the platform said something that nobody knows yet: what was known before holds.
    `budget_object` names what carries the daily budget (a shared budget, an ad set) when it is not the campaign itself;
    `budget_read_only`, a value of campaigns.choices.BudgetLock, says why it cannot be changed at campaign level.
    Keys of `targeting`, each absent when the platform does not say: age_min, age_max (whole years), genders
    ('female', 'male'; absent: all), locations (ISO country codes, names of smaller places), interests (names).
    Days are days of the account's zone, both included. `raw` is plain JSON.
    """

    external_id: str
    name: str
    status: str
    objective: str | None = None
    daily_budget: int | None = None
    lifetime_budget: int | None = None
    start_date: datetime.date | None = None
    end_date: datetime.date | None = None
    budget_object: str = ""
    budget_read_only: str = ""
    warning: str = ""
    targeting: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)


class DayMetrics(NamedTuple):
    """One campaign on one day of the account's zone. A tuple: a sync makes hundreds of thousands of them."""

    campaign_external_id: str
    date: datetime.date
    impressions: int | None = None
    clicks: int | None = None
    spend: int | None = None
    conversions_micros: int | None = None
    revenue: int | None = None
    video_views: int | None = None
    video_completions: int | None = None
    shares: int | None = None
    comments: int | None = None
    saves: int | None = None
    # The window within which conversions were counted, in the platform's own words.
    attribution: str | None = None


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """A campaign's share of one demographic value over a period. Sums of these do not rebuild totals.

    `value`: '18-24', '65+' …; 'female', 'male'; an ISO country code or a place's name; 'unknown' for each.
    """

    campaign_external_id: str
    dimension: str  # age | gender | location
    value: str
    impressions: int | None = None
    clicks: int | None = None
    spend: int | None = None
    conversions_micros: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What a client must know of the account that a call is about.

    `conversion_actions`: the platform's names of what counts as a conversion, best first; empty: its usual ones.
    `minimum_daily_budget` in minor units, where the platform named one.
    """

    external_id: str
    currency: str
    timezone: str
    login_id: str = ""
    conversion_actions: tuple[str, ...] = ()
    minimum_daily_budget: int | None = None


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """The installation's registration at a platform. Empty strings mean that it has none."""

    client_id: str = ""
    client_secret: str = ""

    @property
    def complete(self) -> bool:
        return bool(self.client_id and self.client_secret)

    def __repr__(self) -> str:
        return f"AppCredentials(client_id={self.client_id!r})"


class PlatformClient(Protocol):
    """One platform, one token. Lists are iterators: nothing holds a whole account in memory.

    Every method raises PlatformError. Lists are complete or raise: a page that fails ends the listing, so that an
    absent campaign may be taken as gone only after a listing that ended by itself.
    """

    platform: str
    # How many trailing days the platform may still restate.
    restatement_days: int
    uses_pkce: bool
    # What a person is asked to grant; a connection without all of them is not whole.
    scopes: tuple[str, ...]

    def authorize_url(self, *, redirect_uri: str, state: str, code_challenge: str = "") -> str: ...

    def exchange_code(self, *, code: str, redirect_uri: str, code_verifier: str = "") -> Tokens: ...

    def refresh(self, tokens: Tokens) -> Tokens: ...

    def check_health(self, account: Account) -> None: ...

    def list_accounts(self) -> Iterator[AccountInfo]: ...

    def list_campaigns(self, account: Account) -> Iterator[CampaignInfo]: ...

    def daily_metrics(self, account: Account, *, start: datetime.date, end: datetime.date) -> Iterator[DayMetrics]: ...

    def breakdowns(self, account: Account, *, start: datetime.date, end: datetime.date) -> Iterator[BreakdownRow]: ...

    def set_status(self, account: Account, campaign: CampaignInfo, *, active: bool) -> CampaignInfo: ...

    def check_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> None:
        """Refuse (INPUT) what set_daily_budget would refuse, and change nothing.

        Asks the platform itself where that offers a rehearsal; elsewhere only what can be known here is checked.
        """
        ...

    def set_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> CampaignInfo: ...
