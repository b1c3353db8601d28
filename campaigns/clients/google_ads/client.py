"""The client of Google Ads: what PlatformClient promises, in queries and mutates."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode

import structlog
from django.utils.translation import gettext as _

from campaigns.choices import Platform
from campaigns.clients.answers import reading
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
from campaigns.clients.google_ads import rows
from campaigns.clients.google_ads.api import Addresses, GoogleAds
from campaigns.clients.google_ads.errors import UNUSABLE_CUSTOMER, classify
from campaigns.clients.money import MICROS, google_billable_unit, to_scaled
from campaigns.clients.shares import added_up
from campaigns.clients.tokens import expiry
from campaigns.clients.windows import day_in, months_before, slices
from campaigns.clients.wiring import Wiring
from campaigns.clients.writes import check_budget, check_not_final, not_applied, refusal

log = structlog.get_logger(__name__)

SLICE_DAYS = 14
HISTORY_MONTHS = 37
# How many ids one query may name.
IDS_PER_QUERY = 500
# A write is stored before every server shows it.
READ_BACKS, READ_BACK_PAUSE = 3, 1.0

Row = dict[str, Any]


class GoogleAdsClient:
    """Search, Display, Performance Max, Video. Conversions are booked on the day of the click, for up to 90 days."""

    platform = Platform.GOOGLE.value
    restatement_days = 30
    # Google documents PKCE for installed apps; a web server's exchange is protected by the client secret.
    uses_pkce = False
    scopes: tuple[str, ...] = ("https://www.googleapis.com/auth/adwords",)

    def __init__(self, wiring: Wiring, addresses: Addresses):
        self._wiring = wiring
        self._addresses = addresses
        transport = wiring.transport(self.platform, wiring.live_tokens(self), classify=classify)
        self._api = GoogleAds(transport, addresses)
        self._places: dict[str, str] = {}

    # --- Connections ---------------------------------------------------------------------------------------------

    def authorize_url(self, *, redirect_uri: str, state: str, code_challenge: str = "") -> str:
        """The consent page. Without offline access and a fresh consent there would be no refresh token."""
        query = {
            "client_id": self._wiring.credentials.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": " ".join(self.scopes),
            "access_type": "offline",
            "prompt": "consent",
            "state": state,
        }
        if code_challenge:
            query |= {"code_challenge": code_challenge, "code_challenge_method": "S256"}
        return f"{self._addresses.consent_base}/o/oauth2/v2/auth?{urlencode(query)}"

    def exchange_code(self, *, code: str, redirect_uri: str, code_verifier: str = "") -> Tokens:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        if code_verifier:
            form["code_verifier"] = code_verifier
        return self._tokens(form, known=None)

    def refresh(self, tokens: Tokens) -> Tokens:
        """A new access token of an hour. Google hands out no new refresh token: the old one stays."""
        if not tokens.refresh_token:
            raise PlatformError(
                _("There is no refresh token: the account must be connected again."),
                kind=ErrorKind.AUTH,
                platform=self.platform,
            )
        return self._tokens({"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}, known=tokens)

    def check_health(self, account: Account) -> None:
        """Prove that token and customer work. PERMISSION when the customer is cancelled, suspended or closed."""
        status = self._customer(account.external_id, login_id=account.login_id).get("status", "ENABLED")
        if status != "ENABLED":
            raise PlatformError(
                _("The Google Ads account is not enabled."),
                kind=ErrorKind.PERMISSION,
                platform=self.platform,
                code=f"customer.{status}",
            )

    # --- Reading -------------------------------------------------------------------------------------------------

    def list_accounts(self) -> Iterator[AccountInfo]:
        """Customers that have campaigns: those granted directly, then those below the managers that were."""
        seen: set[str] = set()
        managers: list[str] = []
        for customer_id in self._api.accessible_customers():
            record = self._usable_customer(customer_id)
            if record is None:
                continue
            if record.get("manager") is True:
                managers.append(customer_id)
                continue
            seen.add(customer_id)
            with reading(self.platform, "customers"):
                info = rows.account_info(record, login_id="")
            yield info
        for manager in managers:
            for info in self._clients_of(manager):
                if info.external_id not in seen:
                    seen.add(info.external_id)
                    yield info

    def list_campaigns(self, account: Account) -> Iterator[CampaignInfo]:
        """All campaigns, removed ones included."""
        seen: set[str] = set()
        for page in self._search(account, f"{rows.CAMPAIGNS} ORDER BY campaign.id"):
            with reading(self.platform, "campaigns"):
                found = {str(row["campaign"]["id"]): row for row in page}
            fresh = {id_: row for id_, row in found.items() if id_ not in seen}
            seen.update(fresh)
            ids = list(fresh)
            for begin in range(0, len(ids), IDS_PER_QUERY):
                yield from self._campaign_infos([fresh[id_] for id_ in ids[begin : begin + IDS_PER_QUERY]], account)

    def daily_metrics(self, account: Account, *, start: date, end: date) -> Iterator[DayMetrics]:
        """Days on which something happened; Google leaves out days whose numbers are all zero."""
        for window in slices(self._within_history(start, account), end, days=SLICE_DAYS):
            query = f"{rows.DAYS} {_between(window.start, window.end)} ORDER BY segments.date, campaign.id"
            found: dict[Hashable, DayMetrics] = {}
            for page in self._search(account, query):
                with reading(self.platform, "daily numbers"):
                    found.update(rows.day_metrics(row, account) for row in page)
            # Handed out when the window is complete: a query that had to start over brings its first rows again.
            yield from found.values()

    def breakdowns(self, account: Account, *, start: date, end: date) -> Iterator[BreakdownRow]:
        period = _between(self._within_history(start, account), end)
        values: dict[str, Callable[[Row], str]] = {
            "age": rows.age_value,
            "gender": rows.gender_value,
            "location": lambda row: self._places.get(rows.country_of(row), "unknown"),
        }
        for dimension, value in values.items():
            yield from added_up(self._shares(account, dimension, value, period))

    # --- Writing -------------------------------------------------------------------------------------------------

    def set_status(self, account: Account, campaign: CampaignInfo, *, active: bool) -> CampaignInfo:
        check_not_final(self.platform, campaign)
        wanted = "ENABLED" if active else "PAUSED"
        name = f"customers/{rows.digits(account.external_id)}/campaigns/{campaign.external_id}"
        update = {"resourceName": name, "status": wanted}
        self._api.mutate(account.external_id, "campaigns", update, "status", login_id=account.login_id)
        return self._read_back(account, campaign, "status", wanted, rows.own_status)

    def check_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> None:
        self._set_budget(account, campaign, minor, validate_only=True)

    def set_daily_budget(self, account: Account, campaign: CampaignInfo, *, minor: int) -> CampaignInfo:
        micros = self._set_budget(account, campaign, minor, validate_only=False)
        return self._read_back(account, campaign, "daily budget", micros, rows.daily_micros)

    # --- Parts ---------------------------------------------------------------------------------------------------

    def _tokens(self, form: dict[str, str], *, known: Tokens | None) -> Tokens:
        credentials = self._wiring.credentials
        body = self._api.token({"client_id": credentials.client_id, "client_secret": credentials.client_secret, **form})
        with reading(self.platform, "a token"):
            scopes = tuple(str(body.get("scope") or "").split())
            return Tokens(
                access_token=str(body["access_token"]),
                refresh_token=body.get("refresh_token") or (known.refresh_token if known else None),
                expires_at=expiry(body.get("expires_in"), self._wiring.now()),
                scopes=scopes or (known.scopes if known else ()),
            )

    def _customer(self, customer_id: str, *, login_id: str) -> Row:
        with reading(self.platform, "a customer"):
            (row,) = [row for page in self._api.search(customer_id, rows.CUSTOMER, login_id=login_id) for row in page]
            return dict(row["customer"])

    def _usable_customer(self, customer_id: str) -> Row | None:
        """The customer; None for one that is closed or not really open to this person."""
        try:
            return self._customer(customer_id, login_id="")
        except PlatformError as error:
            if error.code not in UNUSABLE_CUSTOMER:
                raise
            log.info("google.customer_skipped", customer=customer_id, code=error.code)
            return None

    def _clients_of(self, manager: str) -> Iterator[AccountInfo]:
        """Customers at any depth below a manager; calls about them must name it."""
        for page in self._api.search(manager, rows.CLIENTS, login_id=manager):
            with reading(self.platform, "customers"):
                clients = [row["customerClient"] for row in page]
                found = [rows.account_info(client, login_id=manager) for client in clients if not client.get("manager")]
            yield from found

    def _search(self, account: Account, query: str) -> Iterator[list[Row]]:
        return self._api.search(account.external_id, query, login_id=account.login_id)

    def _campaign_infos(self, found: list[Row], account: Account) -> list[CampaignInfo]:
        """Campaigns with what their own criteria say. Removed ones are not asked about."""
        with reading(self.platform, "campaigns"):
            living = [str(row["campaign"]["id"]) for row in found if rows.own_status(row) != "REMOVED"]
        criteria = self._criteria(account, living)
        with reading(self.platform, "campaigns"):
            return [
                rows.campaign_info(row, account, rows.targeting(criteria[str(row["campaign"]["id"])], self._places))
                for row in found
            ]

    def _criteria(self, account: Account, ids: list[str]) -> defaultdict[str, list[Row]]:
        """Targeting criteria by campaign; the places they name are looked up on the way."""
        by_campaign: defaultdict[str, dict[str, Row]] = defaultdict(dict)
        if ids:
            for page in self._search(account, f"{rows.CRITERIA} WHERE campaign.id IN ({', '.join(ids)})"):
                with reading(self.platform, "criteria"):
                    for row in page:
                        criterion = row["campaignCriterion"]
                        by_campaign[str(row["campaign"]["id"])][str(criterion["criterionId"])] = criterion
        found = [criterion for criteria in by_campaign.values() for criterion in criteria.values()]
        with reading(self.platform, "criteria"):
            self._look_up(account, filter(None, (rows.place_id(criterion) for criterion in found)))
        return defaultdict(list, {id_: list(criteria.values()) for id_, criteria in by_campaign.items()})

    def _look_up(self, account: Account, place_ids: Iterable[str]) -> None:
        """Learn the names of places that are not known yet."""
        unknown = sorted({id_ for id_ in place_ids if id_.isdigit()} - self._places.keys())
        for begin in range(0, len(unknown), IDS_PER_QUERY):
            ids = ", ".join(unknown[begin : begin + IDS_PER_QUERY])
            for page in self._search(account, f"{rows.PLACES} WHERE geo_target_constant.id IN ({ids})"):
                with reading(self.platform, "places"):
                    for row in page:
                        constant = row["geoTargetConstant"]
                        self._places[str(constant["id"])] = rows.place_name(constant)

    def _shares(
        self, account: Account, dimension: str, value: Callable[[Row], str], period: str
    ) -> Iterator[BreakdownRow]:
        """Rows of one view as shares, each row once."""
        seen: set[Hashable] = set()
        for page in self._search(account, f"{rows.BREAKDOWNS[dimension]} {period}"):
            if dimension == "location":
                with reading(self.platform, "countries"):
                    countries = [rows.country_of(row) for row in page]
                self._look_up(account, countries)
            with reading(self.platform, f"the breakdown by {dimension}"):
                fresh = {rows.row_key(row): row for row in page}
                shares = [
                    rows.share(row, dimension, value(row), account) for key, row in fresh.items() if key not in seen
                ]
            seen.update(fresh)
            yield from shares

    def _set_budget(self, account: Account, campaign: CampaignInfo, minor: int, *, validate_only: bool) -> int:
        """Set, or rehearse, the budget of a campaign; its micros. INPUT when it cannot be set.

        What the campaign's budget is, is asked first: it may have become shared since the last sync, and setting it
        would then change campaigns that nobody meant.
        """
        check_budget(self.platform, account, campaign, minor=minor)
        micros = to_scaled(minor, MICROS, account.currency)
        if micros % google_billable_unit(account.currency):
            raise refusal(
                self.platform,
                _("Google takes budgets in {currency} only in coarser steps.").format(currency=account.currency),
                "not_multiple",
            )
        now = self._info(self._row(account, campaign), account)
        check_budget(self.platform, account, now, minor=minor)
        if not now.budget_object:
            raise refusal(self.platform, _("Google does not say which budget this campaign has."), "unknown")
        update = {"resourceName": now.budget_object, "amountMicros": str(micros)}
        self._api.mutate(
            account.external_id,
            "campaignBudgets",
            update,
            "amountMicros",
            login_id=account.login_id,
            validate_only=validate_only,
        )
        return micros

    def _row(self, account: Account, campaign: CampaignInfo) -> Row:
        if not campaign.external_id.isdigit():
            raise refusal(self.platform, _("This is not the id of a Google campaign."), "bad_id")
        query = f"{rows.CAMPAIGNS} WHERE campaign.id = {campaign.external_id}"
        for page in self._search(account, query):
            return page[0]
        raise PlatformError(
            _("Google does not know this campaign, or not for us."),
            kind=ErrorKind.PERMISSION,
            platform=self.platform,
            code="local.missing",
        )

    def _info(self, row: Row, account: Account) -> CampaignInfo:
        with reading(self.platform, "a campaign"):
            return rows.campaign_info(row, account, {})

    def _read_back(
        self, account: Account, campaign: CampaignInfo, name: str, wanted: object, of: Callable[[Row], object]
    ) -> CampaignInfo:
        """The campaign as Google shows it after a write."""
        found: object = None
        for attempt in range(READ_BACKS):
            if attempt:
                self._wiring.sleep(READ_BACK_PAUSE)
            row = self._row(account, campaign)
            with reading(self.platform, "a campaign"):
                found = of(row)
            if found == wanted:
                return self._campaign_infos([row], account)[0]
        raise not_applied(self.platform, name, wanted=wanted, found=found)

    def _within_history(self, start: date, account: Account) -> date:
        """Google keeps days for 37 months."""
        return max(start, months_before(day_in(self._wiring.now(), account.timezone), HISTORY_MONTHS))


def _between(start: date, end: date) -> str:
    """Both days included."""
    return f"WHERE segments.date BETWEEN '{start}' AND '{end}'"
