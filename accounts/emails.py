"""What an e-mail says: templates in the reader's language, and the links by which it is unsubscribed from.

A template `emails/<name>` is two files, .html and .txt, that extend `emails/base.*`. The link to unsubscribe names the
message, which does not exist yet while it is written: a place is kept for it, and the sender fills it.
"""

import html as markup
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import signing
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from accounts.choices import EmailKind
from accounts.models import EmailMessage, User
from stratum.lib.regions import language_or_default, zone_or_utc
from tenants.context import bound_tenant_id
from tenants.models import Tenant

# An address that leads nowhere (RFC 2606): should it ever be sent unfilled, nobody else gets the click.
UNSUBSCRIBE_PLACE = "https://unsubscribe.invalid/"
_SALT = "accounts.unsubscribe"


def email_render(
    template: str,
    context: dict[str, Any],
    *,
    kind: EmailKind,
    user: User | None = None,
    locale: str = "",
    zone: str = "",
) -> tuple[str, str]:
    """(text, html) of `<template>.txt` and `<template>.html`, such as `emails/test`, for the bound workspace.

    Language and zone are the person's, else `locale` and `zone`, else the defaults. Beside `context` the templates get
    workspace, language, direction, site_url, person and unsubscribe_url (empty for notices). Links in e-mails are
    absolute: `{{ site_url }}{% url … %}`.
    """
    language = language_or_default(user.locale if user else locale)
    with translation.override(language), timezone.override(zone_or_utc(user.timezone if user else zone)):
        values = {
            **context,
            "workspace": Tenant.objects.get(pk=bound_tenant_id()),
            "person": user,
            "language": language,
            "direction": "rtl" if translation.get_language_bidi() else "ltr",
            "site_url": settings.PUBLIC_URL,
            "unsubscribe_url": "" if kind == EmailKind.NOTICE else UNSUBSCRIBE_PLACE,
        }
        text = render_to_string(f"{template}.txt", values)
        return text.strip() + "\n", render_to_string(f"{template}.html", values)


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """What a link to unsubscribe stands for. `email_id` is the message it came in."""

    tenant_id: int
    address_hash: str
    kind: str
    email_id: int


def unsubscribe_token(email: EmailMessage) -> str:
    """The signed word of a message's link. It names no address, and holds as long as the SECRET_KEY does."""
    return signing.dumps([email.tenant_id, email.address_hash, email.kind, email.pk], salt=_SALT, compress=True)


def unsubscribe_read(token: str) -> Unsubscribe | None:
    """None for a word that is none of ours, or that a mail program cut off."""
    try:
        found = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    return Unsubscribe(*found)


def unsubscribe_url(email: EmailMessage) -> str:
    """Empty for notices, which cannot be unsubscribed from."""
    if email.kind == EmailKind.NOTICE:
        return ""
    return settings.PUBLIC_URL + reverse("accounts:unsubscribe", args=[unsubscribe_token(email)])


def with_unsubscribe(body: str, url: str, *, is_html: bool) -> str:
    """The body with its link in the place that was kept for it."""
    return body.replace(UNSUBSCRIBE_PLACE, markup.escape(url) if is_html else url)
