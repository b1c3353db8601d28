"""What waits goes out at once rather than with the next minute."""

from django.http import HttpRequest

from whatsapp import tasks


def send_soon(request: HttpRequest) -> None:
    """After the request's transaction."""
    tasks.send_messages.delay_on_commit(tenant_id=request.tenant.pk)
