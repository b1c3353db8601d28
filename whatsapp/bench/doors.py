"""Routes of the benchmark: a door that only looks at the signature, beside those of the product."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from whatsapp.clients.signature import is_signed


@csrf_exempt  # the yardstick is measured under the same protection as the webhook
def signature_only(request: HttpRequest) -> HttpResponse:
    signed = is_signed(request.body, request.headers.get("X-Hub-Signature-256"), settings.WHATSAPP_APP_SECRET)
    return HttpResponse(status=200 if signed else 403)


# The product with all its routes, and the yardstick before them.
urlpatterns = [path("yardstick/", signature_only), path("", include("stratum.urls"))]
