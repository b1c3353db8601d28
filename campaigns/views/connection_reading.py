"""What the connection screens say, formatted once: accounts, grants, rights, and what an action will do."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _L
from django.utils.translation import ngettext

from campaigns.choices import AccountStatus, ConnectionStatus, Platform
from campaigns.models import AdAccount, Connection
from campaigns.queries.connections import (
    AccountFilter,
    ListedAccount,
    access_ends_at,
    can_be_renewed,
    ends_soon,
    has_accounts_of_other_kind,
    is_busy,
    listed_accounts,
    missing_scopes,
)
from campaigns.queries.platforms import platform_states
from campaigns.queries.sync import account_syncs
from campaigns.services.connections import check_can_connect
from campaigns.views.sync_reading import SyncPanel, ago, panel_html, sync_panel
from stratum.lib.errors import DomainError
from stratum.lib.figures import NO_VALUE, format_number
from stratum.lib.masking import mask_text
from stratum.lib.tables import Cell, Column, Page, Row, Table, TableState
from stratum.templatetags.ui import no_value, platform_mark, simulated_mark, status_tag

TABLE_ID = "account-table"
COLUMNS = (
    Column("account", _L("Ad account"), kind="main", sortable=True, required=True),
    Column("platform", _L("Platform"), sortable=True),
    Column("status", _L("State"), kind="status", sortable=True),
    Column("login", _L("Connected by")),
    Column("newest", _L("Newest day"), note=_L("The newest day with numbers, in the account’s zone.")),
    Column("synced", _L("Last synced"), sortable=True),
    Column("error", _L("Last error")),
    Column("actions", _L("Actions"), kind="actions", required=True),
)
ORDERS = {"account": "name", "platform": "platform", "status": "status", "synced": "last_synced_at"}

# What a right is for, and what is missing without it. A right that is not here is named as the platform names it.
_READ, _WRITE = _L("Read campaigns and their numbers"), _L("Pause, enable and change budgets")
SCOPE_WORDS = {
    "ads_read": (_READ, _L("Numbers cannot be read.")),
    "ads_management": (_WRITE, _L("Campaigns cannot be paused, enabled or given another budget from here.")),
    "business_management": (
        _L("See the accounts of your businesses"),
        _L("Accounts that belong to a business may be missing from the list."),
    ),
    "https://www.googleapis.com/auth/adwords": (
        _L("Read and change campaigns"),
        _L("Numbers cannot be read, and nothing can be changed."),
    ),
    "snapchat-marketing-api": (
        _L("Read and change campaigns"),
        _L("Numbers cannot be read, and nothing can be changed."),
    ),
    "r_ads": (_L("See accounts and campaigns"), _L("Accounts and campaigns cannot be read.")),
    "rw_ads": (_WRITE, _L("Campaigns cannot be paused, enabled or given another budget from here.")),
    "r_ads_reporting": (_L("Read the numbers of campaigns"), _L("Numbers cannot be read.")),
}
_DENIED = frozenset({"access_denied", "user_cancelled_authorize", "user_cancelled_login", "user_denied"})


# --- The list -------------------------------------------------------------------------------------------------------


def account_table(
    request: HttpRequest, state: TableState, page: Page, where: AccountFilter, newest: Mapping[int, date]
) -> Table:
    syncs = account_syncs(account.pk for account in page.rows)
    running = sum(sync.running is not None for sync in syncs.values())
    # Broken connections have a button of their own here.
    panels = {pk: replace(sync_panel(sync, running=running), mend_url="") for pk, sync in syncs.items()}
    return Table(
        element_id=TABLE_ID,
        caption=_("Ad accounts"),
        state=state,
        rows=[_row(request, account, state, newest.get(account.pk), panels[account.pk]) for account in page.rows],
        path=request.path,
        page=page,
        as_cards=True,
        empty=_empty(request, where),
    )


def _row(request: HttpRequest, account: AdAccount, state: TableState, newest: date | None, sync: SyncPanel) -> Row:
    connection = account.connection
    cells = {
        "account": Cell(
            account.name,
            sub=f"{account.currency} · {account.timezone}",
            href=f"{reverse('campaigns:campaign_list')}?account={account.pk}",
        ),
        "platform": Cell(
            platform_mark(account.platform), sub=simulated_mark(in_list=True) if account.is_sandbox else ""
        ),
        "status": Cell(account_badge(account)),
        "login": _login_cell(connection),
        "newest": Cell(date_format(newest, "j M Y") if newest else no_value(_("No numbers yet.")), css="nowrap"),
        "synced": Cell(panel_html(request, sync)),
        "error": Cell(account.last_error or no_value(_("None.")), css="cell-text"),
        "actions": Cell(_actions(request, account, connection)),
    }
    return Row(str(account.pk), tuple(cells[column.key] for column in state.visible), name=account.name)


def account_badge(account: AdAccount) -> SafeString:
    tag = "info" if account.status == AccountStatus.IMPORT_ONLY else account.status
    return status_tag(tag, account.get_status_display())


def _login_cell(connection: Connection | None) -> Cell:
    if connection is None:
        return Cell(no_value(_("No connection.")))
    person = connection.connected_by.display_name if connection.connected_by else _("somebody who has left")
    when = connection.connected_at or connection.created_at
    day = date_format(timezone.localtime(when), "j M Y") if when else ""
    return Cell(person, sub=day, href=reverse("campaigns:connection_detail", args=[connection.pk]))


def _actions(request: HttpRequest, account: AdAccount, connection: Connection | None) -> str:
    context = {"account": account, "connection": connection, "may_connect": request.user.can("manage_connections")}
    return render_to_string("campaigns/_account_actions.html", context, request)


def filter_selects(where: AccountFilter) -> list[tuple]:
    return [
        ("platform", _("All platforms"), list(Platform.choices), where.platform),
        ("status", _("All states"), list(AccountStatus.choices), where.status),
    ]


def _empty(request: HttpRequest, where: AccountFilter) -> dict[str, Any]:
    if where.narrows:
        return {
            "icon": "search-x",
            "title": _("No account matches"),
            "text": _("Change the search or the filters."),
            "actions": [(_("Show all accounts"), reverse("campaigns:connection_list"), False)],
        }
    may_connect, may_import = request.user.can("manage_connections"), request.user.can("import_data")
    ways = [(_("Import a report"), reverse("campaigns:import_upload"), not may_connect)] if may_import else []
    if may_connect:
        text = _(
            "Connect an account above, and its campaigns and numbers come in by themselves every hour. Without a "
            "login at hand, import a report that the platform exports."
        )
    elif may_import:
        text = _("Admins of this workspace can connect accounts. You can import a report that a platform exports.")
    else:
        text = _("Admins of this workspace can connect accounts, managers can import reports.")
    return {"icon": "plug-zap", "title": _("No ad account yet"), "text": text, "actions": ways}


# --- Where to connect -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnectButton:
    """A platform in the connect area. `reason`: why it cannot be chosen."""

    platform: str
    label: str
    url: str
    simulated: bool
    reason: str = ""


def connect_buttons() -> list[ConnectButton]:
    """One for each platform. Sandbox and real accounts never mix: both kinds are looked at once, not per platform."""
    mixed = {simulated: has_accounts_of_other_kind(simulated=simulated) for simulated in (True, False)}
    return [
        ConnectButton(
            platform=state.platform,
            label=state.label,
            url=reverse("campaigns:connection_start", args=[state.platform]),
            simulated=state.simulated,
            reason=_why_not(state.platform) if state.missing or mixed[state.simulated] else "",
        )
        for state in platform_states()
    ]


def _why_not(platform: str) -> str:
    try:
        check_can_connect(platform)
    except DomainError as error:
        return str(error)
    return ""


def refusal_words(platform: str, sent: Mapping[str, str]) -> str:
    """Why a person came back without a code."""
    label = str(Platform(platform).label)
    error, said = sent.get("error", ""), sent.get("error_description", "")
    if error in _DENIED or sent.get("error_reason") in _DENIED or not error:
        return _("%(platform)s was not allowed to let Stratum in.") % {"platform": label}
    return _("%(platform)s answered: %(said)s") % {"platform": label, "said": mask_text(said or error)[:300]}


# --- One connection -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """A connection that waits for a person, in the list: its state in a sentence."""

    connection: Connection
    badge: SafeString
    title: str
    text: str
    url: str


def connection_lines(request: HttpRequest, connections: list[Connection]) -> list[ConnectionLine]:
    now = timezone.now()
    return [
        ConnectionLine(
            connection=connection,
            badge=connection_badge(connection),
            title=connection.get_platform_display(),
            text=_line_text(connection, now),
            url=reverse("campaigns:connection_detail", args=[connection.pk]),
        )
        for connection in connections
    ]


def connection_badge(connection: Connection) -> SafeString:
    tag = "running" if is_busy(connection) else "removed" if connection.status == ConnectionStatus.ENDED else ""
    words = _("Finishing the connection") if is_busy(connection) else connection.get_status_display()
    return status_tag(tag or connection.status, words)


def _line_text(connection: Connection, now: datetime) -> str:
    if is_busy(connection):
        return _("A moment, please.")
    if connection.last_error:
        return connection.last_error
    if ends := ends_soon(connection, now):
        return end_words(ends)
    if missing := missing_words(connection):
        return missing[0][1]
    return _("No account was chosen yet.")


def end_words(ends: datetime) -> str:
    day = date_format(timezone.localtime(ends), "j M")
    return _("Access ends on %(day)s: connect again before.") % {"day": day}


def missing_words(connection: Connection) -> list[tuple[str, str]]:
    """(the right, what will not work) of everything that was asked for and not granted."""
    return [
        (str(SCOPE_WORDS[scope][0]), str(SCOPE_WORDS[scope][1]))
        if scope in SCOPE_WORDS
        else (scope, _("What needs this right will not work."))
        for scope in missing_scopes(connection)
    ]


def _granted_words(connection: Connection) -> str:
    if not connection.scopes:
        return _("as set at the platform")
    known = [SCOPE_WORDS[scope][0] if scope in SCOPE_WORDS else scope for scope in connection.scopes]
    return ", ".join(dict.fromkeys(str(word) for word in known))


@dataclass(frozen=True, slots=True)
class Choice:
    """An account in the picker. `reason`: why it cannot be ticked; `here`: what the workspace has of it already."""

    listed: ListedAccount
    checked: bool
    reason: str = ""
    here: str = ""


def connection_context(request: HttpRequest, connection: Connection) -> dict[str, Any]:
    """Everything that the page of a connection shows."""
    busy = is_busy(connection)
    fed = list(connection.ad_accounts.order_by("name", "pk"))
    works = connection.status == ConnectionStatus.OK and not busy
    may_connect = request.user.can("manage_connections")
    ends = ends_soon(connection, timezone.now())
    choices = _choices(connection, fed) if works and may_connect else []
    return {
        "connection": connection,
        "label": connection.get_platform_display(),
        "badge": format_html(
            "{} {}", connection_badge(connection), simulated_mark(in_list=True) if connection.is_sandbox else ""
        ),
        "is_busy": busy,
        "works": works,
        "ended": connection.status == ConnectionStatus.ENDED,
        "may_connect": may_connect,
        "facts": _facts(connection),
        "missing": missing_words(connection),
        "ends": end_words(ends) if ends else "",
        "fed": [(account, account_badge(account)) for account in fed],
        "choices": choices,
        "can_choose": any(not choice.reason for choice in choices),
    }


def _facts(connection: Connection) -> list[tuple[str, Any]]:
    person = connection.connected_by.display_name if connection.connected_by else NO_VALUE
    facts: list[tuple[str, Any]] = [(_("Platform"), platform_mark(connection.platform)), (_("Connected by"), person)]
    if connection.connected_at is None:
        return facts
    facts += [(_("Connected"), _moment(connection.connected_at)), (_("Rights"), _granted_words(connection))]
    if connection.status == ConnectionStatus.OK:
        facts.append((_("Access"), _access_words(connection)))
    if connection.listed_at is not None:
        facts.append((_("Accounts listed"), ago(connection.listed_at)))
    return facts


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "j M Y, H:i")


def _access_words(connection: Connection) -> str:
    ends = access_ends_at(connection)
    if ends is not None:
        return _("until %(day)s") % {"day": date_format(timezone.localtime(ends), "j M Y")}
    if can_be_renewed(connection):
        return _("renewed by itself")
    return _("until somebody takes it back at the platform")


def _choices(connection: Connection, fed: list[AdAccount]) -> list[Choice]:
    listed = listed_accounts(connection)
    known = {
        account.external_id: account
        for account in AdAccount.objects.filter(platform=connection.platform, external_id__in=listed)
    }
    here = {account.external_id for account in fed}
    return [
        _choice(account, known.get(account.external_id), account.external_id in here) for account in listed.values()
    ]


def _choice(listed: ListedAccount, account: AdAccount | None, is_here: bool) -> Choice:
    if is_here:
        return Choice(listed, checked=True, reason=_("Connected already"))
    if not listed.enabled:
        return Choice(listed, checked=False, reason=_("Closed at the platform"))
    if account is not None and account.currency != listed.currency:
        text = _("Its numbers here are in %(currency)s")
        return Choice(listed, checked=False, reason=text % {"currency": account.currency})
    return Choice(listed, checked=False, here=_here_words(account))


def _here_words(account: AdAccount | None) -> str:
    """What becomes of an account that the workspace knows already."""
    if account is None:
        return ""
    if account.status == AccountStatus.IMPORT_ONLY:
        return _("Fed by imports so far; its history stays")
    if account.connection_id is None:
        return _("Was connected before; its history goes on")
    return _("Fed by another connection; moves to this one")


def disconnect_consequences(account: AdAccount) -> list[str]:
    """What disconnecting does, and how it is taken back."""
    campaigns, platform = account.campaigns.count(), account.get_platform_display()
    kept = ngettext(
        "Its %(count)s campaign and all numbers stay as they are.",
        "Its %(count)s campaigns and all numbers stay as they are.",
        campaigns,
    )
    lines = [
        _("No new numbers come in, and nothing can be changed at %(platform)s from here.") % {"platform": platform},
        *([kept % {"count": format_number(campaigns)}] if campaigns else []),
        _("Nothing changes at %(platform)s: campaigns there keep running.") % {"platform": platform},
    ]
    if AdAccount.objects.filter(connection=account.connection_id).exclude(pk=account.pk).exists():
        lines.append(_("To take it back, choose the account again on the page of its connection."))
    else:
        lines.append(_("It is the last account of its connection: the stored access is destroyed."))
        lines.append(_("To take it back, connect the account again; it goes on where it stopped."))
    return lines
