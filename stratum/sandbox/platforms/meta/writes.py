"""Writes on campaigns and ad sets: set one or more fields, all or nothing."""

from typing import Any

from stratum.sandbox.catalogue import AdGroup, Campaign
from stratum.sandbox.grants import Grant
from stratum.sandbox.graph import invalid
from stratum.sandbox.platforms.base import Call
from stratum.sandbox.platforms.meta import insights, nodes
from stratum.sandbox.platforms.meta.errors import forbidden, limited
from stratum.sandbox.platforms.meta.logins import fields_of

CHANGES_AN_HOUR = 4


def write(call: Call, grant: Grant, campaign: Campaign, group: AdGroup | None) -> dict[str, Any]:
    """Everything is checked before anything is written."""
    if not call.world.may_write(grant):
        raise forbidden()
    fields = fields_of(call.request)
    target = group.id if group else campaign.id
    if call.market.status(target, call.now) == "deleted":
        raise invalid("Deleted objects can't be edited", error_subcode=1487056)
    changes: list[tuple[str, str, Any]] = []
    if "status" in fields:
        if fields["status"] not in nodes.WRITABLE:
            raise invalid("status must be one of the following values: ACTIVE, PAUSED, DELETED, ARCHIVED")
        changes.append(("status", target, nodes.WRITABLE[fields["status"]]))
    if "name" in fields:
        changes.append(("name", target, fields["name"]))
    for kind in ("daily", "lifetime"):
        if f"{kind}_budget" in fields:
            budget_id = _budget_for(call, campaign, group, kind)
            amount = _budget_amount(call, campaign, fields[f"{kind}_budget"], kind)
            changes.append(("amount", budget_id, amount))
    if not changes and set(fields) <= {"access_token", "appsecret_proof"}:
        raise invalid("No parameters to update were given")
    for what, object_id, value in changes:
        call.world.change(what, object_id, value)
    return {"success": True}


def _budget_for(call: Call, campaign: Campaign, group: AdGroup | None, kind: str) -> str:
    budget_id = campaign.budget_id if group is None else group.budget_id
    if not budget_id or (group is None and campaign.budgets_on_groups):
        owner = "campaign" if group is None else "ad set"
        raise invalid(f"You cannot set a budget on this {owner}", error_subcode=1885621)
    if call.market.catalogue.budgets[budget_id].kind != kind:
        raise invalid("You can't switch between a daily and a lifetime budget", error_subcode=1885090)
    if group is not None and call.market.changes_since("amount", budget_id, call.now - 3600) >= CHANGES_AN_HOUR:
        raise limited("adset_budget")
    return budget_id


def _budget_amount(call: Call, campaign: Campaign, text: str, kind: str) -> int:
    currency = call.market.account_of(campaign).currency
    if not text.isdigit():
        raise invalid(f"Param {kind}_budget must be an integer")
    least = nodes.minimum_daily(currency)
    if int(text) < least:
        shown = insights.money(nodes.minor_from_meta(least, currency), currency)
        raise invalid(
            "Invalid parameter",
            error_subcode=1885272,
            is_transient=False,
            error_user_title="Your budget is too low",
            error_user_msg=f"Your budget must be at least {shown} {currency}.",
        )
    return nodes.minor_from_meta(int(text), currency)
