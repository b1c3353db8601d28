"""The client of Snapchat: what PlatformClient promises, in calls of the Marketing API."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode

import httpx

from campaigns.choices import BudgetLock, Platform
from campaigns.clients.answers import reading, storable
from campaigns.clients.base import Account, AccountInfo, BreakdownRow, CampaignInfo, DayMetrics, Tokens
from campaigns.clients.money import MICROS, to_scaled
from campaigns.clients.snapchat.api import Addresses, Api
from campaigns.clients.snapchat.campaigns import AdSquad, ad_squad, campaign_info, writable
from campaigns.clients.snapchat.errors import classifier, nearly_used_up, seconds_to_reset
from campaigns.clients.snapchat.stats import Stats
from campaigns.clients.tokens import expiry
from campaigns.clients.transport import Call
from campaigns.clients.windows import Window
from campaigns.clients.wiring import Wiring
from campaigns.clients.writes import check_budget, check_not_final, not_applied, refusal
from stratum.lib.money import to_minor

# A write is stored before every server shows it.
READ_BACKS, READ_BACK_PAUSE = 3, 1.0
LEAST_DOLLARS = 20


class SnapchatClient:
    """Snapchat ads. Tokens live for half an hour or an hour: long listings outlive them."""

    platform = Platform.SNAPCHAT.value
    restatement_days = 28
    uses_pkce = False
    scopes: tuple[str, ...] = ("snapchat-marketing-api",)

    def __init__(self, wiring: Wiring, addresses: Addresses):
        self._wiring = wiring
        self._addresses = addresses
        transport = wiring.transport(
            self.platform, wiring.live_tokens(self), classify=classifier(wiring.now), observe=self._spare_the_limit
        )
        self._api = Api(transport, addresses, sleep=wiring.sleep)
        self._stats = Stats(self._api)

    # --- Connections ---------------------------------------------------------------------------------------------

    def authorize_url(self, *, redirect_uri: str, state: str, code_challenge: str = "") -> str:
        """The consent page. It documents no PKCE; the secret protects the exchange."""
        query = {
            "client_id": self._wiring.credentials.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": " ".join(self.scopes),
            "state": state,
        }
        return f"{self._addresses.oauth_base}/login/oauth2/authorize?{urlencode(query)}"

    def exchange_code(self, *, code: str, redirect_uri: str, code_verifier: str = "") -> Tokens:
        """AUTH for a code that was used or is too old."""
        form = {"grant_type": "authorization_code", **self._app(), "code": code, "redirect_uri": redirect_uri}
        return self._tokens(self._api.token(form, repeatable=False), Tokens(""))

    def refresh(self, tokens: Tokens) -> Tokens:
        """New tokens; the old refresh token stays good when no new one comes. AUTH when it is dead."""
        form = {"grant_type": "refresh_token", **self._app(), "refresh_token": tokens.refresh_token or ""}
        return self._tokens(self._api.token(form, repeatable=True), tokens)

    def check_health(self, account: Account) -> None:
        """Prove that token and account work."""
        self._api.get(f"adaccounts/{account.external_id}", endpoint="account")

    # --- Reading -------------------------------------------------------------------------------------------------

    def list_accounts(self) -> Iterator[AccountInfo]:
        seen: set[str] = set()
        for organizations in self._api.records(
            "me/organizations", "organizations", "organization", endpoint="organizations"
        ):
            with reading(self.platform, "organizations"):
                ids = [str(record["id"]) for record in organizations]
            for id_ in ids:
                for info in self._accounts_of(id_):
                    if info.external_id not in seen:
                        seen.add(info.external_id)
                        yield info

    def list_campaigns(self, account: Account) -> Iterator[CampaignInfo]:
        """Deleted campaigns are not listed: what a whole listing lacks is gone."""
        squads = self._squads(f"adaccounts/{account.external_id}/adsquads")
        seen: set[str] = set()
        path = f"adaccounts/{account.external_id}/campaigns"
        for page in self._api.records(path, "campaigns", "campaign", endpoint="campaigns"):
            with reading(self.platform, "campaigns"):
                records = {str(record["id"]): record for record in page}
                found = [
                    campaign_info(record, squads[id_], account, self._wiring.now())
                    for id_, record in records.items()
                    if id_ not in seen
                ]
            seen.update(records)
            yield from found

    def daily_metrics(self, account: Account, *, start: date, end: date) -> Iterator[DayMetrics]:
        """A day without a row says nothing, one with zeros says zero."""
        yield from self._stats.days(account, Window(start, end))

    def breakdowns(self, account: Account, *, start: date, end: date) -> Iterator[BreakdownRow]:
        yield from self._stats.shares(account, Window(start, end))

    # --- Writing -------------------------------------------------------------------------------------------------

    def set_status(self, account: Account, campaign: CampaignInfo, *, active: bool) -> CampaignInfo:
        check_not_final(self.platform, campaign)
        record = self._record(campaign.external_id)
        return self._write(account, record, "status", "ACTIVE" if active else "PAUSED")

    def check_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> None:
        self._micro(account, campaign, minor)

    def set_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> CampaignInfo:
        wanted = self._micro(account, campaign, minor)
        record = self._record(campaign.external_id)
        if record.get("daily_budget_micro") is None:
            raise refusal(self.platform, str(BudgetLock.AD_SETS.label), BudgetLock.AD_SETS.value)
        return self._write(account, record, "daily_budget_micro", wanted)

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

    def _spare_the_limit(self, _call: Call, response: httpx.Response) -> None:
        """Hold this account's calls back while almost nothing of its limit is left."""
        if nearly_used_up(response) and (seconds := seconds_to_reset(response, self._wiring.now())):
            self._wiring.governor.block(seconds)

    def _accounts_of(self, organization: str) -> Iterator[AccountInfo]:
        path = f"organizations/{organization}/adaccounts"
        for page in self._api.records(path, "adaccounts", "adaccount", endpoint="accounts"):
            with reading(self.platform, "accounts"):
                found = [_account_info(record) for record in page]
            yield from found

    def _squads(self, path: str) -> defaultdict[str, list[AdSquad]]:
        """Ad squads by campaign."""
        by_campaign: defaultdict[str, list[AdSquad]] = defaultdict(list)
        seen: set[str] = set()
        for page in self._api.records(path, "adsquads", "adsquad", endpoint="ad_squads"):
            with reading(self.platform, "ad squads"):
                for record in page:
                    if record["id"] not in seen:
                        seen.add(record["id"])
                        by_campaign[str(record["campaign_id"])].append(ad_squad(record))
        return by_campaign

    def _record(self, campaign_id: str) -> dict[str, Any]:
        """The campaign as it is now. PERMISSION when Snapchat does not know it (any more)."""
        body = self._api.get(f"campaigns/{campaign_id}", endpoint="campaign")
        with reading(self.platform, "a campaign"):
            record: dict[str, Any] = body["campaigns"][0]["campaign"]
            if record["id"] != campaign_id:
                raise ValueError("another campaign")
            return record

    def _micro(self, account: Account, campaign: CampaignInfo, minor: int) -> int:
        """The budget in millionths. INPUT when it cannot be set."""
        check_budget(self.platform, account, campaign, minor=minor)
        least = _least(account.currency)
        if least is not None and minor < least:
            raise refusal(self.platform, "The daily budget is below Snapchat's minimum.", "below_minimum")
        return to_scaled(minor, MICROS, account.currency)

    def _write(self, account: Account, record: dict[str, Any], name: str, wanted: str | int) -> CampaignInfo:
        """Put the whole campaign back with one value changed, and read it back."""
        campaign_id = str(record["id"])
        body = {"campaigns": [writable(record, **{name: wanted})]}
        self._api.put(f"adaccounts/{account.external_id}/campaigns", body, endpoint="campaign_write")
        return self._read_back(account, campaign_id, wanted, lambda shown: shown.get(name))

    def _read_back(
        self, account: Account, campaign_id: str, wanted: object, value_of: Callable[[dict[str, Any]], object]
    ) -> CampaignInfo:
        found: object = None
        for attempt in range(READ_BACKS):
            if attempt:
                self._wiring.sleep(READ_BACK_PAUSE)
            record = self._record(campaign_id)
            found = value_of(record)
            if found == wanted:
                squads = self._squads(f"campaigns/{campaign_id}/adsquads")[campaign_id]
                with reading(self.platform, "a campaign"):
                    return campaign_info(record, squads, account, self._wiring.now())
        raise not_applied(self.platform, "change", wanted=wanted, found=found)


def _account_info(record: dict[str, Any]) -> AccountInfo:
    currency = str(record["currency"])
    return AccountInfo(
        external_id=str(record["id"]),
        name=str(record.get("name") or record["id"]),
        currency=currency,
        timezone=str(record["timezone"]),
        enabled=record.get("status") in (None, "ACTIVE"),
        minimum_daily_budget=_least(currency),
        raw=storable(record),
    )


def _least(currency: str) -> int | None:
    """The lowest daily budget of a campaign in minor units, None where it is not published."""
    return to_minor(LEAST_DOLLARS, currency) if currency.upper() == "USD" else None
