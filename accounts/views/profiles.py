"""What people see and change about themselves."""

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts import services
from accounts.clients.outlets import destination
from accounts.decorators import requires
from accounts.forms import ConsentForm, PasswordForm, ProfileForm
from accounts.queries import newest_email, suppressed_kinds
from accounts.roles import CAPABILITIES, CAPABILITY_WORDS
from stratum.lib.errors import DomainError
from stratum.lib.rate_limits import RateLimit
from stratum.lib.toasts import toast

# Somebody at an open session must not try passwords for hours.
PASSWORD_CHANGES = RateLimit("password-change", limit=10, seconds=900)


@requires("edit_profile", methods=("GET", "POST"))
def profile(request: HttpRequest) -> HttpResponse:
    """The person's own page; a POST changes name, phone, language, zone and theme."""
    form = ProfileForm(request.POST or None, person=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            person = services.profile_update(user=request.user, **form.cleaned_data, actor=request.actor)
        except DomainError as error:
            form.refuse(error)
        else:
            with translation.override(person.locale):  # the next page speaks the new language
                return toast(request, redirect("accounts:profile"), _("Your profile was saved."))
    return _page(request, profile_form=form)


@requires("edit_profile", methods=("POST",))
def consent_update(request: HttpRequest) -> HttpResponse:
    """What the person's data may be used for."""
    form = ConsentForm(request.POST)
    form.full_clean()
    services.consent_update(user=request.user, **form.cleaned_data, actor=request.actor)
    return toast(request, redirect("accounts:profile"), _("Your choice was saved."))


@requires("edit_profile", methods=("POST",))
@sensitive_post_parameters("current", "new")
def password_change(request: HttpRequest) -> HttpResponse:
    """A new password; every other session of the person ends, this one goes on."""
    form = PasswordForm(request.POST)
    if form.is_valid():
        if not PASSWORD_CHANGES.hit(str(request.user.pk)):
            form.add_error(None, _("Too many tries. Nothing was changed; wait a quarter of an hour."))
            return _page(request, password_form=form)
        try:
            person = services.password_change(user=request.user, **form.cleaned_data, actor=request.actor)
        except DomainError as error:
            form.refuse(error)
        else:
            auth.update_session_auth_hash(request, person)
            text = _("Your password was changed. Your other sessions have ended.")
            return toast(request, redirect("accounts:profile"), text)
    return _page(request, password_form=form)


def _page(
    request: HttpRequest, *, profile_form: ProfileForm | None = None, password_form: PasswordForm | None = None
) -> HttpResponse:
    person = request.user
    consents = {"marketing": person.consent_marketing, "analytics": person.consent_analytics}
    refused = any(form is not None and form.is_bound for form in (profile_form, password_form))
    return render(
        request,
        "accounts/profile.html",
        {
            "profile_form": profile_form or ProfileForm(person=person),
            "password_form": password_form or PasswordForm(),
            "consent_form": ConsentForm(initial=consents),
            "email": newest_email(person),
            "unsubscribed": suppressed_kinds(person.email_hash),
            # On a machine of one's own, where no mail server takes anything.
            "mail_folder": destination() if settings.EMBEDDED and not settings.EMAIL_HOST else "",
            "capabilities": [(CAPABILITY_WORDS[name], person.can(name)) for name in CAPABILITIES],
        },
        status=422 if refused else 200,
    )
