"""The page of one contact: the way to the first message, consent and its evidence, what goes out when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import segno
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from accounts.decorators import requires
from stratum.lib.answers import done
from stratum.lib.errors import DomainError
from whatsapp import services
from whatsapp.choices import ConsentKind, OptIn
from whatsapp.clients.numbers import to_digits
from whatsapp.forms import CodeForm, ContactForm, WrittenConsentForm
from whatsapp.models import WhatsAppConsent, WhatsAppContact
from whatsapp.queries.contacts import evidence, is_proven_by_person, name_of
from whatsapp.queries.messages import MessageFilter, message_rows
from whatsapp.queries.numbers import default_number
from whatsapp.services.preparing import window_closes_at
from whatsapp.views.access import contact_or_404, is_own, managed_contact, may_manage, number_shown
from whatsapp.views.words import kind_of, moment, opt_in_tag, state_tag, verified_tag, why_not

MESSAGES_SHOWN = 5
_SALT, _SHOWN_FOR = "whatsapp.consent", 24 * 60 * 60
_EVIDENCE_LOOK = {
    ConsentKind.VERIFIED: ("badge-check", "good"),
    ConsentKind.OPT_IN: ("check", "good"),
    ConsentKind.OPT_OUT: ("ban", "bad"),
    ConsentKind.MARKETING_STOP: ("ban", "warn"),
    ConsentKind.MARKETING_RESUME: ("check", "good"),
    ConsentKind.NUMBER_CHANGED: ("refresh-cw", "warn"),
}


def consent_sentence(request: HttpRequest) -> str:
    """What a person agrees to, in their language."""
    return _(
        "I agree that %(workspace)s sends alerts and reports about its campaigns to this number by WhatsApp. "
        "I can stop them at any time: here, or by writing STOP."
    ) % {"workspace": request.tenant.name}


def signed_sentence(contact: WhatsAppContact, sentence: str) -> str:
    """The sentence as a form carries it, so that what is kept is exactly what was shown."""
    return signing.dumps([contact.pk, sentence], salt=_SALT)


def sentence_of(contact: WhatsAppContact, signed: str) -> str:
    """The sentence that was shown for this contact; empty when the form was another one's, or too old."""
    try:
        pk, sentence = signing.loads(signed, salt=_SALT, max_age=_SHOWN_FOR)
    except (signing.BadSignature, ValueError):
        return ""
    return str(sentence) if pk == contact.pk else ""


@requires("view")
def contact_detail(request: HttpRequest, pk: int) -> HttpResponse:
    return show_contact(request, contact_or_404(pk))


@requires("edit_profile", methods=("POST",))
def contact_update(request: HttpRequest, pk: int) -> HttpResponse:
    contact = managed_contact(request, pk)
    form = ContactForm(request.POST)
    if form.is_valid():
        try:
            services.contact_update(contact=contact, draft=form.draft(), actor=request.actor)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            return done(request, _("Saved."), to=reverse("whatsapp:contact_detail", args=[pk]), stay=False)
    return show_contact(request, contact, settings_form=form)


@requires("edit_profile", methods=("POST",))
def contact_remove(request: HttpRequest, pk: int) -> HttpResponse:
    contact = managed_contact(request, pk)
    services.contact_remove(contact=contact, actor=request.actor)
    text = _("The contact was removed, and everything personal about it erased.")
    return done(request, text, to=reverse("whatsapp:contact_list"), stay=False)


def show_contact(request: HttpRequest, contact: WhatsAppContact, **forms: Any) -> HttpResponse:
    """The page; with a form that has errors, answered as 422."""
    manages, by_person = may_manage(request, contact), is_proven_by_person(contact)
    context = {
        "contact": contact,
        "name": name_of(contact),
        "number": number_shown(request, contact),
        "tags": [verified_tag(contact), opt_in_tag(contact)],
        "why_not": why_not(contact),
        "facts": [*_facts(contact), (_("Commands"), _commands(contact, by_person=by_person))],
        "proven_by_other": bool(contact.is_verified) and not by_person,
        "is_own": is_own(request, contact),
        "manages": manages,
        "can_read": request.user.can("edit_contacts"),
        "crumbs": [(_("Messages"), reverse("whatsapp:contact_list"))],
        **_steps(contact),
        "lines": [_line(one, contact, manages=manages) for one in evidence(contact)],
        "newest": _newest(contact),
    }
    if manages:
        context |= _managing(request, contact)
    return render(request, "whatsapp/contact_detail.html", {**context, **forms}, status=422 if forms else 200)


def _steps(contact: WhatsAppContact) -> dict[str, Any]:
    """Number, proof, consent: how far the way to the first message is."""
    agreed = contact.opt_in_status == OptIn.OPTED_IN
    current = 2 if not contact.is_verified else 3 if not agreed else 4
    return {
        "steps": [_("Number added"), _("Number verified"), _("Consent noted")],
        "step": current,
        "is_ready": current == 4,
        "agreed": agreed,
        "opted_out": contact.opt_in_status == OptIn.OPTED_OUT,
    }


def _managing(request: HttpRequest, contact: WhatsAppContact) -> dict[str, Any]:
    """Forms, and the way to agree by writing START."""
    sentence = consent_sentence(request)
    now = timezone.now()
    expires = contact.verification_expires_at
    link = start_link()
    return {
        "settings_form": ContactForm(initial=ContactForm.values_of(contact)),
        "code_form": CodeForm(),
        "written_form": WrittenConsentForm(initial={"day": timezone.localdate().isoformat()}),
        "code_waits": bool(contact.verification_code and expires and expires > now),
        "code_expires": moment(expires),
        "sentence": sentence,
        "signed": signed_sentence(contact, sentence),
        "start_link": link,
        "start_qr": qr_code(link) if link else "",
    }


def start_link() -> str:
    """Opens WhatsApp with START written to the workspace's number; empty without a number."""
    number = default_number()
    digits = to_digits(number.display_phone_number) if number else ""
    return f"https://wa.me/{digits}?text=START" if digits else ""


def qr_code(link: str) -> SafeString:
    """The link as an SVG that phones read off the screen."""
    code = segno.make(link, error="m")
    # Of our own making: digits and a word.
    return mark_safe(code.svg_inline(border=2, scale=4, dark="#000", light="#fff", omitsize=True))  # noqa: S308


def _facts(contact: WhatsAppContact) -> list[tuple[str, Any]]:
    closes = window_closes_at(contact)
    is_open = closes is not None and closes > timezone.now()
    window = _("open until %(when)s") % {"when": moment(closes)} if is_open else _("closed: only templates go out")
    return [
        (_("Person"), contact.user.display_name),
        (_("Agreed"), moment(contact.opt_in_at) or "–"),
        (_("Stopped"), moment(contact.opt_out_at) or "–"),
        (_("Marketing in WhatsApp"), _("stopped") if contact.marketing_stopped_at else _("not stopped")),
        (_("Wrote last"), moment(contact.last_inbound_at) or _("never")),
        (_("Free text"), window),
    ]


def _commands(contact: WhatsAppContact, *, by_person: bool) -> str:
    """Whether what is written from this number is obeyed, and with whose rights."""
    person = {"name": contact.user.display_name}
    if not contact.is_verified or contact.opt_in_status != OptIn.OPTED_IN:
        return _("not obeyed: the number is to be proven and agreed to first")
    if not contact.is_active:
        return _("not obeyed: the contact is switched off")
    if not by_person:
        return _("not obeyed: %(name)s has not proven the number themselves") % person
    return _("obeyed with the rights of %(name)s") % person


@dataclass(frozen=True, slots=True)
class Line:
    """A line of evidence for the page."""

    icon: str
    level: str
    title: str
    text: str
    when: datetime


def _line(line: WhatsAppConsent, contact: WhatsAppContact, *, manages: bool) -> Line:
    """Their words are for those who manage the contact; that there was consent, and when, is for all."""
    icon, level = _EVIDENCE_LOOK.get(ConsentKind(line.kind), ("info", "info"))
    title = f"{line.get_kind_display()} – {line.get_way_display()}"
    # What a person did themselves needs no name.
    by = line.noted_by if line.noted_by_id != contact.user_id else None
    who = _("Noted by %(name)s.") % {"name": by.display_name} if by else ""
    text = " ".join(filter(None, [f"“{line.text}”" if manages and line.text else "", who]))
    return Line(icon, level, title, text, line.at)


def _newest(contact: WhatsAppContact) -> list[tuple[str, str, Any, str]]:
    """The newest ones: (kind, when, state, address)."""
    rows = message_rows(MessageFilter(contact=contact.pk), timezone.now()).order_by("-created_at", "-pk")
    return [
        (kind_of(one), moment(one.created_at), state_tag(one.state), reverse("whatsapp:message_detail", args=[one.pk]))
        for one in rows[:MESSAGES_SHOWN]
    ]
