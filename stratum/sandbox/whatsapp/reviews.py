"""What Meta decides about templates and accounts, and the webhooks that tell of it."""

from typing import Any

from stratum.sandbox.whatsapp.courier import Letter
from stratum.sandbox.whatsapp.exchange import Exchange
from stratum.sandbox.whatsapp.templates import CATEGORIES, STATUSES, Template

# A new template with this in its name is rejected.
REJECTED_NAME = "reject"
_QUALITIES = ("GREEN", "YELLOW", "RED")


def review(exchange: Exchange, template: Template) -> None:
    """Decide about a new template after a while."""
    exchange.courier.add(exchange.modes.approve_after, lambda: _decide(exchange, template))


def _decide(exchange: Exchange, template: Template) -> None:
    if exchange.templates.get(template.id) is not template or template.status != "PENDING":
        return
    if REJECTED_NAME in template.name:
        decide(exchange, template, "REJECTED", "INVALID_FORMAT")
    else:
        decide(exchange, template, "APPROVED")


def decide(exchange: Exchange, template: Template, status: str, reason: str = "NONE") -> None:
    """Another status. ValueError when there is no such one."""
    if status not in STATUSES:
        raise ValueError(f"status is one of {', '.join(STATUSES)}")
    exchange.templates.change(template, status=status, reason=reason)
    value: dict[str, Any] = {"event": status, **_named(template), "reason": reason}
    if status in ("APPROVED", "REJECTED"):
        value["message_template_category"] = template.category
    if status == "REJECTED":
        value["rejection_info"] = {
            "reason": "Parameters are next to each other.",
            "recommendation": "Separate parameters with text.",
        }
    if status == "PAUSED":
        text = "Paused for 3 hours because of low quality."
        value["other_info"] = {"title": "FIRST_PAUSE", "description": text}
    _tell(exchange, template, "message_template_status_update", value)


def categorize(exchange: Exchange, template: Template, category: str) -> None:
    if category not in CATEGORIES:
        raise ValueError(f"category is one of {', '.join(CATEGORIES)}")
    value = {**_named(template), "previous_category": template.category, "new_category": category}
    exchange.templates.change(template, category=category)
    _tell(exchange, template, "template_category_update", value)


def rate(exchange: Exchange, template: Template, quality: str) -> None:
    if quality not in _QUALITIES:
        raise ValueError(f"quality is one of {', '.join(_QUALITIES)}")
    scores = {"previous_quality_score": template.quality or "UNKNOWN", "new_quality_score": quality}
    exchange.templates.change(template, quality=quality, quality_at=int(exchange.wall()))
    _tell(exchange, template, "message_template_quality_update", {**scores, **_named(template)})


def restrict(exchange: Exchange, waba: str, code: int | None) -> None:
    """Refuse all messages of a business with this code (368, 131031 …); None lets them through again."""
    exchange.accounts[waba].refusal = code
    at = exchange.wall()
    value: dict[str, Any] = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}
    if code:
        kind = "RESTRICTED_BIZ_INITIATED_MESSAGING"
        info = {"restriction_type": kind, "expiration": int(at) + 24 * 3600}
        value = {"event": "ACCOUNT_RESTRICTION", "restriction_info": [info]}
    exchange.tell(Letter(waba, "account_update", value, at))


def _named(template: Template) -> dict[str, Any]:
    # Here the id is a number; a GET shows it as text.
    return {
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
    }


def _tell(exchange: Exchange, template: Template, field: str, value: dict[str, Any]) -> None:
    exchange.tell(Letter(template.waba, field, value, exchange.wall()))
