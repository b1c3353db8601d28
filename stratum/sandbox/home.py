"""The sandbox's page for people: accounts, time, and buttons that make things go wrong."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from stratum.sandbox.catalogue import Account
from stratum.sandbox.currencies import decimals, units
from stratum.sandbox.faults import KINDS
from stratum.sandbox.grants import CLIENT_SECRET, client_id
from stratum.sandbox.market import local_day, summed
from stratum.sandbox.pages import page
from stratum.sandbox.platforms.base import Platform
from stratum.sandbox.world import World


def render(world: World, platforms: Sequence[Platform]) -> str:
    now = datetime.fromtimestamp(world.now(), UTC)
    body = [
        f"<h1>It is {now:%A, %d %B %Y, %H:%M} UTC in the market</h1>",
        f"<p>Seed {world.market.seed}, {world.speed:g} simulated seconds per second.</p>",
        _advance(),
        "<h2>Accounts</h2>",
        _accounts(world),
        "<h2>Faults</h2>",
        _add_fault(world, platforms),
        _waiting(world),
        "<h2>Apps and people</h2>",
        _logins(world, platforms),
        '<p>Messages that came to <a href="/slack/">the simulated Slack</a>.</p>',
        '<p>Messages that came to <a href="/phone/">a phone with WhatsApp</a>, and its answers.</p>',
        '<p>Everything here, and more, as JSON: <a href="/_control/">/_control/</a>.</p>',
    ]
    return page("Sandbox", "".join(body))


def _advance() -> str:
    buttons = "".join(
        f'<button name="hours" value="{hours}" class="plain">{label}</button>'
        for hours, label in ((1, "1 hour on"), (6, "6 hours on"), (24, "1 day on"), (168, "1 week on"))
    )
    return f'<form method="post" action="/_control/advance" class="line">{buttons}</form>'


def _accounts(world: World) -> str:
    rows = "".join(_account_row(world, account) for account in world.market.catalogue.accounts.values())
    head = "<th>Platform</th><th>Account</th><th>Zone</th><th>Campaigns</th><th>Spend today</th><th>Ledger</th>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _account_row(world: World, account: Account) -> str:
    now = world.now()
    today = local_day(account.zone, now)
    spend = summed(facts for _campaign, _day, facts in world.market.ledger(account.id, today, today, now)).spend
    amount = f"{units(spend, account.currency):,.{decimals(account.currency)}f} {account.currency}"
    return (
        f"<tr><td>{account.platform}</td><td>{escape(account.name)}<br>{account.id}</td><td>{account.zone}</td>"
        f'<td class="n">{len(world.campaigns(account.id))}</td><td class="n">{amount}</td>'
        f'<td><a href="/_control/ledger?account={account.id}">28 days</a></td></tr>'
    )


def _add_fault(world: World, platforms: Sequence[Platform]) -> str:
    kinds = {**KINDS, "restate": "the last seven days' numbers change by 3 %"}
    options = "".join(f'<option value="{kind}">{kind}: {escape(text)}</option>' for kind, text in kinds.items())
    accounts = "".join(
        f'<option value="{one.id}">{one.platform}: {escape(one.name)}</option>'
        for one in world.market.catalogue.accounts.values()
    )
    return (
        '<form method="post" action="/_control/faults" class="line">'
        f'<select name="account" aria-label="Account">{accounts}</select>'
        f'<select name="kind" aria-label="Kind">{options}</select>'
        '<label>times <input name="count" value="1" size="6"></label><button>Add</button></form>'
    )


def _waiting(world: World) -> str:
    faults = world.faults.all()
    if not faults:
        return "<p>None waits to happen.</p>"
    items = "".join(
        f"<li>{fault.kind} · {fault.platform or 'any platform'} · {fault.account or 'any account'} · "
        f"{fault.endpoint or 'any call'} · {fault.left or 'always'}×</li>"
        for fault in faults
    )
    return (
        f'<ul>{items}</ul><form method="post" action="/_control/faults/clear">'
        '<button name="all" value="1" class="plain">Clear all</button></form>'
    )


def _logins(world: World, platforms: Sequence[Platform]) -> str:
    apps = "".join(f"<li>{one.title}: client {client_id(one.name)}, secret {CLIENT_SECRET}</li>" for one in platforms)
    people = "".join(
        f"<li><strong>{escape(one.name)}</strong> ({one.id})<span>{escape(one.role)}</span></li>"
        for one in world.market.catalogue.people.values()
    )
    return f"<ul>{apps}</ul><ul>{people}</ul>"
