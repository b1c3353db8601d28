"""Writes on people."""

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction, Role, Theme
from accounts.models import User
from stratum.lib.encryption import email_hash
from stratum.lib.errors import DomainError
from stratum.lib.phones import to_e164
from stratum.lib.regions import is_zone
from tenants.context import bound_tenant_id
from tenants.models import Tenant

# What an audit entry of a new person shows; the personal ones among them are masked.
CREATED_FIELDS = ["email", "full_name", "phone", "role", "is_active", "is_staff", "is_superuser", "locale", "timezone"]
PROFILE_FIELDS = ["full_name", "phone", "locale", "timezone", "preferences"]
CONSENT_FIELDS = ["consent_marketing", "consent_analytics"]


def user_create(
    *,
    email: str,
    full_name: str,
    role: str,
    actor: Actor,
    password: str | None = None,
    phone: str = "",
    locale: str = "en",
    zone: str = "UTC",
) -> User:
    """Add a person to the bound workspace; without a password they cannot log in until they set one.

    The workspace's row is locked while its seats are counted, so that two requests at once cannot pass the limit.
    DomainError: seats are used up, the address is known here, the role is above the actor's, a value is invalid.
    """
    with transaction.atomic():
        tenant = _locked_tenant()
        _check_rank(role, actor)
        seats_check(tenant)
        user = _new_user(email=email, full_name=full_name, role=role, phone=phone, locale=locale, zone=zone)
        return _save_new(user, password, actor)


def staff_create(*, email: str, full_name: str, password: str, may_change: bool, actor: Actor) -> User:
    """Add a member of Stratum's own staff to the bound workspace, or make staff of the person with this address there.

    Staff take no seat of the plan. `may_change` lets them change rows in the admin; the others only read.
    """
    with transaction.atomic():
        _locked_tenant()
        known = User.objects.with_deleted().filter(email_hash=email_hash(email)).select_for_update().first()
        user = known or _new_user(email=email, full_name=full_name, role=Role.ADMIN)
        before = snapshot(known, CREATED_FIELDS) if known else None
        user.is_staff, user.is_superuser, user.is_active, user.is_deleted = True, may_change, True, False
        if known is None:
            return _save_new(user, password, actor)
        user.set_password(_checked_password(password, user))
        user.save(update_fields=["is_staff", "is_superuser", "is_active", "is_deleted", "password"])
        record(
            actor=actor,
            action=AuditAction.UPDATE,
            resource=user,
            old=before and {**before, "password": "old"},
            new={**snapshot(user, CREATED_FIELDS), "password": "new"},
        )
        return user


def profile_update(*, user: User, full_name: str, phone: str, locale: str, zone: str, theme: str, actor: Actor) -> User:
    """What a person may change about themself. `theme` is a Theme; `phone` in any form with its country code, or ''."""
    with transaction.atomic():
        person = User.objects.select_for_update().get(pk=user.pk)
        before = snapshot(person, PROFILE_FIELDS)
        person.full_name = _checked_name(full_name)
        person.phone = _checked_phone(phone)
        person.locale = _checked_locale(locale)
        person.timezone = _checked_zone(zone)
        person.preferences = {**person.preferences, "theme": Theme(theme).value}
        return _save_changed(person, PROFILE_FIELDS, before, actor)


def consent_update(*, user: User, marketing: bool, analytics: bool, actor: Actor) -> User:
    """What a person allows their data to be used for; each change is evidence, so each is in the trail."""
    with transaction.atomic():
        person = User.objects.select_for_update().get(pk=user.pk)
        before = snapshot(person, CONSENT_FIELDS)
        person.consent_marketing, person.consent_analytics = marketing, analytics
        return _save_changed(person, CONSENT_FIELDS, before, actor)


def password_change(*, user: User, current: str, new: str, actor: Actor) -> User:
    """Set a new password. Every other session of the person ends: sessions carry a hash of the password."""
    with transaction.atomic():
        person = User.objects.select_for_update().get(pk=user.pk)
        if not person.check_password(current):
            raise DomainError(_("This is not your present password."), code="wrong_password", field="current")
        person.set_password(_checked_password(new, person, field="new"))
        person.save(update_fields=["password"])
        # The values are masked in the trail; two words that differ say that it changed.
        record(
            actor=actor,
            action=AuditAction.UPDATE,
            resource=person,
            old={"password": "old"},
            new={"password": "new"},
        )
        return person


def seats_check(tenant: Tenant) -> None:
    """DomainError when the plan has no seat left for one more person. Call with the workspace's row locked.

    Seats are taken by people who may log in; Stratum's own staff take none.
    """
    limit = tenant.user_limit
    if User.objects.filter(is_active=True, is_staff=False).count() >= limit:
        raise DomainError(
            ngettext(
                "Your plan has room for %(limit)s person, and the seat is taken. Nobody was added. "
                "Deactivate somebody or choose a larger plan.",
                "Your plan has room for %(limit)s people, and all seats are taken. Nobody was added. "
                "Deactivate somebody or choose a larger plan.",
                limit,
            )
            % {"limit": limit},
            code="plan_limit",
        )


def _locked_tenant() -> Tenant:
    return Tenant.objects.select_for_update().get(pk=bound_tenant_id())


def _new_user(*, email: str, full_name: str, role: str, phone: str = "", locale: str = "en", zone: str = "UTC") -> User:
    return User(
        email=_checked_email(email),
        full_name=_checked_name(full_name),
        role=Role(role).value,
        phone=_checked_phone(phone),
        locale=_checked_locale(locale),
        timezone=_checked_zone(zone),
    )


def _save_new(user: User, password: str | None, actor: Actor) -> User:
    user.set_password(_checked_password(password, user) if password is not None else None)
    user.save()
    record(actor=actor, action=AuditAction.CREATE, resource=user, new=snapshot(user, CREATED_FIELDS))
    return user


def _save_changed(person: User, fields: list[str], before: dict, actor: Actor) -> User:
    """Save and audit, unless nothing differs: pressing Save twice is one change."""
    after = snapshot(person, fields)
    if after != before:
        person.save(update_fields=fields)
        record(actor=actor, action=AuditAction.UPDATE, resource=person, old=before, new=after)
    return person


def _check_rank(role: str, actor: Actor) -> None:
    """Only those who manage users may make an admin: managers add people below that."""
    if role == Role.ADMIN and actor.user is not None and not actor.user.can("manage_users"):
        raise DomainError(_("Only an admin can add another admin."), code="rank", field="role")


def _checked_email(address: str) -> str:
    address = address.strip()
    try:
        validate_email(address)
    except ValidationError as error:
        raise DomainError(_("This is not an e-mail address."), code="invalid_email", field="email") from error
    known = User.objects.with_deleted().filter(email_hash=email_hash(address)).first()
    if known is not None and known.is_deleted:
        raise DomainError(
            _("Somebody with this address was removed from this workspace. Restore them instead."),
            code="known_deleted",
            field="email",
        )
    if known is not None:
        raise DomainError(_("Somebody in this workspace has this address."), code="known", field="email")
    return address


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise DomainError(_("Enter a name."), code="no_name", field="full_name")
    if len(name) > 200:
        raise DomainError(_("The name is too long: 200 characters are enough."), code="long_name", field="full_name")
    return name


def _checked_phone(phone: str) -> str | None:
    if not phone.strip():
        return None
    number = to_e164(phone)
    if number is None:
        raise DomainError(
            _("This is not a phone number. Write it with its country code, such as +44 20 7946 0958."),
            code="invalid_phone",
            field="phone",
        )
    return number


def _checked_locale(locale: str) -> str:
    if locale not in dict(settings.LANGUAGES):
        raise DomainError(_("Stratum does not speak this language yet."), code="invalid_locale", field="locale")
    return locale


def _checked_zone(zone: str) -> str:
    if not is_zone(zone):
        raise DomainError(_("This time zone is not known."), code="invalid_zone", field="zone")
    return zone


def _checked_password(password: str, user: User, *, field: str = "password") -> str:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise DomainError(" ".join(error.messages), code="weak_password", field=field) from error
    return password
