"""Pages that belong to no single app: health and the error pages."""

import redis
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from accounts.decorators import public


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
