"""Pages that belong to no single app: home, search, health and the error pages."""

import redis
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from accounts.decorators import public, requires
from campaigns.models import Campaign
from campaigns.views.reading import is_fragment
from stratum.home import first_steps, home_context, moved_context
from stratum.search import search_groups


@public("orchestrators ask it, nothing is told")
def health_live(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@public("load balancers ask it, only up or down is told")
def health_ready(request: HttpRequest) -> HttpResponse:
    """Database and Redis answer too; 503 with the name of what does not."""
    failing = [name for name, check in (("database", _ask_database), ("redis", _ask_redis)) if not check()]
    return JsonResponse(
        {"status": "failing", "failing": failing} if failing else {"status": "ok"},
        status=503 if failing else 200,
    )


def _ask_database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _ask_redis() -> bool:
    try:
        return bool(redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_timeout=2).ping())
    except redis.RedisError:
        return False


def forbidden(request: HttpRequest, exception: PermissionDenied) -> HttpResponse:
    return render(request, "403.html", {"reason": str(exception)}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    # No query and no context: whatever broke may be what they need.
    return render(None, "500.html", status=500)


@requires("view")
def home(request: HttpRequest) -> HttpResponse:
    """What is wrong, what changed and why, what automation did, what to do now."""
    if not Campaign.objects.exists():
        return render(request, "home_first_run.html", {"steps": first_steps(request.user)})
    if is_fragment(request) and request.htmx.target == "home-moved":
        return render(request, "_home_moved.html", moved_context(request))
    return render(request, "home.html", home_context(request))


@requires("view")
def search(request: HttpRequest) -> HttpResponse:
    """`?q=`: a few of everything that matches, as a page or below the search field."""
    text = request.GET.get("q", "").strip()
    context = {"q": text, "groups": search_groups(request, text)}
    return render(request, "_search_results.html" if is_fragment(request) else "search.html", context)
