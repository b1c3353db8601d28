"""Meta's error bodies. The body's code says what happened; the HTTP status only hints."""

import json
from typing import Any

from stratum.sandbox.graph import HELP, GraphError


def dead_token(reason: str) -> GraphError:
    """Why a token is refused: grants.Refused's reasons."""
    challenge = {
        "www-authenticate": 'OAuth "Facebook Platform" "invalid_token" "Error validating access token"',
    }
    if reason == "missing":
        text = "An access token is required to request this resource."
        return GraphError(400, 104, text, headers=challenge)
    subcode, text = {
        "expired": (463, "Error validating access token: Session has expired."),
        "revoked": (458, "Error validating access token: The user has not authorized application."),
        "password": (
            460,
            "Error validating access token: The session has been invalidated because the user changed their password "
            "or Facebook has changed the session for security reasons.",
        ),
    }.get(reason, (0, "Invalid OAuth access token - Cannot parse access token"))
    extra: dict[str, Any] = {"error_subcode": subcode} if subcode else {}
    return GraphError(400, 190, text, headers=challenge, **extra)


def forbidden(code: int = 200) -> GraphError:
    if code == 10:
        return GraphError(403, 10, "(#10) Application does not have permission for this action")
    return GraphError(403, 200, "(#200) Ad account owner has NOT grant ads_management or ads_read permission")


def limited(variant: str) -> GraphError:
    """app, account, insights, management or adset_budget: which of Meta's many limits was met."""
    if variant == "app":
        return GraphError(
            403, 4, "(#4) Application request limit reached", error_subcode=1504022, is_transient=True,
            error_user_title="There have been too many calls from this app", error_user_msg="Wait a bit and try again.",
            headers={"x-app-usage": json.dumps({"call_count": 100, "total_cputime": 25, "total_time": 101})},
        )  # fmt: skip
    if variant == "adset_budget":
        return GraphError(
            400, 613, "(#613) Calls to this api have exceeded the rate limit.", error_subcode=1487632,
            error_user_title="Ad set budget changed too often",
            error_user_msg="You can change an ad set's budget 4 times an hour at most.",
        )  # fmt: skip
    if variant == "account":
        return GraphError(
            400, 17, "(#17) User request limit reached", error_subcode=2446079, is_transient=False,
            error_user_title="Ad account has too many API calls",
            error_user_msg="There have been too many calls from this ad-account. Please wait a bit and try again.",
            headers={"x-ad-account-usage": json.dumps({
                "acc_id_util_pct": 100.0, "reset_time_duration": 120, "ads_api_access_tier": "standard_access"})},
        )  # fmt: skip
    kind, code = ("ads_management", 80004) if variant == "management" else ("ads_insights", 80000)
    usage = [{
        "type": kind, "call_count": 100, "total_cputime": 31, "total_time": 44, "estimated_time_to_regain_access": 1,
        "ads_api_access_tier": "development_access",
    }]  # fmt: skip
    return GraphError(
        400, code,
        "There have been too many calls from this ad-account. Wait a bit and try again. For more info, please refer "
        f"to {HELP}/overview/rate-limiting#{kind.replace('_', '-')}.",
        error_subcode=2446079, is_transient=False, error_user_title="Ad account has too many API calls",
        error_user_msg="There have been too many calls from this ad-account. Please wait a bit and try again.",
        headers={"x-business-use-case-usage": json.dumps({"900100200300400": usage})},
    )  # fmt: skip


def too_much_data() -> GraphError:
    return GraphError(
        400, 100, "Please reduce the amount of data you're asking for, then retry your request", error_subcode=1504018,
        error_user_title="Too much data", error_user_msg="Try a smaller date range or fewer metrics.",
    )  # fmt: skip
