"""The client of TikTok: what PlatformClient promises, in calls of the API for Business."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlencode

from campaigns.choices import Platform
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
from campaigns.clients.tiktok.api import Addresses, Api, refused_items
from campaigns.clients.tiktok.campaigns import (
    DISABLE,
    ENABLE,
    SMART_PLUS,
    budget_lock,
    budget_number,
    campaign_info,
    is_deleted,
)
from campaigns.clients.tiktok.errors import DUPLICATE, classifier
from campaigns.clients.tiktok.reports import Reports, least_budget
from campaigns.clients.windows import Window, day_in, zone
from campaigns.clients.wiring import Wiring
from campaigns.clients.writes import check_budget, check_not_final, not_applied, refusal
from stratum.lib.money import to_minor

# Facts of so many advertisers come in one answer, ad groups of so many campaigns.
ADVERTISERS_PER_CALL, CAMPAIGNS_PER_CALL = 100, 100
ADVERTISER_FIELDS = (
    "advertiser_id", "name", "currency", "timezone", "display_timezone", "status", "country", "create_time",
)  # fmt: skip
# A write is stored before the listing shows it.
READ_BACKS, READ_BACK_PAUSE = 3, 1.0
# In units. TikTok's minimum is 50 US dollars and their equal elsewhere, whose rate it keeps to itself.
LEAST_DOLLARS, LEAST_DOLLARS_SHOP, BELOW_UNITS = 50, 10, 10_000_000

_T = TypeVar("_T")


class TikTokClient:
    """TikTok ads. Tokens do not run out by time and cannot be refreshed; limits are the app's, not a tenant's."""

    platform = Platform.TIKTOK.value
    restatement_days = 28
    uses_pkce = False
    # What is granted is chosen in the app's registration, not in the question.
    scopes: tuple[str, ...] = ()

    def __init__(self, wiring: Wiring, addresses: Addresses):
        self._wiring = wiring
        self._addresses = addresses
        transport = wiring.transport(
            self.platform,
            wiring.live_tokens(self),
            classify=classifier(wiring.now),
            authorize=lambda token: {"Access-Token": token},
        )
        self._api = Api(transport, addresses, governor=wiring.governor, memory=wiring.memory)
        self._reports = Reports(self._api)

    # --- Connections ---------------------------------------------------------------------------------------------

    def authorize_url(self, *, redirect_uri: str, state: str, code_challenge: str = "") -> str:
        """The consent page, which sends `auth_code` back. It knows no PKCE; the secret protects the exchange."""
        query = {"app_id": self._wiring.credentials.client_id, "state": state, "redirect_uri": redirect_uri}
        return f"{self._addresses.consent_base}/portal/auth?{urlencode(query)}"

    def exchange_code(self, *, code: str, redirect_uri: str, code_verifier: str = "") -> Tokens:
        """A token without an end. AUTH for a code that was used or is too old (an hour)."""
        body = {**self._app(), "auth_code": code}
        # A code works once: what an answer that got lost said cannot be asked for again.
        data = self._api.post("oauth2/access_token", body, endpoint="oauth", authorized=False, repeatable=False)
        with reading(self.platform, "a token"):
            scopes = data.get("scope") or []
            return Tokens(str(data["access_token"]), scopes=tuple(str(scope) for scope in scopes))

    def refresh(self, tokens: Tokens) -> Tokens:
        """AUTH, always: these tokens work until somebody revokes them, and then a person must connect again."""
        raise PlatformError(
            "TikTok's tokens cannot be refreshed.", kind=ErrorKind.AUTH, platform=self.platform, code="local.no_refresh"
        )

    def check_health(self, account: Account) -> None:
        """Prove that token and account work."""
        if not self._facts([account.external_id]):
            raise PlatformError(
                "TikTok does not show this account to the connection any more.",
                kind=ErrorKind.PERMISSION,
                platform=self.platform,
                code="local.missing",
            )

    # --- Reading -------------------------------------------------------------------------------------------------

    def list_accounts(self) -> Iterator[AccountInfo]:
        data = self._api.get("oauth2/advertiser/get", self._app(), endpoint="advertisers")
        with reading(self.platform, "accounts"):
            ids = list(dict.fromkeys(str(record["advertiser_id"]) for record in data["list"]))
        for some in _chunks(ids, ADVERTISERS_PER_CALL):
            yield from self._facts(some)

    def list_campaigns(self, account: Account) -> Iterator[CampaignInfo]:
        """Deleted campaigns included: they are archived, not gone."""
        pages = self._api.pages(
            "campaign/get",
            {"advertiser_id": account.external_id, "filtering": {"primary_status": "STATUS_ALL"}},
            endpoint="campaigns",
            key=lambda record: str(record["campaign_id"]),
        )
        for page in pages:
            for records in _chunks(page, CAMPAIGNS_PER_CALL):
                yield from self._campaign_infos(records, account)

    def daily_metrics(self, account: Account, *, start: date, end: date) -> Iterator[DayMetrics]:
        """Days on which something was delivered or converted; a day without a row says nothing."""
        yield from self._reports.days(account, Window(start, end))

    def breakdowns(self, account: Account, *, start: date, end: date) -> Iterator[BreakdownRow]:
        yield from self._reports.shares(account, Window(start, end))

    # --- Writing -------------------------------------------------------------------------------------------------

    def set_status(self, account: Account, campaign: CampaignInfo, *, active: bool) -> CampaignInfo:
        check_not_final(self.platform, campaign)
        record = self._record(account, campaign.external_id)
        self._check_not_deleted(record)
        wanted = ENABLE if active else DISABLE
        body = {"campaign_ids": [campaign.external_id], "operation_status": wanted}
        self._write(account, record, "status/update", body)
        return self._read_back(account, campaign, wanted, lambda found: found.get("operation_status"))

    def check_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> None:
        """Minimum and maximum; and, when the budget is to fall, that it stays above 105 % of today's spend."""
        check_budget(self.platform, account, campaign, minor=minor)
        least = _least(campaign.objective, account.currency)
        if least is not None and minor < least:
            raise refusal(self.platform, "The daily budget is below TikTok's minimum.", "below_minimum")
        if minor >= to_minor(BELOW_UNITS, account.currency):
            raise refusal(self.platform, "The daily budget is above TikTok's maximum.", "above_maximum")
        if campaign.daily_budget is None or minor < campaign.daily_budget:
            self._check_above_spend(account, campaign, minor)

    def set_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> CampaignInfo:
        self.check_daily_budget(account, campaign, minor=minor)
        record = self._record(account, campaign.external_id)
        self._check_not_deleted(record)
        if lock := budget_lock(record):
            raise refusal(self.platform, "The budget of this campaign cannot be changed.", lock)
        wanted = budget_number(minor, account.currency)
        body = {"campaign_id": campaign.external_id, "budget": wanted}
        self._write(account, record, "update", body)
        return self._read_back(account, campaign, wanted, lambda found: found.get("budget"))

    # --- Parts ---------------------------------------------------------------------------------------------------

    def _app(self) -> dict[str, str]:
        credentials = self._wiring.credentials
        return {"app_id": credentials.client_id, "secret": credentials.client_secret}

    def _facts(self, ids: list[str]) -> list[AccountInfo]:
        params = {"advertiser_ids": ids, "fields": ADVERTISER_FIELDS}
        data = self._api.get("advertiser/info", params, endpoint="advertiser")
        with reading(self.platform, "accounts"):
            return [_account_info(record) for record in data["list"]]

    def _campaign_infos(self, records: Sequence[dict[str, Any]], account: Account) -> list[CampaignInfo]:
        """Campaigns with what their ad groups add. Those of deleted campaigns are not asked for."""
        with reading(self.platform, "campaigns"):
            ids = [str(record["campaign_id"]) for record in records if not is_deleted(record)]
        groups = self._ad_groups(ids, account)
        with reading(self.platform, "campaigns"):
            return [campaign_info(record, groups[str(record["campaign_id"])], account) for record in records]

    def _ad_groups(self, campaign_ids: list[str], account: Account) -> defaultdict[str, list[dict[str, Any]]]:
        """Ad groups by campaign."""
        by_campaign: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        if not campaign_ids:
            return by_campaign
        pages = self._api.pages(
            "adgroup/get",
            {
                "advertiser_id": account.external_id,
                "filtering": {"campaign_ids": campaign_ids, "primary_status": "STATUS_ALL"},
            },
            endpoint="ad_groups",
            key=lambda record: str(record["adgroup_id"]),
        )
        for page in pages:
            with reading(self.platform, "ad groups"):
                for record in page:
                    by_campaign[str(record["campaign_id"])].append(record)
        return by_campaign

    def _record(self, account: Account, campaign_id: str) -> dict[str, Any]:
        """The campaign as it is now. PERMISSION when TikTok does not show it."""
        data = self._api.get(
            "campaign/get",
            {
                "advertiser_id": account.external_id,
                "filtering": {"campaign_ids": [campaign_id], "primary_status": "STATUS_ALL"},
                "page": "1",
                "page_size": "10",
            },
            endpoint="campaign",
        )
        with reading(self.platform, "a campaign"):
            for record in data["list"]:
                if str(record["campaign_id"]) == campaign_id:
                    return record
        raise PlatformError(
            "TikTok does not show this campaign to the connection.",
            kind=ErrorKind.PERMISSION,
            platform=self.platform,
            code="local.missing",
        )

    def _check_not_deleted(self, record: dict[str, Any]) -> None:
        if is_deleted(record):
            raise refusal(self.platform, "The campaign is deleted; TikTok takes no changes to it.", "final")

    def _check_above_spend(self, account: Account, campaign: CampaignInfo, minor: int) -> None:
        """What today's report does not tell, or cannot be asked for now, is left to TikTok to refuse."""
        today = day_in(self._wiring.now(), account.timezone)
        try:
            spent = self._reports.spend_of(account, campaign.external_id, today)
        except PlatformError as error:
            if error.kind in (ErrorKind.AUTH, ErrorKind.PERMISSION):
                raise
            return
        if spent is not None and minor < least_budget(spent):
            raise refusal(
                self.platform, "The daily budget must be at least 105 % of what was spent today.", "below_spend"
            )

    def _write(self, account: Account, record: dict[str, Any], action: str, body: dict[str, Any]) -> None:
        """Write to the family of the campaign. INPUT for the item that TikTok refused within a success."""
        smart = record.get("campaign_automation_type") == SMART_PLUS
        path = f"{'smart_plus/' if smart else ''}campaign/{action}"
        try:
            data = self._api.post(path, {"advertiser_id": account.external_id, **body}, endpoint="campaign_write")
        except PlatformError as error:
            if error.code != str(DUPLICATE):
                raise
            return  # somebody, maybe ourselves, has asked for the same just now: reading back tells
        with reading(self.platform, "a write"):
            refused = refused_items(data, "campaign_id")
        reason = refused.get(str(record["campaign_id"]))
        if reason is not None:
            raise PlatformError(reason, kind=ErrorKind.INPUT, platform=self.platform, code="item.refused")

    def _read_back(self, account: Account, campaign: CampaignInfo, wanted: Any, value_of: Any) -> CampaignInfo:
        """The campaign as TikTok shows it after a write."""
        found: Any = None
        for attempt in range(READ_BACKS):
            if attempt:
                self._wiring.sleep(READ_BACK_PAUSE)
            record = self._record(account, campaign.external_id)
            found = value_of(record)
            if _same(found, wanted):
                return self._campaign_infos([record], account)[0]
        raise not_applied(self.platform, "change", wanted=wanted, found=found)


def _account_info(record: dict[str, Any]) -> AccountInfo:
    # The first of the two names a fixed offset with the sign turned round (Etc/GMT+8 is UTC-8, summer and winter).
    shown = str(record.get("display_timezone") or "")
    return AccountInfo(
        external_id=str(record["advertiser_id"]),
        name=str(record.get("name") or record["advertiser_id"]),
        currency=str(record["currency"]),
        timezone=shown if shown and zone(shown) else str(record["timezone"]),
        enabled=record.get("status") in (None, "STATUS_ENABLE"),
        raw=storable(record),
    )


def _least(objective: str | None, currency: str) -> int | None:
    """The lowest daily budget in minor units, None where TikTok does not publish it."""
    if currency.upper() != "USD":
        return None
    # Only sales in a shop have the lower minimum, and the record does not tell a shop from a website.
    units = LEAST_DOLLARS_SHOP if objective == "PRODUCT_SALES" else LEAST_DOLLARS
    return to_minor(units, currency)


def _same(found: Any, wanted: Any) -> bool:
    """Whether TikTok shows what was written: 300.5 may come back as the Decimal 300.50."""
    if isinstance(wanted, str) or found is None:
        return bool(found == wanted)
    return Decimal(str(found)) == Decimal(str(wanted))


def _chunks(items: list[_T], size: int) -> Iterator[list[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
