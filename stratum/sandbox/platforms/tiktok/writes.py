"""Writes: switches and budgets, with the platform's minimums and its partial success."""

from decimal import Decimal, InvalidOperation
from typing import Any

from stratum.sandbox.catalogue import Account
from stratum.sandbox.currencies import decimals, minor
from stratum.sandbox.platforms.base import Call
from stratum.sandbox.platforms.tiktok.errors import BusinessError, bad
from stratum.sandbox.platforms.tiktok.logins import body_of, grant_of, own_advertiser
from stratum.sandbox.platforms.tiktok.objects import ad_group_object, campaign_object

MOST_IDS = 20
# The least daily budget of a campaign, in units of the currency: 50 US dollars in round sums.
LEAST_BUDGET = {"USD": 50, "EUR": 50, "GBP": 50, "AED": 200, "SAR": 200, "KWD": 15, "JPY": 5_000}
MOST_BUDGET = 10_000_000


def _writable(call: Call) -> tuple[dict[str, Any], Account]:
    body, grant = body_of(call), grant_of(call)
    account = own_advertiser(call, grant, str(body.get("advertiser_id", "")))
    if not call.world.may_write(grant):
        raise BusinessError(40001, f"No permission to operate advertiser {account.id}")
    return body, account


def status_update(call: Call) -> dict[str, Any]:
    return _set_status(call, smart=False)


def smart_status_update(call: Call) -> dict[str, Any]:
    return _set_status(call, smart=True)


def _set_status(call: Call, *, smart: bool) -> dict[str, Any]:
    body, account = _writable(call)
    ids, operation = body.get("campaign_ids"), body.get("operation_status")
    if not isinstance(ids, list) or not ids:
        raise bad("campaign_ids: Missing data for required field.")
    if len(ids) > MOST_IDS:
        raise BusinessError(40011, f"campaign_ids: Length must be between 1 and {MOST_IDS}.")
    word = {"ENABLE": "active", "DISABLE": "paused", "DELETE": "removed"}.get(str(operation))
    if word is None:
        raise bad("operation_status: Must be one of ENABLE, DISABLE, DELETE.")
    problems = {str(one): text for one in ids if (text := _status_problem(call, account, str(one), smart))}
    if call.has_fault("item_error"):
        problems.setdefault(str(ids[0]), "The campaign is being edited by another user.")
    if problems and not smart:
        raise bad("; ".join(f"{one}: {text}" for one, text in problems.items()))
    if len(problems) == len(ids):
        raise bad(next(iter(problems.values())))
    done = [str(one) for one in ids if str(one) not in problems]
    for one in done:
        call.world.change("status", one, word)
    shown = f"CAMPAIGN_STATUS_{operation}"
    if smart and problems:
        errors = [{"campaign_id": one, "error_message": text} for one, text in problems.items()]
        return {"_code": 20001, "campaign_ids": done, "status": shown, "error_list": errors}
    listed = [{"campaign_id": one, "status": shown, "postback_window_mode": None} for one in done]
    return {"campaign_ids": done, "status": shown, "campaign_list": listed}


def _status_problem(call: Call, account: Account, campaign_id: str, smart: bool) -> str:
    campaign = call.world.campaign(campaign_id, "tiktok")
    if campaign is None or campaign.account_id != account.id:
        return f"Campaign {campaign_id} does not exist."
    if call.market.status(campaign.id, call.now) in ("removed", "deleted"):
        return "The campaign has been deleted."
    if campaign.has("smart") and not smart:
        return "Upgraded Smart+ campaigns can only be changed with the smart_plus endpoints."
    return ""


def campaign_update(call: Call) -> dict[str, Any]:
    return _update(call, smart=False)


def smart_update(call: Call) -> dict[str, Any]:
    return _update(call, smart=True)


def _update(call: Call, *, smart: bool) -> dict[str, Any]:
    body, account = _writable(call)
    campaign_id = str(body.get("campaign_id", ""))
    problem = _status_problem(call, account, campaign_id, smart)
    if problem:
        raise bad(problem)
    campaign = call.market.catalogue.campaigns[campaign_id]
    amount = None
    if "budget" in body:
        if call.market.catalogue.budgets[campaign.budget_id].kind == "none":
            raise bad("The budget can not be modified when budget_mode is BUDGET_MODE_INFINITE.")
        amount = _budget(call, account, campaign.budget_id, body["budget"], LEAST_BUDGET[account.currency])
    if body.get("campaign_name"):
        call.world.change("name", campaign.id, str(body["campaign_name"]))
    if amount is not None:
        call.world.change("amount", campaign.budget_id, amount)
    return campaign_object(_later(call), campaign)


def _later(call: Call) -> Call:
    """The same call, just after its write."""
    return Call(call.world, call.request, call.endpoint, call.world.now(), call.wall, call.fault)


def _budget(call: Call, account: Account, budget_id: str, asked: Any, least: int) -> int:
    if isinstance(asked, bool) or not isinstance(asked, (int, float)):
        raise bad("budget: Not a valid number.")
    try:
        amount = minor(Decimal(str(asked)), account.currency)
    except (ValueError, InvalidOperation) as error:
        raise bad(f"budget: {account.currency} takes {decimals(account.currency)} decimals at most.") from error
    if amount < minor(Decimal(least), account.currency):
        raise bad(f"The budget must be at least {least} {account.currency}")
    if amount >= minor(Decimal(MOST_BUDGET), account.currency):
        raise bad(f"The budget must be less than {MOST_BUDGET} {account.currency}")
    spent = call.market.spent(budget_id, call.now)
    if amount * 100 < spent * 105:
        raise bad("The budget must be at least 105% of the current spend.")
    return amount


def ad_group_update(call: Call) -> dict[str, Any]:
    body, account = _writable(call)
    wanted = str(body.get("adgroup_id", ""))
    for campaign in call.world.campaigns(account.id):
        for group in campaign.ad_groups:
            if group.id != wanted:
                continue
            if not group.budget_id:
                raise bad("The budget of this ad group is set on its campaign.")
            amount = _budget(
                call, account, group.budget_id, body.get("budget"), LEAST_BUDGET[account.currency] * 2 // 5
            )
            call.world.change("amount", group.budget_id, amount)
            return ad_group_object(_later(call), campaign, group)
    raise bad(f"Ad group {wanted} does not exist.")
