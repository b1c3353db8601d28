"""The client of Meta: what PlatformClient promises, in Graph API calls."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

import structlog
from django.utils.translation import gettext as _

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
from campaigns.clients.meta import insights, usage
from campaigns.clients.meta.campaigns import AD_SET_FIELDS, EFFECTIVE_STATUSES, FIELDS, campaign_info, is_gone
from campaigns.clients.meta.errors import classify
from campaigns.clients.meta.graph import Addresses, Graph
from campaigns.clients.meta.reports import Insights
from campaigns.clients.money import from_scaled, meta_offset, to_scaled
from campaigns.clients.shares import added_up
from campaigns.clients.tokens import expiry
from campaigns.clients.windows import day_in, months_before
from campaigns.clients.wiring import Wiring
from campaigns.clients.writes import check_budget, check_not_final, not_applied

log = structlog.get_logger(__name__)

ACCOUNT_FIELDS = "id,account_id,name,currency,timezone_name,timezone_offset_hours_utc,account_status,min_daily_budget"
# 2 disabled, 100 pending closure, 101 closed. The others may be short of money, but answer.
_CLOSED = frozenset({2, 100, 101})
HISTORY_MONTHS = 37
# A write is stored before every server shows it.
READ_BACKS, READ_BACK_PAUSE = 3, 1.0


class MetaClient:
    """Facebook and Instagram ads. Conversions are booked on the day of the click or view and counted late."""

    platform = Platform.META.value
    restatement_days = 28
    uses_pkce = False
    scopes: tuple[str, ...] = ("ads_read", "ads_management", "business_management")

    def __init__(self, wiring: Wiring, addresses: Addresses):
        self._wiring = wiring
        self._addresses = addresses
        self._tokens = wiring.live_tokens(self)
        transport = wiring.transport(
            self.platform,
            self._tokens,
            classify=classify,
            observe=lambda _call, response: usage.respect(wiring.governor, response),
        )
        self._graph = Graph(transport, self._tokens, addresses, app_secret=wiring.credentials.client_secret)

    # --- Connections ---------------------------------------------------------------------------------------------

    def authorize_url(self, *, redirect_uri: str, state: str, code_challenge: str = "") -> str:
        """The consent page. Meta's dialog knows no PKCE; the app secret protects the exchange."""
        query = {
            "client_id": self._wiring.credentials.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "scope": ",".join(self.scopes),
            "response_type": "code",
        }
        return f"{self._addresses.dialog_base}/{self._addresses.version}/dialog/oauth?{urlencode(query)}"

    def exchange_code(self, *, code: str, redirect_uri: str, code_verifier: str = "") -> Tokens:
        """A token of about 60 days: the code gives one of an hour or two, which is exchanged at once."""
        short = self._token({"redirect_uri": redirect_uri, "code": code})
        return self._long_lived(short.access_token)

    def refresh(self, tokens: Tokens) -> Tokens:
        """Meta has no refresh tokens: a token that is still good buys one that lives longer. AUTH for a dead one."""
        fresh = self._long_lived(tokens.access_token)
        return fresh if fresh.scopes else replace(fresh, scopes=tokens.scopes)

    def check_health(self, account: Account) -> None:
        """Prove that token and account work. PERMISSION when Meta has closed the account."""
        record = self._graph.get(self._path(account), {"fields": ACCOUNT_FIELDS}, endpoint="account")
        if record.get("account_status") in _CLOSED:
            raise PlatformError(
                _("The ad account is disabled or closed at Meta."),
                kind=ErrorKind.PERMISSION,
                platform=self.platform,
                code=f"account_status.{record['account_status']}",
            )

    # --- Reading -------------------------------------------------------------------------------------------------

    def list_accounts(self) -> Iterator[AccountInfo]:
        seen: set[str] = set()
        for page in self._graph.pages("me/adaccounts", {"fields": ACCOUNT_FIELDS}, endpoint="accounts"):
            with reading(self.platform, "accounts"):
                found = [self._account_info(record) for record in page]
            for info in found:
                if info.external_id not in seen:
                    seen.add(info.external_id)
                    yield info

    def list_campaigns(self, account: Account) -> Iterator[CampaignInfo]:
        params = {"fields": FIELDS, "effective_status": json.dumps(EFFECTIVE_STATUSES, separators=(",", ":"))}
        seen: set[str] = set()
        for page in self._graph.pages(f"{self._path(account)}/campaigns", params, endpoint="campaigns"):
            with reading(self.platform, "campaigns"):
                records = {str(record["id"]): record for record in page}
            fresh = [record for id_, record in records.items() if id_ not in seen]
            seen.update(records)
            yield from self._campaign_infos(fresh, account)

    def daily_metrics(self, account: Account, *, start: date, end: date) -> Iterator[DayMetrics]:
        """Days on which something was delivered or converted; a day without a row says nothing."""
        asked = Insights(self._graph, self._wiring, self._path(account), insights.daily_params())
        yield from asked.rows(self._within_history(start, account), end, insights.day_reader(account))

    def breakdowns(self, account: Account, *, start: date, end: date) -> Iterator[BreakdownRow]:
        start = self._within_history(start, account)
        for breakdowns in insights.BREAKDOWNS:
            asked = Insights(self._graph, self._wiring, self._path(account), insights.breakdown_params(breakdowns))
            rows = asked.rows(
                start,
                end,
                insights.breakdown_reader(account, breakdowns),
                # One row for the whole period, if Meta can: these figures are only ever shown as sums.
                slice_days=max(1, (end - start).days + 1),
            )
            yield from added_up(share for shares in rows for share in shares)

    # --- Writing -------------------------------------------------------------------------------------------------

    def set_status(self, account: Account, campaign: CampaignInfo, *, active: bool) -> CampaignInfo:
        check_not_final(self.platform, campaign)
        wanted = "ACTIVE" if active else "PAUSED"
        self._graph.post(campaign.external_id, {"status": wanted}, endpoint="campaign_write")
        return self._read_back(account, campaign, "status", wanted)

    def check_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> None:
        self._budget_text(account, campaign, minor)

    def set_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> CampaignInfo:
        wanted = self._budget_text(account, campaign, minor)
        self._graph.post(campaign.external_id, {"daily_budget": wanted}, endpoint="campaign_write")
        return self._read_back(account, campaign, "daily_budget", wanted)

    # --- Parts ---------------------------------------------------------------------------------------------------

    def _token(self, query: dict[str, str]) -> Tokens:
        credentials = self._wiring.credentials
        query = {"client_id": credentials.client_id, "client_secret": credentials.client_secret, **query}
        body = self._graph.get_unauthorized("oauth/access_token", query)
        with reading(self.platform, "a token"):
            return Tokens(str(body["access_token"]), expires_at=expiry(body.get("expires_in"), self._wiring.now()))

    def _long_lived(self, token: str) -> Tokens:
        tokens = self._token({"grant_type": "fb_exchange_token", "fb_exchange_token": token})
        return replace(tokens, scopes=self._granted(tokens.access_token))

    def _granted(self, token: str) -> tuple[str, ...]:
        """What the person really granted (the dialog lets them untick); nothing when Meta does not say."""
        credentials = self._wiring.credentials
        app = {"Authorization": f"Bearer {credentials.client_id}|{credentials.client_secret}"}
        try:
            body = self._graph.get_unauthorized("debug_token", {"input_token": token}, headers=app)
        except PlatformError as error:
            log.info("meta.scopes_unknown", kind=error.kind.value, code=error.code)
            return ()
        scopes = (body.get("data") or {}).get("scopes") or []
        return tuple(str(scope) for scope in scopes)

    def _account_info(self, record: dict[str, Any]) -> AccountInfo:
        currency = str(record["currency"])
        minimum = record.get("min_daily_budget")
        return AccountInfo(
            external_id=str(record.get("account_id") or str(record["id"]).removeprefix("act_")),
            name=str(record.get("name") or record["id"]),
            currency=currency,
            timezone=str(record["timezone_name"]),
            enabled=record.get("account_status") not in _CLOSED,
            minimum_daily_budget=None if minimum is None else from_scaled(minimum, meta_offset(currency), currency),
            raw=storable(record),
        )

    def _campaign_infos(self, records: list[dict[str, Any]], account: Account) -> list[CampaignInfo]:
        """Campaigns with what their ad sets add. Those of gone campaigns are not asked for."""
        ad_sets = self._ad_sets([str(record["id"]) for record in records if not is_gone(record)], account)
        with reading(self.platform, "campaigns"):
            now = self._wiring.now()
            return [campaign_info(record, ad_sets[str(record["id"])], account, now) for record in records]

    def _ad_sets(self, campaign_ids: list[str], account: Account) -> defaultdict[str, list[dict[str, Any]]]:
        """Ad sets by campaign."""
        found: dict[str, dict[str, Any]] = {}
        if campaign_ids:
            only = [{"field": "campaign.id", "operator": "IN", "value": campaign_ids}]
            params = {"fields": AD_SET_FIELDS, "filtering": json.dumps(only, separators=(",", ":"))}
            for page in self._graph.pages(f"{self._path(account)}/adsets", params, endpoint="ad_sets"):
                with reading(self.platform, "ad sets"):
                    found.update((str(record["id"]), record) for record in page)
        by_campaign: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        with reading(self.platform, "ad sets"):
            for record in found.values():
                by_campaign[str(record["campaign_id"])].append(record)
        return by_campaign

    def _budget_text(self, account: Account, campaign: CampaignInfo, minor: int) -> str:
        """The budget as Meta writes it. INPUT when it cannot be set."""
        check_budget(self.platform, account, campaign, minor=minor)
        return str(to_scaled(minor, meta_offset(account.currency), account.currency))

    def _read_back(self, account: Account, campaign: CampaignInfo, name: str, wanted: str) -> CampaignInfo:
        """The campaign as Meta shows it after a write. 'success' says that it was stored, not that it holds."""
        found: Any = None
        for attempt in range(READ_BACKS):
            if attempt:
                self._wiring.sleep(READ_BACK_PAUSE)
            record = self._graph.get(campaign.external_id, {"fields": FIELDS}, endpoint="campaign")
            found = record.get(name)
            if str(found) == wanted:
                return self._campaign_infos([record], account)[0]
        raise not_applied(self.platform, name, wanted=wanted, found=found)

    def _within_history(self, start: date, account: Account) -> date:
        """Meta refuses questions about days more than 37 months ago."""
        return max(start, months_before(day_in(self._wiring.now(), account.timezone), HISTORY_MONTHS))

    @staticmethod
    def _path(account: Account) -> str:
        return f"act_{account.external_id.removeprefix('act_')}"
