"""The sandbox's own interface below /_control/: time, truth, faults, logins. JSON in, JSON out; forms for its page."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from stratum.sandbox import home
from stratum.sandbox.catalogue import Account, Campaign
from stratum.sandbox.faults import KINDS
from stratum.sandbox.grants import CLIENT_SECRET, client_id
from stratum.sandbox.market import Facts, local_day
from stratum.sandbox.platforms.base import Platform
from stratum.sandbox.slack.inbox import BOT_TOKEN, CHANNELS, HOOKS
from stratum.sandbox.whatsapp.control import ACTIONS as WHATSAPP
from stratum.sandbox.wire import Request, Response, html_response, json_response
from stratum.sandbox.world import World

PREFIX = "/_control/"
_FIGURES = (
    "impressions", "clicks", "spend", "conversions_micros", "revenue", "video_views", "video_completions", "shares",
    "comments", "saves",
)  # fmt: skip
LONGEST_LEDGER_DAYS = 1200

Fields = dict[str, Any]
Action = Callable[[World, Sequence[Platform], dict[str, Any]], Any]


class BadRequest(Exception):
    """The request cannot be understood; the text says why."""


def handle(world: World, platforms: Sequence[Platform], request: Request) -> Response:
    if request.path == "/":
        return html_response(home.render(world, platforms))
    name = request.path.removeprefix(PREFIX).strip("/")
    if request.method == "POST" and not request.same_origin:
        return json_response({"error": "cross-origin request"}, 403)
    action = _action(request.method, name)
    if action is None:
        known = sorted(f"{method} {PREFIX}{path}" for method, path in (*_ACTIONS, *WHATSAPP))
        return json_response({"error": "not found", "known": known}, 200 if name == "" else 404)
    try:
        answer = action(world, platforms, _fields(request))
    except (BadRequest, ValueError, TypeError) as error:
        return json_response({"error": str(error)}, 400)
    except KeyError as error:
        return json_response({"error": f"unknown: {error.args[0]}"}, 404)
    if request.method == "POST" and "json" not in request.headers.get("content-type", "") and request.body:
        return Response(303, headers={"Location": _BACK.get(request.form.get("back", ""), "/")})
    return json_response(answer)


def _action(method: str, name: str) -> Action | None:
    own = WHATSAPP.get((method, name))
    if own is None:
        return _ACTIONS.get((method, name))
    return lambda world, platforms, fields: own(world.whatsapp, fields)


def _fields(request: Request) -> Fields:
    if request.method in ("GET", "DELETE"):
        return dict(request.params)
    if "json" in request.headers.get("content-type", ""):
        if not isinstance(request.json, dict):
            raise BadRequest("the body must be a JSON object")
        return dict(request.json)
    return {name: value for name, value in request.form.items() if value != ""}


# --- time --------------------------------------------------------------------------------------------------


def _now(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    now = world.now()
    return {
        "now": datetime.fromtimestamp(now, UTC).isoformat(),
        "epoch": now,
        "speed": world.speed,
        "seed": world.market.seed,
        "opening": world.market.opening.isoformat(),
    }


def _advance(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    step = timedelta(
        days=float(fields.get("days", 0)), hours=float(fields.get("hours", 0)), seconds=float(fields.get("seconds", 0))
    )
    world.advance(step.total_seconds())
    return _now(world, platforms, fields)


def _clock(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    speed = float(fields["speed"])
    if not 0 <= speed <= 1_000_000:
        raise BadRequest("speed is from 0 to 1000000 simulated seconds per second")
    world.set_clock(world.now(), speed)
    return _now(world, platforms, fields)


def _reset(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    start = date.fromisoformat(fields["start"]) if fields.get("start") else None
    seed = int(fields["seed"]) if "seed" in fields else None
    world.reset(seed=seed, opening=start, speed=float(fields["speed"]) if "speed" in fields else None)
    return _now(world, platforms, fields)


# --- truth -------------------------------------------------------------------------------------------------


def _accounts(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    found = world.market.catalogue.accounts.values()
    wanted = fields.get("platform")
    return {"accounts": [_account(world, one) for one in found if wanted in (None, one.platform)]}


def _account(world: World, account: Account) -> dict[str, Any]:
    return {
        "platform": account.platform,
        "id": account.id,
        "name": account.name,
        "currency": account.currency,
        "zone": account.zone,
        "closed": account.closed,
        "manager": account.manager,
        "today": local_day(account.zone, world.now()).isoformat(),
        "campaigns": len(world.campaigns(account.id)),
        "people": [one.id for one in world.market.catalogue.people.values() if account.id in one.accounts],
    }


def _campaigns(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    account = world.market.catalogue.accounts[fields["account"]]
    return {"campaigns": [_campaign(world, one) for one in world.campaigns(account.id)]}


def _campaign(world: World, campaign: Campaign) -> dict[str, Any]:
    market, now = world.market, world.now()
    budget = market.catalogue.budgets[campaign.budget_id]
    end = market.end(campaign.id, now)
    return {
        "id": campaign.id,
        "name": market.name(campaign.id, now),
        "status": market.status(campaign.id, now),
        "channel": campaign.channel,
        "objective": campaign.objective,
        "start": campaign.start.isoformat(),
        "end": end.isoformat() if end else None,
        "budget": {
            "id": budget.id,
            "kind": budget.kind,
            "amount": market.amount(budget.id, now),
            "shared": budget.shared,
            "spent": int(market.spent(budget.id, now)) if budget.kind != "none" else None,
        },
        "ad_groups": [
            {
                "id": group.id,
                "name": market.name(group.id, now),
                "status": market.status(group.id, now),
                "amount": market.amount(group.budget_id, now) if group.budget_id else None,
            }
            for group in campaign.ad_groups
        ],
    }


def _ledger(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    account = world.market.catalogue.accounts[fields["account"]]
    now = world.now()
    today = local_day(account.zone, now)
    last = date.fromisoformat(fields["until"]) if "until" in fields else today
    first = date.fromisoformat(fields["since"]) if "since" in fields else last - timedelta(days=27)
    if (last - first).days > LONGEST_LEDGER_DAYS:
        raise BadRequest(f"at most {LONGEST_LEDGER_DAYS} days")
    rows = [
        {"campaign": campaign.id, "date": day.isoformat(), **_figures(facts)}
        for campaign, day, facts in world.market.ledger(account.id, first, last, now)
        if fields.get("campaign") in (None, campaign.id)
    ]
    totals = {name: sum(row[name] or 0 for row in rows) for name in _FIGURES}
    return {
        "account": account.id,
        "platform": account.platform,
        "currency": account.currency,
        "zone": account.zone,
        "now": datetime.fromtimestamp(now, UTC).isoformat(),
        "since": first.isoformat(),
        "until": last.isoformat(),
        "rows": rows,
        "totals": totals,
    }


def _figures(facts: Facts) -> dict[str, int | None]:
    return {name: getattr(facts, name) for name in _FIGURES}


# --- faults ------------------------------------------------------------------------------------------------


def _faults(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    return {"faults": [fault.as_json() for fault in world.faults.all()], "kinds": KINDS}


def _add_fault(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    fields.pop("back", None)
    kind = str(fields.pop("kind", ""))
    if kind == "restate":
        return _restate(world, platforms, fields)
    if fields.get("account") and not fields.get("platform"):
        fields["platform"] = world.market.catalogue.accounts[fields["account"]].platform
    if isinstance(fields.get("count"), str):
        fields["count"] = None if fields["count"] in ("always", "null") else int(fields["count"])
    return world.faults.add(kind, **fields).as_json()


def _restate(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    account = world.market.catalogue.accounts[fields["account"]]
    today = local_day(account.zone, world.now())
    first = date.fromisoformat(fields["since"]) if fields.get("since") else today - timedelta(days=7)
    last = date.fromisoformat(fields["until"]) if fields.get("until") else today - timedelta(days=1)
    factor = float(fields.get("factor", 0.97))
    world.restate(account.id, first, last, factor)
    return {"kind": "restate", "account": account.id, "since": str(first), "until": str(last), "factor": factor}


def _clear_faults(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    return {"cleared": world.faults.clear(int(fields["id"]) if "id" in fields else None)}


# --- logins ------------------------------------------------------------------------------------------------


def _people(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    return {
        "people": [
            {
                "id": one.id,
                "name": one.name,
                "role": one.role,
                "may_write": one.can_write,
                "accounts": sorted(one.accounts),
            }
            for one in world.market.catalogue.people.values()
        ],
        "apps": {
            name: {"client_id": client_id(name), "client_secret": CLIENT_SECRET}
            for name in (*(one.name for one in platforms), "slack")
        },
    }


def _grants(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    return {
        "grants": [
            {
                "id": one.id,
                "platform": one.platform,
                "person": one.person,
                "accounts": sorted(one.accounts),
                "revoked": one.revoked,
            }
            for one in world.grants.all()
        ]
    }


def _issue(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    """Tokens without the browser: what the platform's token endpoint would answer."""
    platform = next((one for one in platforms if one.name == fields.get("platform")), None)
    if platform is None:
        raise BadRequest(f"platform must be one of {', '.join(one.name for one in platforms)}")
    person = world.market.catalogue.people[fields.get("person", "ada")]
    own = {one.id for one in world.market.catalogue.of_platform(platform.name) if one.id in person.accounts}
    chosen = own & set(fields["accounts"]) if fields.get("accounts") else own
    grant = world.grants.grant(platform.name, person.id, frozenset(chosen), world.wall())
    return {**platform.tokens(world, grant), "grant": grant.id}


def _expire(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    return {"expired": world.grants.expire(fields.get("platform", ""), fields.get("person", ""), at=world.wall())}


def _revoke(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    ended = world.grants.revoke(fields.get("platform", ""), fields.get("person", ""), fields.get("grant", ""))
    return {"revoked": ended}


def _settings(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    settings = world.settings
    fields.pop("back", None)
    for name, value in fields.items():
        if not hasattr(settings, name):
            raise KeyError(name)
        setattr(settings, name, type(getattr(settings, name))(value))
    return {name: getattr(settings, name) for name in settings.__slots__}


# --- Slack -------------------------------------------------------------------------------------------------


def _slack_messages(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    """What came, and how to write there: webhooks by channel (paths), and the bot's token."""
    return {
        "messages": [message.as_json() for message in world.inbox.messages],
        "webhooks": {f"#{CHANNELS[channel]}": f"/services/{path}" for path, channel in HOOKS.items()},
        "token": BOT_TOKEN,
    }


def _forget_messages(world: World, platforms: Sequence[Platform], fields: Fields) -> Any:
    return {"cleared": world.inbox.clear()}


# Pages of the sandbox that a form may lead back to.
_BACK = {"/slack/": "/slack/", "/phone/": "/phone/"}

_ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "now"): _now,
    ("POST", "advance"): _advance,
    ("POST", "clock"): _clock,
    ("POST", "reset"): _reset,
    ("GET", "accounts"): _accounts,
    ("GET", "campaigns"): _campaigns,
    ("GET", "ledger"): _ledger,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "faults/clear"): _clear_faults,
    ("GET", "people"): _people,
    ("GET", "grants"): _grants,
    ("POST", "tokens"): _issue,
    ("POST", "tokens/expire"): _expire,
    ("POST", "grants/revoke"): _revoke,
    ("GET", "slack"): _slack_messages,
    ("POST", "slack/clear"): _forget_messages,
    ("GET", "settings"): _settings,
    ("POST", "settings"): _settings,
}
