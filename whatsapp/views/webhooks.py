"""Where WhatsApp calls us: one address for all workspaces."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.decorators import public
from whatsapp import services
from whatsapp.clients.signature import SANDBOX_SECRET, challenge, is_signed
from whatsapp.tasks import wake_processing

# WhatsApp's bodies have up to 3 MB.
MAX_BODY = 4 * 1024 * 1024
_PLAIN = "text/plain"


@csrf_exempt  # signed with the app’s secret instead
@public("WhatsApp calls it; each body is signed with the app’s secret", methods=("GET", "POST"))
def webhook(request: HttpRequest) -> HttpResponse:
    """GET: the check of a new address. POST: a signed body, stored as it came and read later."""
    if request.method == "GET":
        text = challenge(request.GET)
        return HttpResponse(text or "", status=403 if text is None else 200, content_type=_PLAIN)
    # Read past the limit for forms, which is lower; one byte more than allowed tells.
    raw = request.read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        return HttpResponse(status=413, content_type=_PLAIN)
    side = _signed_by(raw, request.headers.get("X-Hub-Signature-256"))
    if side is None:
        return HttpResponse(status=403, content_type=_PLAIN)
    services.webhook_store(raw, is_sandbox=side == "sandbox")
    wake_processing()
    return HttpResponse(content_type=_PLAIN)


def _signed_by(raw: bytes, header: str | None) -> str | None:
    """Whose secret the signature fits: 'live', 'sandbox' where there is one, or nobody's."""
    if is_signed(raw, header, settings.WHATSAPP_APP_SECRET):
        return "live"
    if settings.SANDBOX_URL and is_signed(raw, header, SANDBOX_SECRET):
        return "sandbox"
    return None
