"""What Meta's errors and usage headers mean, and what is done about them."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.clients.base import ErrorKind, LimitScope, PlatformError
from campaigns.clients.meta import usage
from campaigns.clients.meta.errors import classify
from campaigns.tests.clients.conftest import governor_for
from campaigns.tests.clients.fixture_server import fixture
from campaigns.tests.clients.meta_cast import ACCOUNT, ROOT, error_body, page

HTML = "<html><head><title>Error</title></head><body>Sorry, something went wrong.</body></html>"


def classified(status: int, body, headers: dict[str, str] | None = None) -> PlatformError | None:
    content = body if isinstance(body, str) else json.dumps(body)
    return classify(httpx.Response(status, content=content, headers=headers))


@pytest.mark.parametrize(
    ("code", "subcode", "status", "kind"),
    [
        (190, 463, 400, "auth"),
        (190, 460, 400, "auth"),
        (190, 458, 400, "auth"),
        (190, 467, 400, "auth"),
        (190, 459, 400, "auth"),
        (190, 464, 400, "auth"),
        (190, None, 401, "auth"),
        (102, None, 400, "auth"),
        (10, None, 403, "permission"),
        (200, None, 403, "permission"),
        (299, None, 400, "permission"),
        (100, 33, 400, "permission"),
        (4, 1504022, 403, "rate"),
        (4, 1504039, 400, "rate"),
        (17, 2446079, 400, "rate"),
        (32, None, 400, "rate"),
        (341, None, 400, "rate"),
        (613, 1487742, 400, "rate"),
        (613, 1487632, 400, "rate"),
        *((code, None, 400, "rate") for code in (80000, 80001, 80002, 80003, 80004, 80005, 80006, 80008, 80009, 80014)),
        (1, None, 500, "transient"),
        (1, 99, 500, "transient"),
        (2, None, 500, "transient"),
        (960, None, 400, "transient"),
        (100, 1504043, 400, "transient"),
        (100, 1504018, 400, "too_much"),
        (2, 1504038, 500, "too_much"),
        (100, None, 400, "input"),
        (2, 1504041, 400, "input"),
        (2, 1504042, 400, "input"),
        (2635, None, 400, "input"),
        (8675309, None, 400, "input"),
        (8675309, None, 500, "transient"),
        (8675309, None, 429, "rate"),
        (0, None, 400, "input"),
    ],
)
def test_codes(code, subcode, status, kind):
    error = classified(status, error_body(code, subcode))
    assert error.kind == kind
    assert error.request_id == "Atrace"
    assert error.code == (f"{code}/{subcode}" if subcode else str(code))


def test_a_limit_is_a_limit_even_when_it_calls_itself_transient():
    assert classified(403, error_body(4, 1504022, is_transient=True)).kind is ErrorKind.RATE
    assert classified(400, error_body(100, None, is_transient=True)).kind is ErrorKind.TRANSIENT
    assert classified(400, error_body(190, 463, is_transient=True)).kind is ErrorKind.AUTH


@pytest.mark.parametrize("code", [1, 100])
def test_too_much_data_is_told_by_its_sentence(code):
    message = "Please reduce the amount of data you're asking for, then retry your request"
    assert classified(500, error_body(code, message=message)).kind is ErrorKind.TOO_MUCH


def test_an_error_with_http_200_is_an_error():
    assert classified(200, error_body(190, 463)).kind is ErrorKind.AUTH


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, HTML, "transient"),
        (504, "", "transient"),
        (400, HTML, "broken"),
        (200, HTML, "broken"),
        (200, '{"data":[{"id":"1"', "broken"),
        (200, "", "broken"),
        (302, "", "broken"),
        (429, HTML, "rate"),
        (401, HTML, "auth"),
        (500, {"error": "plain text"}, "transient"),
    ],
)
def test_bodies_without_a_code(status, body, kind):
    assert classified(status, body).kind == kind


@given(st.text(), st.sampled_from([200, 400, 403, 500, 503]))
def test_no_body_makes_the_classifier_stumble(body, status):
    classified(status, body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["error", "code", "message", "error_subcode", "data"]), inner, max_size=4)
        ),
        max_leaves=8,
    )
)
def test_no_shape_makes_the_classifier_stumble(body):
    classified(400, body)
    classified(200, body)


def test_the_sentence_is_the_one_meant_for_people():
    error = classified(400, error_body(100, message="(#100) Param x", error_user_msg="Your budget is too low."))
    assert str(error) == "Your budget is too low."


@pytest.mark.parametrize(
    ("name", "scope", "wait"),
    [("error_rate_limit_app_4", LimitScope.APP, 60.0), ("error_rate_limit_insights_buc", LimitScope.ENDPOINT, 720.0)],
)
def test_how_long_a_limit_lasts_and_whom_it_holds_back(name, scope, wait):
    recorded = fixture("meta", name)
    error = classified(recorded["status"], recorded["body"], recorded["headers"])
    assert (error.kind, error.scope, error.retry_after) == (ErrorKind.RATE, scope, wait)


@pytest.mark.parametrize(("seconds", "wait"), [(900, 900.0), (0, 300.0), (5, 60.0)])
def test_an_accounts_own_limit_lasts_as_long_as_its_header_says(seconds, wait):
    headers = {"x-ad-account-usage": json.dumps({"acc_id_util_pct": 100.0, "reset_time_duration": seconds})}
    error = classified(400, error_body(17, 2446079), headers)
    assert (error.scope, error.retry_after) == (LimitScope.ACCOUNT, wait)


def test_too_many_budget_changes_hold_back_that_ad_set_alone():
    error = classified(400, error_body(613, 1487632))
    assert (error.scope, error.retry_after) == (LimitScope.OBJECT, 3600.0)


@pytest.mark.parametrize(
    ("percent", "at_least", "at_most"),
    [(0, 0, 0), (74.9, 0, 0), (75, 1, 1), (85, 4, 7), (94.9, 9, 10), (95, 60, 60), (100, 60, 60)],
)
def test_slow_down_at_75_percent_and_pause_at_95(percent, at_least, at_most):
    assert at_least <= usage.Pressure(percent).pause() <= at_most


def usage_headers(**headers) -> dict[str, str]:
    return {f"x-{name.replace('_', '-')}": json.dumps(value) for name, value in headers.items()}


@pytest.mark.parametrize(
    ("headers", "blocked"),
    [
        (usage_headers(app_usage={"call_count": 10, "total_time": 20, "total_cputime": 97}), {"mine", "others"}),
        (usage_headers(ad_account_usage={"acc_id_util_pct": 96.5, "reset_time_duration": 120}), {"mine"}),
        (usage_headers(ad_account_usage={"acc_id_util_pct": 10, "reset_time_duration": 300}), set()),
        (
            usage_headers(
                business_use_case_usage={
                    "900": [{"type": "ads_management", "call_count": 12, "estimated_time_to_regain_access": 3}]
                }
            ),
            {"mine"},
        ),
        (usage_headers(fb_ads_insights_throttle={"app_id_util_pct": 99, "acc_id_util_pct": 1}), {"mine", "others"}),
        (usage_headers(fb_ads_insights_throttle={"app_id_util_pct": 1, "acc_id_util_pct": 99}), {"insights"}),
        ({"x-app-usage": "not json", "x-business-use-case-usage": "[1]"}, set()),
        ({"x-business-use-case-usage": '{"1": [7, {"type": "ads_insights", "call_count": "80"}]}'}, set()),
    ],
)
def test_usage_headers_hold_back_whom_they_concern(
    headers, blocked, server_for, wiring_for, meta_client, shared_memory, fake_time
):
    server = server_for("meta")
    server.answer("GET", ROOT, {"id": "act_1", "account_status": 1}, headers=headers)
    meta_client(server, account="1").check_health(ACCOUNT)
    mine, others = (governor_for("meta", account, shared_memory, fake_time) for account in ("1", "2"))
    assert (mine.wait_for("campaigns", None) > 0) == ("mine" in blocked)
    assert (others.wait_for("campaigns", None) > 0) == ("others" in blocked)
    assert (mine.wait_for("insights", None) > 0) == ("insights" in blocked or self_or_app(blocked, headers))


def self_or_app(blocked: set[str], headers: dict[str, str]) -> bool:
    """Insights wait with the whole account or app, not for a limit of management calls."""
    return "mine" in blocked and "x-business-use-case-usage" not in headers


def test_minutes_of_the_use_case_are_minutes(server_for, meta_client, shared_memory, fake_time):
    server = server_for("meta")
    use = {"type": "ads_insights", "call_count": 100, "estimated_time_to_regain_access": 12}
    server.answer("GET", ROOT, {"id": "act_1"}, headers=usage_headers(business_use_case_usage={"900": [use]}))
    meta_client(server, account="1").check_health(ACCOUNT)
    assert governor_for("meta", "1", shared_memory, fake_time).wait_for("insights", None) == pytest.approx(720, abs=2)


def test_a_limit_of_a_minute_is_waited_out(server_for, meta_client, fake_time):
    server = server_for("meta")
    server.serve("error_rate_limit_app_4", method="GET", path=f"{ROOT}/campaigns")
    server.answer("GET", f"{ROOT}/campaigns", page())
    assert list(meta_client(server).list_campaigns(ACCOUNT)) == []
    assert sum(fake_time.slept) >= 60


def test_a_limit_of_twelve_minutes_is_the_callers_to_schedule(server_for, meta_client, fake_time):
    server = server_for("meta")
    server.serve("error_rate_limit_insights_buc", method="GET", path=f"{ROOT}/campaigns")
    with pytest.raises(PlatformError) as raised:
        list(meta_client(server).list_campaigns(ACCOUNT))
    assert (raised.value.kind, raised.value.retry_after) == (ErrorKind.RATE, 720)
    assert fake_time.slept == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("error_token_password_changed", ErrorKind.AUTH),
        ("error_permission", ErrorKind.PERMISSION),
        ("error_permission_10", ErrorKind.PERMISSION),
        ("error_version_deprecated", ErrorKind.INPUT),
        ("error_object_missing", ErrorKind.PERMISSION),
    ],
)
def test_what_waiting_does_not_mend_is_asked_once(name, kind, server_for, meta_client):
    server = server_for("meta")
    server.serve(name, method="GET", path=ROOT)
    with pytest.raises(PlatformError) as raised:
        meta_client(server).check_health(ACCOUNT)
    assert raised.value.kind is kind
    assert len(server.requests) == 1


@pytest.mark.parametrize("first", ["error_unknown_1", HTML, "truncated"])
def test_what_passes_is_asked_again(first, server_for, meta_client):
    server = server_for("meta")
    if first == "error_unknown_1":
        server.serve(first, method="GET", path=ROOT)
    elif first == "truncated":
        server.answer("GET", ROOT, '{"id": "act_', truncated=True)
    else:
        server.answer("GET", ROOT, first, status=502)
    server.answer("GET", ROOT, {"id": "act_1", "account_status": 1})
    meta_client(server).check_health(ACCOUNT)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [2, 100, 101])
def test_a_closed_account_is_not_healthy(status, server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", ROOT, {"id": "act_1", "account_status": status})
    with pytest.raises(PlatformError) as raised:
        meta_client(server).check_health(ACCOUNT)
    assert raised.value.kind is ErrorKind.PERMISSION


def test_a_token_repeated_in_an_error_is_taken_out(server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", ROOT, error_body(190, None, "Malformed access token TOKEN-live-1 of APP_SECRET"), status=400)
    with pytest.raises(PlatformError) as raised:
        meta_client(server).check_health(ACCOUNT)
    assert str(raised.value) == "Malformed access token ••• of •••"
