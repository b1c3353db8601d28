"""WhatsApp's error codes: HTTP status, title and details of each, as an answer and as part of a failed status."""

from typing import Any

from stratum.sandbox.graph import GraphError

HREF = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"
# Code: HTTP status when it is the answer, title, details.
CODES: dict[int, tuple[int, str, str]] = {
    4: (429, "Application request limit reached", "The app has reached its API call rate limit."),
    10: (403, "Application does not have permission for this action", "Permission is either not granted or has been "
         "removed."),
    368: (403, "Temporarily blocked for policies violations", "The WhatsApp Business Account associated with the app "
          "has been restricted or disabled for violating a platform policy."),
    80007: (429, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit."),
    130429: (429, "Rate limit hit", "Cloud API message throughput has been reached."),
    130472: (400, "User's number is part of an experiment", "Failed to send message because this user's phone number "
             "is part of an experiment"),
    130497: (403, "Business account is restricted from messaging users in this country.", "The WhatsApp Business "
             "account is restricted from messaging to users in certain countries."),
    131000: (500, "Something went wrong", "Message failed to send due to an unknown error."),
    131008: (400, "Required parameter is missing", "The request is missing a required parameter."),
    131009: (400, "Parameter value is not valid", "One or more parameter values are invalid."),
    131016: (503, "Service unavailable", "A service is temporarily unavailable."),
    131026: (400, "Message undeliverable", "Message undeliverable. Reasons include: the recipient number is not a "
             "WhatsApp number, or has not accepted the latest terms."),
    131031: (403, "Account has been locked", "The WhatsApp Business Account has been restricted or disabled for "
             "violating a platform policy."),
    131042: (400, "Business eligibility payment issue", "Message failed to send because there were one or more errors "
             "related to your payment method."),
    131047: (400, "Re-engagement message", "Message failed to send because more than 24 hours have passed since the "
             "customer last replied to this number."),
    131048: (429, "Spam rate limit hit", "Message failed to send because there are restrictions on how many messages "
             "can be sent from this phone number."),
    131049: (400, "This message was not delivered to maintain healthy ecosystem engagement.", "In order to maintain a "
             "healthy ecosystem engagement, the message failed to be delivered."),
    131050: (400, "User has stopped marketing messages", "Unable to deliver the message. This recipient has chosen to "
             "stop receiving marketing messages on WhatsApp from your business."),
    131053: (400, "Media upload error", "Unable to upload the media used in the message."),
    131056: (429, "(Business Account, Consumer Account) pair rate limit hit", "Message failed to send because there "
             "were too many messages sent from this phone number to the same phone number in a short period of time."),
    131062: (400, "Business-scoped User ID recipients are not supported for this message", "Authentication templates "
             "need the recipient's phone number."),
    132000: (400, "Number of parameters does not match the expected number of params", ""),
    132001: (404, "Template name does not exist in the translation", ""),
    132005: (400, "Translated text too long", ""),
    132012: (400, "Parameter format does not match format in the created template", ""),
    132015: (400, "Template is paused", "Template is paused due to low quality so it cannot be sent in a template "
             "message."),
    132016: (400, "Template is disabled", "Template has been paused too many times due to low quality and is now "
             "permanently disabled."),
    132018: (400, "There is an issue with the parameters in your template", "Param text cannot have new-line/tab "
             "characters or more than 4 consecutive spaces"),
}  # fmt: skip


def refused(code: int, details: str = "") -> GraphError:
    """The code as the answer to a call."""
    status, title, usual = CODES.get(code, (400, "Generic user error", "The request cannot be served."))
    data = {"messaging_product": "whatsapp", "details": details or usual}
    return GraphError(status, code, f"(#{code}) {title}", error_data=data)


def dead_token(subcode: int = 0) -> GraphError:
    """A token that opens nothing; the subcode tells why (463 expired, 460 withdrawn)."""
    text = {
        463: "Error validating access token: Session has expired.",
        460: "Error validating access token: The session has been invalidated because the user changed their password "
        "or Facebook has changed the session for security reasons.",
    }.get(subcode, "Invalid OAuth access token - Cannot parse access token")
    extra: dict[str, Any] = {"error_subcode": subcode} if subcode else {}
    return GraphError(401, 190, text, **extra)


def failure(code: int) -> dict[str, Any]:
    """The code as an item of `errors` in a failed status."""
    _status, title, details = CODES.get(code, (400, "Generic user error", "The message could not be sent."))
    return {"code": code, "title": title, "message": title, "error_data": {"details": details}, "href": HREF}
