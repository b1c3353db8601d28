"""What Google's errors mean, and what is done about them."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.clients.base import ErrorKind, LimitScope, PlatformError
from campaigns.clients.google_ads.errors import classify
from campaigns.tests.clients.conftest import governor_for
from campaigns.tests.clients.fixture_server import fixture
from campaigns.tests.clients.google_cast import ACCOUNT, SEARCH, failure

HTML = "<!DOCTYPE html><html><title>Error 502 (Server Error)!!1</title></html>"
PLAIN_401 = {
    "error": {
        "code": 401,
        "message": "Request had invalid authentication credentials.",
        "status": "UNAUTHENTICATED",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_EXPIRED"}],
    }
}


def classified(status: int, body, headers: dict[str, str] | None = None) -> PlatformError | None:
    content = body if isinstance(body, str) else json.dumps(body)
    return classify(httpx.Response(status, content=content, headers=headers))


@pytest.mark.parametrize(
    ("family", "code", "status", "kind"),
    [
        ("authenticationError", "OAUTH_TOKEN_EXPIRED", 401, "expired"),
        ("authenticationError", "OAUTH_TOKEN_REVOKED", 401, "auth"),
        ("authenticationError", "OAUTH_TOKEN_INVALID", 401, "auth"),
        ("authenticationError", "NOT_ADS_USER", 401, "auth"),
        ("authenticationError", "CUSTOMER_NOT_FOUND", 401, "permission"),
        ("authorizationError", "USER_PERMISSION_DENIED", 403, "permission"),
        ("authorizationError", "CUSTOMER_NOT_ENABLED", 403, "permission"),
        ("authorizationError", "ACTION_NOT_PERMITTED", 403, "permission"),
        ("authorizationError", "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", 403, "permission"),
        ("quotaError", "RESOURCE_EXHAUSTED", 429, "rate"),
        ("quotaError", "RESOURCE_TEMPORARILY_EXHAUSTED", 429, "rate"),
        ("quotaError", "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION", 429, "rate"),
        ("quotaError", "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION", 429, "rate"),
        ("internalError", "INTERNAL_ERROR", 500, "transient"),
        ("internalError", "TRANSIENT_ERROR", 500, "transient"),
        ("databaseError", "CONCURRENT_MODIFICATION", 400, "transient"),
        ("requestError", "EXPIRED_PAGE_TOKEN", 400, "input"),
        ("requestError", "PAGE_SIZE_NOT_SUPPORTED", 400, "input"),
        ("queryError", "UNRECOGNIZED_FIELD", 400, "input"),
        ("queryError", "REQUESTED_METRICS_FOR_MANAGER", 400, "input"),
        ("campaignBudgetError", "NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT", 400, "input"),
        ("campaignError", "CANNOT_ENABLE", 400, "input"),
        ("contextError", "OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE", 400, "input"),
        ("newError", "OF_A_MONTHLY_RELEASE", 400, "input"),
        ("newError", "OF_A_MONTHLY_RELEASE", 503, "transient"),
    ],
)
def test_codes(family, code, status, kind):
    error = classified(status, failure(family, code))
    assert (error.kind, error.code, error.request_id) == (kind, f"{family}.{code}", "rQ-details")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, PLAIN_401, "expired"),
        (403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}}, "permission"),
        (429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, "rate"),
        (500, {"error": {"code": 500, "status": "INTERNAL"}}, "transient"),
        (503, {"error": {"code": 503, "status": "UNAVAILABLE"}}, "transient"),
        (504, {"error": {"code": 504, "status": "DEADLINE_EXCEEDED"}}, "transient"),
        (400, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}, "input"),
        (404, {"error": {"code": 404, "status": "NOT_FOUND"}}, "input"),
        (502, HTML, "transient"),
        (401, HTML, "expired"),
        (404, HTML, "broken"),
        (200, HTML, "broken"),
        (200, '{"results": [{"campaign"', "broken"),
        (302, "", "broken"),
    ],
)
def test_without_details_the_http_status_decides(status, body, kind):
    assert classified(status, body, {"request-id": "rQ-header"}).kind == kind


def test_an_error_of_a_stream_is_an_array():
    body = [failure("authorizationError", "USER_PERMISSION_DENIED")]
    assert classified(403, body).kind is ErrorKind.PERMISSION
    # …and may come after good chunks, with HTTP 200.
    broken_off = [{"results": [{}]}, failure("internalError", "INTERNAL_ERROR")]
    assert classified(200, broken_off).kind is ErrorKind.TRANSIENT
    assert classified(200, []) is None
    assert classified(200, [{"results": []}]) is None
    assert classify(httpx.Response(200, json=fixture("google_ads", "insights_daily_stream")["body"])) is None


def test_of_several_errors_the_gravest_counts():
    body = failure("queryError", "BAD_VALUE")
    body["error"]["details"][0]["errors"].append({"errorCode": {"authenticationError": "OAUTH_TOKEN_REVOKED"}})
    error = classified(400, body)
    assert (error.kind, error.code) == (ErrorKind.AUTH, "authenticationError.OAUTH_TOKEN_REVOKED")


@pytest.mark.parametrize(
    ("name", "scope", "wait"),
    [
        ("error_rate_limit_daily", LimitScope.APP, 40591.0),
        ("error_rate_limit_temporary", LimitScope.ACCOUNT, 30.0),
        ("error_rate_limit_no_details", LimitScope.ENDPOINT, None),
    ],
)
def test_how_long_a_limit_lasts_and_whom_it_holds_back(name, scope, wait):
    recorded = fixture("google_ads", name)
    error = classified(recorded["status"], recorded["body"], recorded["headers"])
    assert (error.kind, error.scope, error.retry_after) == (ErrorKind.RATE, scope, wait)
    assert error.request_id in ("rQ3xErr01", "rQ3xTestRequestId01")


@pytest.mark.parametrize(
    ("code", "message", "scope", "wait"),
    [
        ("RESOURCE_EXHAUSTED", "Too many requests. Retry in 120 seconds.", LimitScope.APP, 120.0),
        ("RESOURCE_EXHAUSTED", "Too many requests.", LimitScope.APP, 900.0),
        ("RESOURCE_TEMPORARILY_EXHAUSTED", "Too many requests.", LimitScope.ENDPOINT, None),
    ],
)
def test_limits_without_quota_details(code, message, scope, wait):
    error = classified(429, failure("quotaError", code, message))
    assert (error.scope, error.retry_after) == (scope, wait)


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (400, "invalid_grant", "auth"),
        (401, "invalid_client", "input"),
        (403, "unauthorized_client", "input"),
        (400, "invalid_request", "input"),
        (500, "internal_failure", "transient"),
        (429, "rate_limit_exceeded", "rate"),
    ],
)
def test_errors_of_the_token_endpoint(status, name, kind):
    assert classified(status, {"error": name, "error_description": "Because."}).kind == kind


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "code", "details", "errors", "errorCode", "quotaErrorDetails", "message"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=10,
    ),
    st.sampled_from([200, 400, 401, 429, 500]),
)
def test_no_shape_makes_the_classifier_stumble(body, status):
    classified(status, {"error": body})
    classified(status, body)


def test_a_days_allowance_holds_all_tenants_back(server_for, google_client, shared_memory, fake_time):
    server = server_for("google_ads")
    server.serve("error_rate_limit_daily")
    with pytest.raises(PlatformError) as raised:
        google_client(server, account="1").check_health(ACCOUNT)
    assert raised.value.retry_after == 40591
    other = governor_for("google", "2", shared_memory, fake_time)
    assert other.wait_for("mutate", None) == pytest.approx(40591, abs=2)
    with pytest.raises(PlatformError) as raised:
        google_client(server, account="2").check_health(ACCOUNT)
    assert (raised.value.kind, len(server.requests)) == (ErrorKind.RATE, 1)


def test_a_short_limit_is_waited_out(server_for, google_client, fake_time):
    server = server_for("google_ads")
    server.serve("error_rate_limit_temporary", "error_rate_limit_no_details", "customer_info")
    google_client(server).check_health(ACCOUNT)
    assert sum(fake_time.slept) >= 30


@pytest.mark.parametrize("name", ["error_transient_internal", "error_concurrent_modification", HTML])
def test_what_passes_is_asked_again(name, server_for, google_client):
    server = server_for("google_ads")
    if name == HTML:
        server.answer("POST", SEARCH, HTML, status=502)
    else:
        server.serve(name, path=SEARCH)
    server.serve("customer_info")
    google_client(server).check_health(ACCOUNT)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("error_permission", ErrorKind.PERMISSION),
        ("error_project_not_approved", ErrorKind.PERMISSION),
        ("error_unrecognized_field", ErrorKind.INPUT),
        ("error_metrics_for_manager", ErrorKind.INPUT),
        ("error_page_size_not_supported", ErrorKind.INPUT),
        ("error_campaign_removed", ErrorKind.INPUT),
    ],
)
def test_what_waiting_does_not_mend_is_asked_once(name, kind, server_for, google_client):
    server = server_for("google_ads")
    server.serve(name, path=SEARCH)
    with pytest.raises(PlatformError) as raised:
        google_client(server).check_health(ACCOUNT)
    assert raised.value.kind is kind
    assert len(server.requests) == 1


def test_the_projects_daily_operations_are_counted_for_all_tenants(server_for, google_client):
    server = server_for("google_ads")
    server.serve("empty_account", path=SEARCH)
    options = {"daily_operations": 4}  # one every six hours
    assert list(google_client(server, options=options, account="1").list_campaigns(ACCOUNT)) == []
    with pytest.raises(PlatformError) as raised:
        list(google_client(server, options=options, account="2").list_campaigns(ACCOUNT))
    assert raised.value.kind is ErrorKind.RATE
    assert raised.value.retry_after == pytest.approx(21600, abs=1)
    assert len(server.requests) == 1
