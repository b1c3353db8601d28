"""Workspaces as their people make and pay for them."""

import re
from dataclasses import replace

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction, Role
from accounts.models import User
from accounts.services.people import user_create
from stratum.lib.errors import DomainError
from stratum.lib.regions import CURRENCY_CODES, is_zone
from tenants.choices import RESERVED_SLUGS, Plan
from tenants.context import bound_tenant_id, tenant_context, unscoped
from tenants.models import Tenant
from tenants.queries import is_slug_taken
from tenants.services import slug_taken_error, tenant_create

# One label of a host name: a workspace may be reached at <slug>.<domain>.
SLUG_FORM = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
MIN_SLUG, MAX_SLUG = 3, 63
# Reserved for everybody else.
INTERNAL_SLUG = "stratum"
WORKSPACE_FIELDS = ["name", "slug", "plan", "max_users", "max_campaigns", "reporting_currency", "timezone"]
PLAN_FIELDS = ["plan", "plan_expires_at", "max_users", "max_campaigns"]


def workspace_sign_up(
    *,
    workspace_name: str,
    full_name: str,
    email: str,
    password: str,
    currency: str,
    zone: str,
    locale: str,
    actor: Actor,
    slug: str = "",
) -> User:
    """A new workspace on the free plan and its first admin, who is returned.

    Without a `slug` one is derived from the name and made unique; a given one that is taken, reserved or malformed is
    a DomainError. The address may have workspaces already: nothing here tells.
    """
    with unscoped("sign-up: the workspace does not exist yet"), transaction.atomic():
        tenant = tenant_create(
            name=_checked_workspace_name(workspace_name),
            slug=_checked_slug(slug) if slug else _free_slug(workspace_name),
            reporting_currency=_checked_currency(currency),
            zone=_checked_zone(zone),
        )
        with tenant_context(tenant):
            user = user_create(
                email=email,
                full_name=full_name,
                role=Role.ADMIN,
                password=password,
                locale=locale,
                zone=zone,
                actor=actor,
            )
            record(
                actor=replace(actor, user=user),
                action=AuditAction.CREATE,
                resource=tenant,
                tenant_id=tenant.pk,
                new=snapshot(tenant, WORKSPACE_FIELDS),
            )
        user.tenant = tenant  # loaded, for a caller outside of its context
        return user


def plan_expire(*, actor: Actor) -> bool:
    """Write an expired plan of the bound workspace down as free; whether there was one.

    The limits count as free from the very moment of expiry (Tenant.user_limit); this makes it lasting and leaves the
    old plan in the trail. Nothing is stopped, hidden or deleted.
    """
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=bound_tenant_id())
        if not tenant.is_plan_expired:
            return False
        before = snapshot(tenant, PLAN_FIELDS)
        tenant.max_users, tenant.max_campaigns = tenant.user_limit, tenant.campaign_limit
        tenant.plan = Plan.FREE
        tenant.save(update_fields=["plan", "max_users", "max_campaigns"])
        record(
            actor=actor,
            action=AuditAction.UPDATE,
            resource=tenant,
            tenant_id=tenant.pk,
            old=before,
            new=snapshot(tenant, PLAN_FIELDS),
        )
        return True


def _checked_workspace_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise DomainError(_("Enter a name for the workspace."), code="no_name", field="workspace_name")
    return name[:255]


def _checked_slug(slug: str) -> str:
    slug = slug.strip().lower()
    if len(slug) < MIN_SLUG or not SLUG_FORM.fullmatch(slug):
        raise DomainError(
            _("Use 3 to 63 letters a to z, digits and hyphens, with a letter or digit at both ends."),
            code="malformed",
            field="slug",
        )
    if slug in RESERVED_SLUGS:
        raise DomainError(_("This address is reserved. Choose another one."), code="reserved", field="slug")
    if is_slug_taken(slug):
        raise slug_taken_error()
    return slug


def _free_slug(name: str) -> str:
    """A free address of the name: 'Acme & Söhne' → acme-sohne, acme-sohne-2 …; 'workspace' where no letter fits."""
    stem = re.sub(r"[-_]+", "-", slugify(name))[: MAX_SLUG - 6].strip("-")
    if len(stem) < MIN_SLUG or stem in RESERVED_SLUGS:
        stem = f"{stem}-workspace".strip("-")
    number, slug = 1, stem
    while is_slug_taken(slug):
        number += 1
        slug = f"{stem}-{number}"
    return slug


def _checked_currency(currency: str) -> str:
    if currency not in CURRENCY_CODES:
        raise DomainError(_("Choose one of the listed currencies."), code="invalid_currency", field="currency")
    return currency


def _checked_zone(zone: str) -> str:
    if not is_zone(zone):
        raise DomainError(_("This time zone is not known."), code="invalid_zone", field="zone")
    return zone


def internal_workspace(*, actor: Actor) -> Tenant:
    """The workspace of Stratum's own staff; made at the first call."""
    with unscoped("the staff's own workspace is made beside the customers'"), transaction.atomic():
        tenant = Tenant.objects.filter(slug=INTERNAL_SLUG).first()
        if tenant is None:
            tenant = tenant_create(
                name="Stratum", slug=INTERNAL_SLUG, reporting_currency="USD", zone="UTC", plan=Plan.ENTERPRISE
            )
            with tenant_context(tenant):
                record(
                    actor=actor,
                    action=AuditAction.CREATE,
                    resource=tenant,
                    tenant_id=tenant.pk,
                    new=snapshot(tenant, WORKSPACE_FIELDS),
                )
        return tenant
