"""The pages on which a person lets Stratum at their accounts: who are you, which accounts, allow or deny."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from urllib.parse import urlsplit

from stratum.sandbox.catalogue import Account, Person
from stratum.sandbox.grants import CODE_SECONDS, client_id
from stratum.sandbox.pages import page
from stratum.sandbox.platforms.base import Call
from stratum.sandbox.wire import Response, html_response, redirect


@dataclass(frozen=True, slots=True)
class ConsentStyle:
    """How one platform does it. `denied` are the fields of the way back after Deny."""

    platform: str
    title: str
    denied: Mapping[str, str]
    client_field: str = "client_id"
    code_field: str = "code"
    code_prefix: str = ""
    picks_accounts: bool = False
    scopes: Sequence[str] = field(default_factory=tuple)


def consent(call: Call, style: ConsentStyle) -> Response:
    """GET shows the page, POST (person, account …, decision) sends the browser back with code and state.

    A POST without accounts covers all that the person has.
    """
    fields = call.request.params
    wrong = _objection(style, fields)
    if wrong:
        return html_response(page(f"Sandbox – {style.title}", f"<h1>{style.title}</h1><p>{escape(wrong)}</p>"), 400)
    if call.request.method == "POST":
        return _decided(call, style, fields)
    person = call.market.catalogue.people.get(fields.get("person", ""))
    body = _whose(call, style) if person is None else _which(call, style, person)
    return html_response(page(f"Sandbox – {style.title}", body))


def _objection(style: ConsentStyle, fields: Mapping[str, str]) -> str:
    if fields.get(style.client_field) != client_id(style.platform):
        return f"Unknown app: {style.client_field} must be {client_id(style.platform)}."
    target = urlsplit(fields.get("redirect_uri", ""))
    if target.scheme not in ("http", "https") or not target.netloc:
        return "redirect_uri must be a complete http or https address."
    if style.client_field == "client_id" and fields.get("response_type", "code") != "code":
        return "response_type must be code."
    return ""


def _decided(call: Call, style: ConsentStyle, fields: Mapping[str, str]) -> Response:
    pairs = call.request.form_pairs
    chosen = dict(pairs)
    back = {"state": fields["state"]} if "state" in fields else {}
    person = call.market.catalogue.people.get(chosen.get("person", fields.get("person", "")))
    if chosen.get("decision") != "allow" or person is None:
        return redirect(fields["redirect_uri"], {**style.denied, **back})
    own = {account.id for account in _accounts(call, style, person)}
    picked = {value for name, value in pairs if name == "account"} & own if style.picks_accounts else set()
    grant = call.world.grants.grant(style.platform, person.id, frozenset(picked or own), call.wall)
    facts = {name: fields[name] for name in ("redirect_uri", "scope", "access_type", "prompt") if name in fields}
    if fields.get("code_challenge"):
        facts |= {"challenge": fields["code_challenge"], "method": fields.get("code_challenge_method", "plain")}
    code = call.world.grants.issue(
        "code", grant, prefix=style.code_prefix, expires=call.wall + CODE_SECONDS, facts=facts
    )
    return redirect(fields["redirect_uri"], {style.code_field: code.value, **back})


def _accounts(call: Call, style: ConsentStyle, person: Person) -> list[Account]:
    return [one for one in call.market.catalogue.of_platform(style.platform) if one.id in person.accounts]


def _whose(call: Call, style: ConsentStyle) -> str:
    rows = []
    for person in call.market.catalogue.people.values():
        names = ", ".join(escape(account.name) for account in _accounts(call, style, person)) or "no accounts here"
        link = f"?{escape(call.request.query)}&amp;person={person.id}"
        rows.append(
            f'<li><a href="{link}"><strong>{escape(person.name)}</strong></a>'
            f"<span>{escape(person.role)}</span><span>{names}</span></li>"
        )
    return f"<h1>Log in to {style.title}</h1><p>Sandbox: nobody asks for a password.</p><ul>{''.join(rows)}</ul>"


def _which(call: Call, style: ConsentStyle, person: Person) -> str:
    kind = "checkbox" if style.picks_accounts else "hidden"
    boxes = []
    for account in _accounts(call, style, person):
        label = f"{escape(account.name)} · {account.currency} · {account.zone} · {account.id}"
        marked = " checked" if style.picks_accounts else ""
        control = f'<input type="{kind}" name="account" value="{account.id}"{marked}>'
        boxes.append(f"<li><label>{control} {label}</label></li>")
    scopes = ", ".join(escape(scope) for scope in style.scopes)
    return (
        f"<h1>{style.title}</h1><p><strong>Stratum</strong> would like to use these ad accounts of "
        f"{escape(person.name)}{f' ({scopes})' if scopes else ''}.</p>"
        f'<form method="post" action="?{escape(call.request.query)}">'
        f'<input type="hidden" name="person" value="{person.id}"><ul>{"".join(boxes)}</ul>'
        '<p><button name="decision" value="allow">Allow</button> '
        '<button name="decision" value="deny" class="plain">Deny</button></p></form>'
    )
