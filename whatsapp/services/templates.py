"""Templates of the workspace: handed in, deleted, mapped to Stratum's values, and changed by WhatsApp's events.

What must be said to WhatsApp is left in the rows (OwnTemplateStatus); whatsapp.services.template_sync says it.
"""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from stratum.lib.errors import DomainError
from tenants.models import Tenant
from whatsapp.choices import OwnTemplateStatus, TemplateCategory
from whatsapp.clients.events import TemplateEvent
from whatsapp.clients.templates import TemplateDraft, problems, shape
from whatsapp.models import WhatsAppNumber, WhatsAppTemplate
from whatsapp.queries.numbers import number_of_account
from whatsapp.queries.templates import APPROVED, DELETED, VARIABLES, default_variables
from whatsapp.services.standard_templates import standard_drafts

# What a new template of the same name and language may replace: WhatsApp has none of it.
_GONE = frozenset({DELETED, OwnTemplateStatus.REFUSED.value})
_SHOWN = ["name", "language", "category", "status", "variables", "rejected_reason", "quality_score"]
_EVENT_ACTOR = Actor.job("whatsapp.webhooks")
# What a message's refusal says of its template's state.
_STATE_OF_CODE = {"132015": "PAUSED", "132016": "DISABLED"}
# Kind of an event: column, and the moment as of which it is known.
_OF_EVENT = {
    "status": ("status", "status_at"),
    "category": ("category", "category_at"),
    "quality": ("quality_score", "quality_at"),
}


@transaction.atomic
def template_create(
    *, draft: TemplateDraft, variables: Mapping[str, str] | None = None, actor: Actor
) -> WhatsAppTemplate:
    """Queue a template to be handed in for review. DomainError with the place of the first thing that WhatsApp would
    refuse, where no number is connected, or where there is one of this name in this language."""
    found = problems(draft)
    if found:
        raise DomainError(found[0].words, code=found[0].code, field=found[0].place)
    _lock_account()
    row = WhatsAppTemplate.objects.filter(name=draft.name, language=draft.language).first()
    if row is not None and row.status not in _GONE:
        message = _("There is a template of this name in this language already.")
        raise DomainError(message, code="name_taken", field="name")
    row = _queue(row or WhatsAppTemplate(name=draft.name, language=draft.language), draft, variables or {})
    row.save()
    _ask_account()
    record(actor=actor, action=AuditAction.CREATE, resource=row, new=snapshot(row, _SHOWN))
    return row


def _queue(row: WhatsAppTemplate, draft: TemplateDraft, variables: Mapping[str, str]) -> WhatsAppTemplate:
    row.category, row.components = draft.category, draft.components()
    row.variables = default_variables(shape(row.components), draft.category, variables)
    row.status = OwnTemplateStatus.QUEUED.value
    row.external_id = row.quality_score = row.rejected_reason = None
    row.status_at = row.category_at = row.quality_at = row.last_synced_at = None
    return row


@transaction.atomic
def templates_create_standard(*, actor: Actor) -> int:
    """Queue those of Stratum's own templates that the account does not have, in every language. Returns how many."""
    _lock_account()
    known = {(row.name, row.language): row for row in WhatsAppTemplate.objects.all()}
    fresh, again = [], []
    for draft, variables in standard_drafts():
        row = known.get((draft.name, draft.language))
        if row is None:
            fresh.append(_queue(WhatsAppTemplate(name=draft.name, language=draft.language), draft, variables))
        elif row.status in _GONE:
            again.append(_queue(row, draft, variables))
    WhatsAppTemplate.objects.bulk_create(fresh)
    WhatsAppTemplate.objects.bulk_update(
        again,
        [
            "category", "components", "variables", "status", "external_id", "quality_score", "rejected_reason",
            "status_at", "category_at", "quality_at", "last_synced_at",
        ],
    )  # fmt: skip
    made = [*fresh, *again]
    if made:
        _ask_account()
        names = sorted(f"{row.name} ({row.language})" for row in made)
        record(
            actor=actor,
            action=AuditAction.CREATE,
            resource=WhatsAppTemplate._meta.db_table,
            new={"operation": "standard_templates", "templates": names},
        )
    return len(made)


@transaction.atomic
def template_delete(*, template: WhatsAppTemplate, actor: Actor) -> WhatsAppTemplate | None:
    """Have it deleted at WhatsApp, in this language. None: WhatsApp never had it, and it is gone at once."""
    locked = WhatsAppTemplate.objects.select_for_update(no_key=True).get(pk=template.pk)
    if locked.status == OwnTemplateStatus.SENDING:
        raise DomainError(_("It is being handed in at this moment. Try again in a minute."), code="in_flight")
    old = snapshot(locked, _SHOWN)
    if locked.status in _GONE or locked.external_id is None:
        record(actor=actor, action=AuditAction.DELETE, resource=locked, old=old)
        locked.delete()
        return None
    _lock_account()
    locked.status = OwnTemplateStatus.REMOVING.value
    locked.save(update_fields=["status", "updated_at"])
    _ask_account()
    record(actor=actor, action=AuditAction.DELETE, resource=locked, old=old, new=snapshot(locked, _SHOWN))
    return locked


@transaction.atomic
def template_map(*, template: WhatsAppTemplate, variables: Mapping[str, str], actor: Actor) -> WhatsAppTemplate:
    """Say what fills each placeholder. DomainError for a slot it does not have, or a value that Stratum does not."""
    locked = WhatsAppTemplate.objects.select_for_update(no_key=True).get(pk=template.pk)
    slots = {slot.key for slot in shape(locked.components).slots}
    for key, name in variables.items():
        if key not in slots or name not in VARIABLES:
            raise DomainError(_("This placeholder cannot be filled with that."), code="variable_bad", field=key)
    if locked.category == TemplateCategory.AUTHENTICATION:
        raise DomainError(_("A verification code’s template is filled with the code alone."), code="code_only")
    old = snapshot(locked, ["variables"])
    locked.variables = {**(locked.variables or {}), **variables}
    locked.save(update_fields=["variables", "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked, ["variables"]))
    return locked


@transaction.atomic
def templates_ask(*, actor: Actor) -> None:
    """Have the templates fetched soon. DomainError where no number is connected. `actor` is who waits for it."""
    _lock_account()
    _ask_account()


def _lock_account() -> None:
    """One at a time: two who make the same template at once must not both find none."""
    Tenant.objects.select_for_update(no_key=True).get()
    if number_of_account() is None:
        message = _("Connect a WhatsApp number first: templates belong to its business account.")
        raise DomainError(message, code="no_number")


def _ask_account() -> None:
    number = number_of_account()
    if number is not None:
        number.templates_asked_at = timezone.now()
        number.save(update_fields=["templates_asked_at", "updated_at"])


# --- WhatsApp's events ------------------------------------------------------------------------------------------


@transaction.atomic
def template_event_apply(event: TemplateEvent) -> bool:
    """What a webhook says about a template of the bound workspace. False: nothing here was changed by it.

    Events come late, twice and in any order: one that is older than what is known changes nothing. An unknown template,
    and new components, are left to the next sync, which this asks for.
    """
    row = _template_of(event)
    if row is None or event.kind not in _OF_EVENT:
        _ask_account_once()
        return False
    column, moment = _OF_EVENT[event.kind]
    known = getattr(row, moment)
    value = _event_value(event)
    if not value or (known is not None and event.at < known):
        return False
    old = snapshot(row, _SHOWN)
    setattr(row, moment, event.at)
    changed = [moment]
    # What is being deleted stays so until WhatsApp says that it is gone.
    if column != "status" or row.status != OwnTemplateStatus.REMOVING or value == DELETED:
        setattr(row, column, value)
        changed.append(column)
    if column == "status":
        reason = "" if event.reason == "NONE" else event.reason
        row.rejected_reason = (reason or event.details) or None
        changed.append("rejected_reason")
    if event.external_id and not row.external_id:
        row.external_id = event.external_id[:100]
        changed.append("external_id")
    row.save(update_fields=[*changed, "updated_at"])
    new = snapshot(row, _SHOWN)
    if new != old:
        record(actor=_EVENT_ACTOR, action=AuditAction.UPDATE, resource=row, old=old, new=new)
    return new != old


@transaction.atomic
def template_refused(template_id: int | None, code: int | str) -> None:
    """WhatsApp refused a message for the sake of its template: ours is out of date, so the account is asked anew. What
    the code says of its state holds from now on, so that no other message fails by it."""
    status = _STATE_OF_CODE.get(str(code), "")
    rows = WhatsAppTemplate.objects.select_for_update(no_key=True)
    row = rows.filter(pk=template_id, status=APPROVED).first() if status and template_id else None
    if row is not None:
        old = snapshot(row, _SHOWN)
        row.status = status
        row.save(update_fields=["status", "updated_at"])
        record(actor=_EVENT_ACTOR, action=AuditAction.UPDATE, resource=row, old=old, new=snapshot(row, _SHOWN))
    _ask_account_once()


def _ask_account_once() -> None:
    """Many say so in a row: the first moment stays, or the beat would never find it old enough."""
    number = number_of_account()
    if number is not None:
        WhatsAppNumber.objects.filter(pk=number.pk, templates_asked_at=None).update(templates_asked_at=timezone.now())


def _event_value(event: TemplateEvent) -> str:
    value = event.value.upper()
    if event.kind == "category" and value not in TemplateCategory.values:
        return ""
    return value[: 30 if event.kind == "status" else 20]


def _template_of(event: TemplateEvent) -> WhatsAppTemplate | None:
    """By WhatsApp's id, which a template in review may not have here yet; then by name and language."""
    rows = WhatsAppTemplate.objects.select_for_update(no_key=True)
    found = rows.filter(external_id=event.external_id).first() if event.external_id else None
    if found is None and event.name and event.language:
        found = rows.filter(name=event.name, language=event.language).first()
    return found
