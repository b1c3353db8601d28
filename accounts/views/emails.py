"""Unsubscribing by the link in a message, the way back, and the test e-mail of the profile page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from accounts import services, tasks
from accounts.audit import Actor
from accounts.choices import EmailKind, EmailState, SuppressionWay
from accounts.decorators import public, requires
from accounts.emails import Unsubscribe, unsubscribe_read
from accounts.queries import suppressed_kinds
from stratum.lib.client_address import client_ip
from stratum.lib.rate_limits import RateLimit
from stratum.lib.toasts import toast
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant

# Links that are none of ours. Good ones are not counted by place: the servers of one mail provider press the button
# for thousands of people.
BAD_LINKS = RateLimit("unsubscribe-bad-links", limit=60, seconds=3600)
# Of one address: each change leaves an entry in the trail.
CHANGES = RateLimit("unsubscribe", limit=20, seconds=3600)
TESTS = RateLimit("test-email", limit=5, seconds=900)
ONE_CLICK = "One-Click"


# Without a CSRF token: mail programs post here by themselves (RFC 8058), and the signed link is what gives the right.
@csrf_exempt
@public("readers without a login, and their mail programs, unsubscribe here", methods=("GET", "POST"))
@never_cache
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """A GET only asks: programs that check links open them too. A POST unsubscribes from the kind, or from all."""
    link = unsubscribe_read(token)
    if link is None or not _workspace(link):
        return _not_whole(request)
    if request.method != "POST":
        return _page(request, link, token)
    if not CHANGES.hit(f"{link.tenant_id}:{link.address_hash}"):
        return _too_many(request, CHANGES)
    by_program = request.POST.get("List-Unsubscribe") == ONE_CLICK
    way = SuppressionWay.HEADER if by_program else SuppressionWay.LINK
    with _inside(link):
        services.email_unsubscribe(
            address_hash=link.address_hash,
            kind="" if request.POST.get("scope") == "all" else link.kind,
            way=way,
            email_id=link.email_id,
            actor=_reader(request, way),
        )
    return HttpResponse(_("You are unsubscribed.")) if by_program else redirect("accounts:unsubscribe", token)


@public("the way back for those who unsubscribed without a login", methods=("POST",))
@never_cache
def resubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Take back what the same link did."""
    link = unsubscribe_read(token)
    if link is None or not _workspace(link):
        return _not_whole(request)
    if not CHANGES.hit(f"{link.tenant_id}:{link.address_hash}"):
        return _too_many(request, CHANGES)
    actor = _reader(request, SuppressionWay.LINK)
    with _inside(link):
        services.email_resubscribe(address_hash=link.address_hash, kinds=("", link.kind), actor=actor)
    return toast(request, redirect("accounts:unsubscribe", token), _("You are subscribed again."))


@requires("edit_profile", methods=("POST",))
def email_test(request: HttpRequest) -> HttpResponse:
    """A message to the person's own address that says that e-mail arrives."""
    back = redirect(reverse("accounts:profile") + "#email")
    if not TESTS.hit(str(request.user.pk)):
        text = _("Enough tests for now. Nothing was sent; wait a quarter of an hour.")
        return toast(request, back, text, level="warning")
    email = services.email_test(user=request.user, actor=request.actor)
    if email.state == EmailState.SUPPRESSED:
        return toast(request, back, email.error, level="warning")
    tasks.send_email.delay_on_commit(tenant_id=request.tenant.pk)
    return toast(request, back, _("A test e-mail is on its way to you."))


@requires("edit_profile", methods=("POST",))
def email_subscribe(request: HttpRequest) -> HttpResponse:
    """Everything again, for a person who had unsubscribed by a link."""
    services.email_resubscribe(address_hash=request.user.email_hash, actor=request.actor)
    return toast(request, redirect(reverse("accounts:profile") + "#email"), _("You are subscribed again."))


@contextmanager
def _inside(link: Unsubscribe) -> Iterator[None]:
    # Unscoped in between: the reader may be logged in to another workspace.
    with unscoped("unsubscribe: the signed link names the workspace"), tenant_context(link.tenant_id):
        yield


def _workspace(link: Unsubscribe) -> Tenant | None:
    with _inside(link):
        return Tenant.objects.filter(pk=link.tenant_id).first()


def _page(request: HttpRequest, link: Unsubscribe, token: str) -> HttpResponse:
    with _inside(link):
        rows = [row for row in suppressed_kinds(link.address_hash) if row.kind in ("", link.kind)]
        workspace = Tenant.objects.get(pk=link.tenant_id)
    own = (SuppressionWay.LINK, SuppressionWay.HEADER)
    context = {
        "link": link,
        "token": token,
        "workspace": workspace,
        "kind_label": EmailKind(link.kind).label,
        "is_off": bool(rows),
        "everything_off": any(row.kind == "" for row in rows),
        "may_return": all(row.way in own for row in rows),
    }
    return render(request, "accounts/unsubscribe.html", context)


def _reader(request: HttpRequest, way: SuppressionWay) -> Actor:
    """Who holds the link: not the person who may be logged in here. The link itself is kept out of the trail."""
    return replace(
        Actor.system(f"unsubscribe: {way.value}"),
        ip_address=client_ip(request),
        user_agent=request.headers.get("User-Agent", "")[:500] or None,
        endpoint="/unsubscribe/",
        http_method=request.method,
    )


def _not_whole(request: HttpRequest) -> HttpResponse:
    if not BAD_LINKS.hit(client_ip(request) or ""):
        return _too_many(request, BAD_LINKS)
    return render(request, "accounts/unsubscribe.html", {"link": None}, status=404)


def _too_many(request: HttpRequest, limit: RateLimit) -> HttpResponse:
    response = render(request, "429.html", {"minutes": limit.minutes}, status=429)
    response.headers["Retry-After"] = str(limit.seconds)
    return response
