"""Routes of the benchmark: the webhook, and a door that only looks at the signature."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from whatsapp.clients.signature import is_signed
from whatsapp.views.webhooks import webhook


@csrf_exempt  # the yardstick is measured under the same protection as the webhook
def signature_only(request: HttpRequest) -> HttpResponse:
    signed = is_signed(request.body, request.headers.get("X-Hub-Signature-256"), settings.WHATSAPP_APP_SECRET)
    return HttpResponse(status=200 if signed else 403)


urlpatterns = [path("webhooks/whatsapp/", webhook), path("yardstick/", signature_only)]
