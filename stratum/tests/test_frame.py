"""The frame's navigation: only what exists, only what a person may open, and where they are."""

from types import SimpleNamespace

import pytest
from django.test import RequestFactory
from django.urls import include, path
from django.utils import translation

from accounts.choices import Role
from accounts.roles import CAPABILITIES, role_can
from stratum import context_processors as frame
from stratum.context_processors import NAVIGATION, build_frame, build_navigation


def screen(request): ...


def app(name: str, *names: str):
    return path(f"{name}/", include(([path(f"{one}/", screen, name=one) for one in names], name)))


urlpatterns = [
    path("", screen, name="home"),
    app("campaigns", "campaign_list", "campaign_detail", "import_list"),
    app("rules", "alert_list", "alert_bell_panel"),
    app("accounts", "team_list", "audit_list", "logout"),
    app("tenants", "settings"),
]

pytestmark = pytest.mark.urls(__name__)


def request_of(role: str, view_name: str = "home", *, demo: bool = False):
    request = RequestFactory().get("/")
    request.user = SimpleNamespace(is_authenticated=True, preferences={}, can=lambda name: role_can(role, name))
    request.tenant = SimpleNamespace(name="Acme", reporting_currency="EUR", settings={"demo": demo})
    request.resolver_match = SimpleNamespace(view_name=view_name)
    return request


def labels(items) -> list[str]:
    return [str(item.label) for item in items]


def test_places_without_a_screen_are_left_out():
    assert labels(build_navigation(request_of("admin"))) == ["Home", "Campaigns", "Rules", "Team", "Settings"]


def test_a_section_without_its_own_screen_leads_to_what_is_below_it():
    rules = next(item for item in build_navigation(request_of("admin")) if str(item.label) == "Rules")
    assert rules.url == "/rules/alert_list/"
    assert labels(rules.children) == ["Alerts"]


@pytest.mark.parametrize(
    ("role", "sees_settings", "sees_audit"), [("viewer", False, False), ("manager", False, True), ("admin", True, True)]
)
def test_places_follow_the_capability(role, sees_settings, sees_audit):
    items = {str(item.label): item for item in build_navigation(request_of(role))}
    assert ("Settings" in items) == sees_settings
    assert labels(items["Team"].children) == (["Audit trail"] if sees_audit else [])
    assert bool(build_frame(request_of(role)).audit_url) == sees_audit


def test_the_open_section_is_marked_on_its_inner_pages():
    items = {str(item.label): item for item in build_navigation(request_of("admin", "campaigns:campaign_detail"))}
    assert items["Campaigns"].current
    assert items["Campaigns"].open
    assert not items["Home"].current
    below = {str(item.label): item for item in build_navigation(request_of("admin", "campaigns:import_list"))}
    assert below["Campaigns"].open
    assert not below["Campaigns"].current
    assert below["Campaigns"].children[0].current


def test_strangers_see_no_navigation():
    request = RequestFactory().get("/")
    request.user = SimpleNamespace(is_authenticated=False)
    assert build_navigation(request) == ()
    assert build_frame(request).workspace == ""


def test_requests_that_never_reached_the_middleware_have_a_frame():
    assert build_frame(RequestFactory().get("/")).nav == ()


def test_demo_workspaces_are_labelled():
    assert build_frame(request_of("viewer", demo=True)).is_demo
    assert not build_frame(request_of("viewer")).is_demo


def test_direction_follows_the_language():
    with translation.override("ar"):
        assert build_frame(request_of("viewer")).direction == "rtl"
    with translation.override("de"):
        assert build_frame(request_of("viewer")).direction == "ltr"


def test_every_capability_of_the_navigation_exists():
    entries = [*NAVIGATION, *(child for entry in NAVIGATION for child in entry.children)]
    assert {entry.capability for entry in entries} <= set(CAPABILITIES)
    assert any(role_can(Role.VIEWER, entry.capability) for entry in entries)


def test_shortcut_keys_are_each_given_once():
    keys = [entry.key for entry in NAVIGATION if entry.key]
    keys += [child.key for entry in NAVIGATION for child in entry.children if child.key]
    assert len(keys) == len(set(keys))


def test_the_processor_does_no_work_until_it_is_asked(monkeypatch):
    monkeypatch.setattr(frame, "build_frame", lambda request: pytest.fail("built"))
    assert set(frame.frame(RequestFactory().get("/"))) == {"frame", "nav_items"}
