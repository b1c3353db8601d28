"""What is done on the page of a contact about proof and consent."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.decorators import requires
from stratum.lib.answers import done
from stratum.lib.errors import DomainError
from whatsapp import services
from whatsapp.choices import OptIn
from whatsapp.forms import CodeForm, WrittenConsentForm
from whatsapp.models import WhatsAppContact
from whatsapp.views.access import managed_contact
from whatsapp.views.contact import sentence_of, show_contact
from whatsapp.views.sending import send_soon


def _page(contact: WhatsAppContact) -> str:
    return reverse("whatsapp:contact_detail", args=[contact.pk])


def _tried(request: HttpRequest, contact: WhatsAppContact, service: Callable[..., Any], success: str) -> HttpResponse:
    """Call a service that either works or says why not."""
    try:
        service(contact=contact, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=_page(contact), level="warning", stay=False)
    return done(request, success, to=_page(contact), stay=False)


@requires("edit_profile", methods=("POST",))
def contact_code(request: HttpRequest, pk: int) -> HttpResponse:
    """Have a code sent to the number."""
    contact = managed_contact(request, pk)

    def start(**values: Any) -> None:
        services.verification_start(**values)
        send_soon(request)

    return _tried(request, contact, start, _("A code is on its way by WhatsApp."))


@requires("edit_profile", methods=("POST",))
def contact_verify(request: HttpRequest, pk: int) -> HttpResponse:
    """Compare the code that was typed in. A wrong one counts, so the answer is no error that takes it back."""
    contact = managed_contact(request, pk)
    form = CodeForm(request.POST)
    if form.is_valid():
        try:
            services.verification_check(contact=contact, code=form.cleaned_data["code"], actor=request.actor)
        except DomainError as error:
            form.add_error("code", str(error))
            contact.refresh_from_db()
        else:
            return done(request, _("The number is verified."), to=_page(contact), stay=False)
    return show_contact(request, contact, code_form=form)


@requires("edit_profile", methods=("POST",))
def contact_opt_in(request: HttpRequest, pk: int) -> HttpResponse:
    """The tick of the person whose number it is."""
    contact = managed_contact(request, pk)
    sentence = sentence_of(contact, request.POST.get("sentence", ""))
    if not sentence or request.POST.get("agree") != "on":
        text = _("Tick the sentence to agree to it.") if sentence else _("The page was too old. Tick it once more.")
        return done(request, text, to=_page(contact), level="warning", stay=False)
    if contact.opt_in_status == OptIn.OPTED_IN:
        return done(request, _("You have agreed already."), to=_page(contact), level="info", stay=False)

    def tick(**values: Any) -> None:
        services.opt_in_tick(sentence=sentence, **values)

    return _tried(request, contact, tick, _("Thank you. Your consent is noted, with the sentence you ticked."))


@requires("edit_contacts", methods=("POST",))
def contact_opt_in_written(request: HttpRequest, pk: int) -> HttpResponse:
    """A colleague notes a consent that they have in writing."""
    contact = managed_contact(request, pk)
    form = WrittenConsentForm(request.POST)
    if form.is_valid():
        try:
            services.opt_in_written(
                contact=contact, text=form.cleaned_data["text"], at=form.moment(), actor=request.actor
            )
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            contact.refresh_from_db()
            if contact.opt_in_status == OptIn.OPTED_IN:
                return done(request, _("The consent is noted."), to=_page(contact), stay=False)
            text = _("It is noted, but they have stopped messages since: the later word counts.")
            return done(request, text, to=_page(contact), level="warning", stay=False)
    return show_contact(request, contact, written_form=form)


@requires("edit_profile", methods=("POST",))
def contact_opt_out(request: HttpRequest, pk: int) -> HttpResponse:
    contact = managed_contact(request, pk)
    return _tried(request, contact, services.opt_out_note, _("No more messages go to this contact."))
