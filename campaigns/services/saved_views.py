"""Writes on a person's saved views of the campaign list."""

from secrets import token_hex
from urllib.parse import parse_qsl, urlencode

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from accounts.models import User
from campaigns.queries.saved_views import MAX_QUERY, PREFERENCE, SavedView, parse_views
from stratum.lib.errors import DomainError

MAX_VIEWS = 20
MAX_NAME = 60
# What belongs to a moment, not to a view.
_TRANSIENT = {"page"}


@transaction.atomic
def saved_view_create(*, user: User, name: str, query: str, actor: Actor) -> SavedView:
    """Keep the list as it is now under a name. DomainError when the name is taken or there are too many."""
    person, views = _locked(user)
    if len(views) >= MAX_VIEWS:
        message = _("You have %(most)s saved views. Delete one first.") % {"most": MAX_VIEWS}
        raise DomainError(message, code="views_full", field="name")
    view = SavedView(token_hex(4), _clean(name, views), _clean_query(query))
    _store(person, views, [*views, view], actor)
    user.preferences = person.preferences
    return view


@transaction.atomic
def saved_view_rename(*, user: User, key: str, name: str, actor: Actor) -> SavedView:
    """Give a view another name. DomainError when it is gone or the name is taken."""
    person, views = _locked(user)
    view = _find(views, key)
    renamed = SavedView(view.key, _clean(name, [one for one in views if one != view]), view.query)
    _store(person, views, [renamed if one == view else one for one in views], actor)
    user.preferences = person.preferences
    return renamed


@transaction.atomic
def saved_view_delete(*, user: User, key: str, actor: Actor) -> SavedView:
    """Forget a view. DomainError when it is gone already."""
    person, views = _locked(user)
    view = _find(views, key)
    _store(person, views, [one for one in views if one != view], actor)
    user.preferences = person.preferences
    return view


def _locked(user: User) -> tuple[User, list[SavedView]]:
    person = User.objects.select_for_update(no_key=True).only("id", "tenant_id", "preferences").get(pk=user.pk)
    return person, parse_views((person.preferences or {}).get(PREFERENCE))


def _find(views: list[SavedView], key: str) -> SavedView:
    for view in views:
        if view.key == key:
            return view
    raise DomainError(_("This view does not exist any more."), code="view_gone")


def _clean(name: str, others: list[SavedView]) -> str:
    kept = " ".join(name.replace("\0", "").split())[:MAX_NAME]
    if not kept:
        raise DomainError(_("Give the view a name."), code="name_empty", field="name")
    if any(view.name.lower() == kept.lower() for view in others):
        raise DomainError(_("You have a view with this name already."), code="name_taken", field="name")
    return kept


def _clean_query(query: str) -> str:
    pairs = [(key, value) for key, value in parse_qsl(query.replace("\0", "")) if key not in _TRANSIENT]
    return urlencode(pairs)[:MAX_QUERY]


def _store(person: User, before: list[SavedView], after: list[SavedView], actor: Actor) -> None:
    person.preferences = {
        **(person.preferences or {}),
        PREFERENCE: [{"key": view.key, "name": view.name, "query": view.query} for view in after],
    }
    # Past User.save, which computes the look-up hash of an address that was not loaded.
    User.objects.filter(pk=person.pk).update(preferences=person.preferences)
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource=person,
        old={PREFERENCE: [view.name for view in before]},
        new={PREFERENCE: [view.name for view in after]},
    )
