"""The client of LinkedIn: what PlatformClient promises, in calls of the versioned Marketing API."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from campaigns.choices import BudgetLock, Platform
from campaigns.clients.answers import reading, storable
from campaigns.clients.base import (
    Account,
    AccountInfo,
    BreakdownRow,
    CampaignInfo,
    DayMetrics,
    ErrorKind,
    PlatformError,
    Tokens,
)
from campaigns.clients.linkedin.analytics import Analytics
from campaigns.clients.linkedin.api import Addresses, Api
from campaigns.clients.linkedin.campaigns import (
    GROUP_STATUSES,
    STATUSES,
    budget_json,
    budget_lock,
    budget_minor,
    campaign_info,
    group_id,
    location_urns,
)
from campaigns.clients.linkedin.errors import classifier
from campaigns.clients.linkedin.places import Places
from campaigns.clients.shares import added_up
from campaigns.clients.tokens import expiry
from campaigns.clients.windows import Window
from campaigns.clients.wiring import Wiring
from campaigns.clients.writes import check_budget, check_not_final, not_applied, refusal

ACCOUNTS_PER_PAGE, CAMPAIGNS_PER_PAGE = 100, 500
# A write is stored before every server shows it.
READ_BACKS, READ_BACK_PAUSE = 3, 1.0


class LinkedInClient:
    """LinkedIn ads. Days are UTC for every account; age and gender are not told."""

    platform = Platform.LINKEDIN.value
    restatement_days = 30
    uses_pkce = False
    scopes: tuple[str, ...] = ("r_ads", "rw_ads", "r_ads_reporting")

    def __init__(self, wiring: Wiring, addresses: Addresses):
        self._wiring = wiring
        self._addresses = addresses
        transport = wiring.transport(self.platform, wiring.live_tokens(self), classify=classifier(wiring.now))
        self._api = Api(transport, addresses, wiring)
        self._analytics = Analytics(self._api)
        self._places = Places(self._api)
        self._listed: set[str] | None = None

    # --- Connections ---------------------------------------------------------------------------------------------

    def authorize_url(self, *, redirect_uri: str, state: str, code_challenge: str = "") -> str:
        """The consent page. It documents no PKCE for web apps; the secret protects the exchange."""
        query = {
            "response_type": "code",
            "client_id": self._wiring.credentials.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "scope": " ".join(self.scopes),
        }
        return f"{self._addresses.oauth_base}/oauth/v2/authorization?{urlencode(query, quote_via=quote)}"

    def exchange_code(self, *, code: str, redirect_uri: str, code_verifier: str = "") -> Tokens:
        """Tokens for 60 days; only approved partners get one to refresh them with. AUTH for a code that is no good."""
        form = {"grant_type": "authorization_code", "code": code, **self._app(), "redirect_uri": redirect_uri}
        return self._tokens(self._api.token(form, repeatable=False), Tokens(""))

    def refresh(self, tokens: Tokens) -> Tokens:
        """A new access token. The refresh token's own year, counted from the consent, is not prolonged by it."""
        form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token or "", **self._app()}
        return self._tokens(self._api.token(form, repeatable=True), tokens)

    def check_health(self, account: Account) -> None:
        """Prove that the token works and that the account is among those it may read."""
        self._listed = None
        self._check_listed(account)

    # --- Reading -------------------------------------------------------------------------------------------------

    def list_accounts(self) -> Iterator[AccountInfo]:
        seen: set[str] = set()
        params = {"q": "search", "search": _with_status("ACTIVE"), "pageSize": ACCOUNTS_PER_PAGE}
        for page in self._api.pages("adAccounts", params, endpoint="accounts"):
            with reading(self.platform, "accounts"):
                found = [_account_info(record) for record in page]
            for info in found:
                if info.external_id not in seen:
                    seen.add(info.external_id)
                    yield info

    def list_campaigns(self, account: Account) -> Iterator[CampaignInfo]:
        """Removed campaigns included: they are archived, not gone."""
        params = {
            "q": "search",
            "search": _with_status(*STATUSES),
            "sortOrder": "ASCENDING",
            "pageSize": CAMPAIGNS_PER_PAGE,
        }
        seen: set[str] = set()
        groups = _Groups(lambda: self._groups(account))
        for page in self._api.pages(f"adAccounts/{account.external_id}/adCampaigns", params, endpoint="campaigns"):
            with reading(self.platform, "campaigns"):
                records = {str(record["id"]): record for record in page}
            fresh = [record for id_, record in records.items() if id_ not in seen]
            seen.update(records)
            yield from self._campaign_infos(fresh, groups, account)
        if not seen:
            self._check_listed(account)

    def daily_metrics(self, account: Account, *, start: date, end: date) -> Iterator[DayMetrics]:
        """Days on which something happened; a day without a row says nothing. PERMISSION when there is none to read."""
        empty = True
        for row in self._analytics.days(account, Window(start, end)):
            empty = False
            yield row
        if empty:
            self._check_listed(account)

    def breakdowns(self, account: Account, *, start: date, end: date) -> Iterator[BreakdownRow]:
        """Countries of the campaigns that delivered: a row does not name its campaign, so each is asked about alone."""
        delivered = {
            row.campaign_external_id for row in self.daily_metrics(account, start=start, end=end) if row.impressions
        }
        for campaign_id in sorted(delivered):
            shares = list(self._analytics.countries_of(account, campaign_id, Window(start, end)))
            names = self._places.names(share.value for share in shares)
            yield from added_up(_named(share, names) for share in shares)

    # --- Writing -------------------------------------------------------------------------------------------------

    def set_status(self, account: Account, campaign: CampaignInfo, *, active: bool) -> CampaignInfo:
        check_not_final(self.platform, campaign)
        wanted = "ACTIVE" if active else "PAUSED"
        self._api.set(_path(account, campaign.external_id), {"status": wanted}, endpoint="campaign_write")
        return self._read_back(account, campaign.external_id, wanted, lambda shown: shown.get("status"))

    def check_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> None:
        """The minimum is LinkedIn's to tell: it publishes none."""
        check_budget(self.platform, account, campaign, minor=minor)

    def set_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> CampaignInfo:
        check_budget(self.platform, account, campaign, minor=minor)
        record = self._record(account, campaign.external_id)
        with reading(self.platform, "a campaign"):
            lock = budget_lock(record, account.currency)
        if lock:
            raise refusal(self.platform, str(BudgetLock(lock).label), lock)
        values = {"dailyBudget": budget_json(minor, account.currency)}
        self._api.set(_path(account, campaign.external_id), values, endpoint="campaign_write")
        return self._read_back(
            account, campaign.external_id, minor, lambda shown: budget_minor(shown.get("dailyBudget"), account.currency)
        )

    # --- Parts ---------------------------------------------------------------------------------------------------

    def _app(self) -> dict[str, str]:
        credentials = self._wiring.credentials
        return {"client_id": credentials.client_id, "client_secret": credentials.client_secret}

    def _tokens(self, body: dict[str, Any], old: Tokens) -> Tokens:
        with reading(self.platform, "a token"):
            return Tokens(
                str(body["access_token"]),
                refresh_token=body.get("refresh_token") or old.refresh_token,
                expires_at=expiry(body.get("expires_in"), self._wiring.now()),
                scopes=tuple(str(body.get("scope") or "").replace(",", " ").split()) or old.scopes,
            )

    def _check_listed(self, account: Account) -> None:
        """PERMISSION when the account is not among those that the token may read: nothing else tells."""
        if self._listed is None:
            self._listed = {info.external_id for info in self.list_accounts()}
        if account.external_id not in self._listed:
            raise PlatformError(
                "LinkedIn does not list this account for the connection any more.",
                kind=ErrorKind.PERMISSION,
                platform=self.platform,
                code="local.missing",
            )

    def _groups(self, account: Account) -> dict[str, dict[str, Any]]:
        """Budgets of all campaign groups by id."""
        params = {"q": "search", "search": _with_status(*GROUP_STATUSES), "pageSize": CAMPAIGNS_PER_PAGE}
        found: dict[str, dict[str, Any]] = {}
        for page in self._api.pages(f"adAccounts/{account.external_id}/adCampaignGroups", params, endpoint="groups"):
            with reading(self.platform, "campaign groups"):
                for record in page:
                    found[str(record["id"])] = {name: record.get(name) for name in ("dailyBudget", "totalBudget")}
        return found

    def _campaign_infos(self, records: list[dict[str, Any]], groups: "_Groups", account: Account) -> list[CampaignInfo]:
        with reading(self.platform, "campaigns"):
            urns = {urn for record in records for urn in location_urns(record)}
            shared = {
                str(record["id"]): group_id(record)
                for record in records
                if budget_lock(record, account.currency) == BudgetLock.SHARED
            }
        places = self._places.names(urns)
        carriers = {id_: groups.get(group) for id_, group in shared.items()}
        with reading(self.platform, "campaigns"):
            return [campaign_info(record, carriers.get(str(record["id"])), places, account) for record in records]

    def _record(self, account: Account, campaign_id: str) -> dict[str, Any]:
        """The campaign as it is now. PERMISSION when LinkedIn does not show it."""
        return self._api.get(_path(account, campaign_id), endpoint="campaign")

    def _read_back(
        self, account: Account, campaign_id: str, wanted: object, value_of: Callable[[dict[str, Any]], object]
    ) -> CampaignInfo:
        found: object = None
        for attempt in range(READ_BACKS):
            if attempt:
                self._wiring.sleep(READ_BACK_PAUSE)
            record = self._record(account, campaign_id)
            with reading(self.platform, "a campaign"):
                found = value_of(record)
            if found == wanted:
                return self._campaign_infos([record], _Groups(lambda: self._groups(account)), account)[0]
        raise not_applied(self.platform, "change", wanted=wanted, found=found)


class _Groups:
    """Campaign groups, asked for when the first campaign turns out to live on its group's budget."""

    def __init__(self, load: Callable[[], dict[str, dict[str, Any]]]):
        self._load = load
        self._found: dict[str, dict[str, Any]] | None = None

    def get(self, id_: str) -> dict[str, Any] | None:
        if self._found is None:
            self._found = self._load()
        return self._found.get(id_)


def _with_status(*values: str) -> dict[str, Any]:
    """Search criteria, without which a search is refused."""
    return {"status": {"values": list(values)}}


def _path(account: Account, campaign_id: str) -> str:
    return f"adAccounts/{account.external_id}/adCampaigns/{campaign_id}"


def _account_info(record: dict[str, Any]) -> AccountInfo:
    return AccountInfo(
        external_id=str(record["id"]),
        name=str(record.get("name") or record["id"]),
        currency=str(record["currency"]),
        timezone="UTC",
        enabled=record.get("status") == "ACTIVE",
        raw=storable(record),
    )


def _named(share: BreakdownRow, names: dict[str, str]) -> BreakdownRow:
    return replace(share, value=names[share.value])
