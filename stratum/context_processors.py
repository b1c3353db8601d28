"""What the frame around every page needs: navigation, workspace, language, addresses of the lazy panels.

Nothing here touches the database: the workspace and the person are already on the request, and counts come from
panels that the page asks for after it is shown.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class NavEntry:
    """A place of the product. Left out of the sidebar while its URL name does not resolve or the person lacks
    `capability`. `owns` are prefixes of view names that belong to it, for marking where the reader is."""

    url_name: str
    label: Promise
    icon: str = ""
    capability: str = "view"
    owns: tuple[str, ...] = ()
    # A panel that answers with a count (or nothing).
    badge: str = ""
    children: tuple["NavEntry", ...] = ()
    # Below the line at the foot of the sidebar.
    foot: bool = False
    # The second key of the shortcut 'g …'.
    key: str = ""


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry resolved for one request."""

    url: str
    label: Promise
    icon: str
    badge_url: str
    key: str
    foot: bool
    # This very page, or a page that belongs to this entry or to one of its children.
    current: bool
    open: bool
    children: tuple["NavItem", ...]


_IMPORTS = NavEntry("campaigns:import_list", _("Imports"), owns=("campaigns:import_",), key="i")
_CHANGES = NavEntry("campaigns:change_list", _("Changes"), owns=("campaigns:change_",), key="e")
_CONNECTIONS = NavEntry("campaigns:connection_list", _("Connections"), owns=("campaigns:connection_",))
_ACTIVITY = NavEntry("rules:activity_list", _("Activity"), owns=("rules:activity_", "rules:execution_"))
_APPROVALS = NavEntry("rules:approval_list", _("Approvals"), owns=("rules:approval_",))
_ALERTS = NavEntry("rules:alert_list", _("Alerts"), owns=("rules:alert_",), key="l")
_SLACK = NavEntry("rules:slack_target_list", _("Slack"), capability="manage_settings", owns=("rules:slack_",))
_AUDIT = NavEntry("accounts:audit_list", _("Audit trail"), capability="view_audit", owns=("accounts:audit_",))

NAVIGATION = (
    NavEntry("home", _("Home"), "house", owns=("home",), key="h"),
    NavEntry(
        "campaigns:campaign_list",
        _("Campaigns"),
        "megaphone",
        owns=("campaigns:campaign_",),
        children=(_CHANGES, _IMPORTS, _CONNECTIONS),
        key="c",
    ),
    NavEntry("creatives:asset_list", _("Creatives"), "images", owns=("creatives:",), key="a"),
    NavEntry(
        "rules:rule_list",
        _("Rules"),
        "workflow",
        owns=("rules:rule_",),
        badge="rules:waiting_count_panel",
        children=(_APPROVALS, _ACTIVITY, _ALERTS, _SLACK),
        key="r",
    ),
    NavEntry("rules:report_list", _("Reports"), "newspaper", owns=("rules:report_",), key="p"),
    NavEntry("competitors:competitor_list", _("Competitors"), "binoculars", owns=("competitors:",), key="o"),
    NavEntry("whatsapp:contact_list", _("Messages"), "message-circle", owns=("whatsapp:",), key="m"),
    NavEntry("mlcache:forecast_list", _("Forecasts"), "chart-line", owns=("mlcache:",), key="f"),
    NavEntry(
        "campaigns:data_health",
        _("Data health"),
        "heart-pulse",
        owns=("campaigns:data_", "campaigns:sync_"),
        key="d",
    ),
    NavEntry(
        "accounts:team_list",
        _("Team"),
        "users",
        owns=("accounts:team_", "accounts:invitation_"),
        children=(_AUDIT,),
        foot=True,
        key="t",
    ),
    NavEntry(
        "tenants:settings",
        _("Settings"),
        "settings",
        capability="manage_settings",
        owns=("tenants:",),
        foot=True,
        key="s",
    ),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of one request. Addresses are empty where the screen does not exist."""

    nav: tuple[NavItem, ...]
    workspace: str
    currency: str
    is_demo: bool
    language: str
    direction: str
    theme: str
    home_url: str
    search_url: str
    bell_url: str
    alerts_url: str
    profile_url: str
    audit_url: str
    settings_url: str
    logout_url: str
    login_url: str
    languages: tuple[tuple[str, str], ...]
    words: dict[str, str]

    @property
    def nav_main(self) -> list[NavItem]:
        return [item for item in self.nav if not item.foot]

    @property
    def nav_foot(self) -> list[NavItem]:
        return [item for item in self.nav if item.foot]


def frame(request: HttpRequest) -> dict[str, Any]:
    """The context processor: `frame` and `nav_items`, both made only when a template uses them."""
    return {
        "frame": SimpleLazyObject(lambda: build_frame(request)),
        "nav_items": SimpleLazyObject(lambda: build_navigation(request)),
    }


def build_frame(request: HttpRequest) -> Frame:
    tenant = getattr(request, "tenant", None)
    user = getattr(request, "user", None)
    preferences = getattr(user, "preferences", None) or {}
    theme = preferences.get("theme", "")
    return Frame(
        nav=build_navigation(request),
        workspace=tenant.name if tenant else "",
        currency=tenant.reporting_currency if tenant else "",
        is_demo=bool(tenant and tenant.settings.get("demo")),
        language=translation.get_language() or settings.LANGUAGE_CODE,
        direction="rtl" if translation.get_language_bidi() else "ltr",
        theme=theme if theme in {"light", "dark"} else "auto",
        home_url=url_or_nothing("home") or "/",
        search_url=url_or_nothing("search"),
        bell_url=url_or_nothing("rules:alert_bell_panel"),
        alerts_url=url_or_nothing("rules:alert_list"),
        profile_url=url_or_nothing("accounts:profile"),
        audit_url=url_or_nothing("accounts:audit_list") if can(user, "view_audit") else "",
        settings_url=url_or_nothing("tenants:settings") if can(user, "manage_settings") else "",
        logout_url=url_or_nothing("accounts:logout"),
        login_url=url_or_nothing("accounts:login"),
        languages=tuple((code, str(name)) for code, name in settings.LANGUAGES),
        words=script_words(),
    )


def build_navigation(request: HttpRequest) -> tuple[NavItem, ...]:
    """The places that exist and that this person may see, in order; empty for strangers."""
    user = getattr(request, "user", None)
    if not getattr(user, "is_authenticated", False):
        return ()
    match = getattr(request, "resolver_match", None)
    view_name = match.view_name if match else ""
    items = (_resolve(entry, user, view_name) for entry in NAVIGATION)
    return tuple(item for item in items if item)


def _resolve(entry: NavEntry, user: Any, view_name: str) -> NavItem | None:
    children = tuple(item for child in entry.children if (item := _resolve(child, user, view_name)))
    url = url_or_nothing(entry.url_name) if can(user, entry.capability) else ""
    if not url and not children:
        return None
    owned = any(view_name == prefix or view_name.startswith(prefix) for prefix in entry.owns)
    return NavItem(
        # A section whose own screen is closed to this person still leads to what is open below it.
        url=url or children[0].url,
        label=entry.label,
        icon=entry.icon,
        badge_url=url_or_nothing(entry.badge) if entry.badge else "",
        key=entry.key,
        foot=entry.foot,
        current=owned,
        open=owned or any(child.current for child in children),
        children=children,
    )


def url_or_nothing(name: str) -> str:
    """The address of a URL name without arguments, empty when no such screen is installed."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def can(user: Any, capability: str) -> bool:
    """Whether somebody signed in holds a capability; strangers hold none."""
    return bool(getattr(user, "is_authenticated", False)) and bool(user.can(capability))


def script_words() -> dict[str, str]:
    """The texts that scripts show, translated; the page hands them over as a JSON block."""
    return {
        "confirm": gettext("Confirm"),
        "confirmTitle": gettext("Are you sure?"),
        "panelFailed": gettext("This part could not be loaded. Reload the page to try again."),
        "offline": gettext("No connection to the server. Nothing was changed; try again when you are online."),
        "timeout": gettext("The server took too long to answer. Reload the page to see what was saved."),
        "serverError": gettext("Something went wrong on our side. Nothing you see here was changed."),
        "refused": gettext("You are not allowed to do this. Ask an admin of the workspace."),
        "notFound": gettext("This is not here any more. Reload the page to see the current state."),
        "conflict": gettext("Somebody changed this in the meantime. Reload the page and try again."),
        "tooMany": gettext("Too many requests. Wait a moment and try again."),
        "tooLarge": gettext("The file is larger than this workspace accepts."),
        "badRequest": gettext("The server could not read this request. Reload the page and try again."),
        "uploading": gettext("Uploading"),
        "processing": gettext("Reading the file"),
        "selected": gettext("%(count)s selected"),
        "wrongType": gettext("%(name)s is not a file this page reads."),
        "showTable": gettext("Show data"),
        "hideTable": gettext("Hide data"),
        "immature": gettext("Conversions of this day are still arriving."),
        "noData": gettext("No data in this range."),
        "chartSummary": gettext(
            "Chart with %(series)s from %(first)s to %(last)s. The data table is behind 'Show data'."
        ),
        "day": gettext("Day"),
        "expandSidebar": gettext("Expand sidebar"),
        "collapseSidebar": gettext("Collapse sidebar"),
        "copied": gettext("Copied"),
    }
