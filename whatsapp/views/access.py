"""Whose contact it is, and who may see and change what."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from stratum.lib import phones
from whatsapp.models import WhatsAppContact, WhatsAppMessage
from whatsapp.queries.contacts import live_contacts


def is_own(request: HttpRequest, contact: WhatsAppContact) -> bool:
    return contact.user_id == request.user.pk


def may_manage(request: HttpRequest, contact: WhatsAppContact) -> bool:
    """Everybody their own contact; others' with the capability."""
    return is_own(request, contact) or request.user.can("edit_contacts")


def contact_or_404(pk: int) -> WhatsAppContact:
    return get_object_or_404(live_contacts(), pk=pk)


def managed_contact(request: HttpRequest, pk: int) -> WhatsAppContact:
    """404 for what is not there, 403 for somebody else's contact without the right to it."""
    contact = contact_or_404(pk)
    if not may_manage(request, contact):
        raise PermissionDenied(_("Your role does not allow this. An admin of your workspace can change it."))
    return contact


def number_shown(request: HttpRequest, contact: WhatsAppContact) -> str:
    """The number in full to whom it belongs and to those who edit contacts, masked to everybody else."""
    if may_manage(request, contact):
        return phones.readable(contact.phone_number)
    return phones.masked(contact.phone_number)


def wamid_shown(request: HttpRequest, message: WhatsAppMessage) -> str:
    """WhatsApp's id of a message, which holds the number in full: to those alone who see that. Expects its contact."""
    shown = may_manage(request, message.contact) and not message.contact.is_removed
    return message.wamid or "" if shown else ""
