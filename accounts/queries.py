"""Read models of people and of the audit trail."""

import datetime
import zoneinfo
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.db.models.fields.json import KT

from accounts.choices import EmailKind, EmailState, SuppressionWay
from accounts.models import AuditLog, EmailMessage, EmailSuppression, User
from stratum.lib.encryption import email_hash, normalise_email
from tenants.context import unscoped

# Names are encrypted, so the database can neither sort nor search them. Up to this many people are decrypted (26 ms per
# thousand) and then sorted and searched here; a larger team is ordered by role, and found by the exact address.
READABLE_TEAM = 1000


@dataclass(frozen=True)
class Team:
    """People of the bound workspace. `is_whole` is False when there are more than READABLE_TEAM of them."""

    people: list[User]
    is_whole: bool


def team(*, search: str = "", with_inactive: bool, with_contact: bool) -> Team:
    """The people of the bound workspace, by name. One query whatever their number.

    `search` finds parts of names, and of addresses where the reader may see them (`with_contact`); in a team too large
    to be read as a whole it finds one exact address. `with_inactive` also shows people who cannot log in.
    """
    columns = ["role", "is_active", "is_staff", "last_login", "full_name", "created_at", "tenant"]
    rows = User.objects.only(*columns, "email")
    if not with_inactive:
        rows = rows.filter(is_active=True)
    found = list(rows.order_by("id")[: READABLE_TEAM + 1])
    if len(found) > READABLE_TEAM:
        return Team(_by_exact_address(rows, found, search, with_contact), is_whole=False)
    found.sort(key=lambda person: (person.display_name.casefold(), person.pk))
    return Team([person for person in found if _answers(person, search, with_contact)], is_whole=True)


def _by_exact_address(rows: models.QuerySet, found: list[User], search: str, with_contact: bool) -> list[User]:
    if search and with_contact:
        return list(rows.filter(email_hash=email_hash(search)))
    return found[:READABLE_TEAM]


def _answers(person: User, search: str, with_contact: bool) -> bool:
    words = normalise_email(search).split()
    text = normalise_email(person.full_name or "")
    if with_contact:
        text += " " + normalise_email(person.email)
    return all(word in text for word in words)


def seats_taken() -> int:
    """People of the bound workspace who may log in, Stratum's own staff left out."""
    return User.objects.filter(is_active=True, is_staff=False).count()


def people_who_may_export() -> models.QuerySet[User]:
    """People to whom exporting was granted by name, whatever their role: permissions->>'can_export' = 'true'."""
    return User.objects.annotate(may_export=KT("permissions__can_export")).filter(may_export="true")


def names_of(user_ids: Iterable[int]) -> dict[int, str]:
    """Display names of people of the bound workspace, removed ones included; ids of others are left out."""
    wanted = {user_id for user_id in user_ids if user_id is not None}
    if not wanted:
        return {}
    people = User.objects.with_deleted().filter(pk__in=wanted).only("full_name", "email", "tenant")
    return {person.pk: person.display_name for person in people}


def people_to_filter_by() -> list[tuple[int, str]]:
    """(id, name) of the people of the bound workspace, removed ones included, by name; at most READABLE_TEAM."""
    people = User.objects.with_deleted().only("full_name", "email", "tenant").order_by("id")[:READABLE_TEAM]
    return sorted(((person.pk, person.display_name) for person in people), key=lambda entry: entry[1].casefold())


def people_of_choice(user_ids: list[int]) -> list[User]:
    """The rows among which a login is to choose its workspace, by workspace name; those still able to log in."""
    with unscoped("login: the person chooses among their workspaces"), transaction.atomic():
        people = User.objects.filter(pk__in=user_ids, is_active=True, tenant__is_deleted=False)
        return list(people.select_related("tenant").order_by("tenant__name", "tenant_id"))


# --- Audit trail ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AuditFilter:
    """What to show of the trail; None and '' mean everything. Days are whole days of `zone`, both included."""

    person: int | None = None
    actor_kind: str = ""
    action: str = ""
    table: str = ""
    row: str = ""
    request_id: str = ""
    start: datetime.date | None = None
    end: datetime.date | None = None
    zone: datetime.tzinfo = field(default_factory=lambda: zoneinfo.ZoneInfo("UTC"))

    def apply(self, entries: models.QuerySet[AuditLog]) -> models.QuerySet[AuditLog]:
        """The entries that fit."""
        exact = {
            "user_id": self.person,
            "actor_kind": self.actor_kind,
            "action": self.action,
            "resource_type": self.table,
            "resource_id": self.row,
            "request_id": self.request_id,
        }
        entries = entries.filter(**{name: value for name, value in exact.items() if value not in (None, "")})
        if self.start:
            entries = entries.filter(created_at__gte=self._midnight(self.start))
        if self.end and self.end < datetime.date.max:
            entries = entries.filter(created_at__lt=self._midnight(self.end + datetime.timedelta(days=1)))
        return entries

    def _midnight(self, day: datetime.date) -> datetime.datetime:
        return datetime.datetime.combine(day, datetime.time.min, tzinfo=self.zone)

    @property
    def is_open(self) -> bool:
        """Whether nothing is filtered."""
        return self == AuditFilter(zone=self.zone)


@dataclass(frozen=True)
class AuditCursor:
    """A place in the trail: entries older than, or (with `newer`) newer than, this moment and id."""

    moment: datetime.datetime
    entry_id: int
    newer: bool = False

    @classmethod
    def parse(cls, text: str, *, newer: bool) -> "AuditCursor | None":
        """'2026-11-23T09:00:00.123456+00:00~17', as `str()` writes it; None for anything else."""
        moment, _tilde, number = text.partition("~")
        if not (number.isascii() and number.isdigit() and len(number) <= 18):
            return None
        try:
            parsed = datetime.datetime.fromisoformat(moment)
        except ValueError:
            return None
        return cls(parsed, int(number), newer) if parsed.tzinfo else None

    @classmethod
    def at(cls, entry: AuditLog, *, newer: bool = False) -> "AuditCursor":
        """The place of an entry; the column allows NULL, the services never write it."""
        assert entry.created_at is not None
        return cls(entry.created_at, entry.pk, newer)

    def __str__(self) -> str:
        return f"{self.moment.astimezone(datetime.UTC).isoformat()}~{self.entry_id}"

    def apply(self, entries: models.QuerySet[AuditLog]) -> models.QuerySet[AuditLog]:
        """The entries on the cursor's side. The first condition alone lets the index be used from there."""
        side = "gt" if self.newer else "lt"
        same_moment = Q(created_at=self.moment, **{f"pk__{side}": self.entry_id})
        return entries.filter(
            Q(**{f"created_at__{side}e": self.moment}), Q(**{f"created_at__{side}": self.moment}) | same_moment
        )


@dataclass(frozen=True)
class AuditPage:
    """Entries, newest first. `older` and `newer` are the cursors of the neighbouring pages; None: there is none."""

    entries: list[AuditLog]
    names: dict[int, str]
    older: AuditCursor | None
    newer: AuditCursor | None


# What a list row shows; the rest of an entry is read on its own page.
_LIST_COLUMNS = (
    "created_at", "user_id", "action", "resource_type", "resource_id", "changed_fields", "old_value", "new_value",
    "actor_kind", "actor_label", "request_id",
)  # fmt: skip


def person_changed(entry: AuditLog) -> int | None:
    """Id of the person whom an entry is about; None when it is about something else."""
    number = entry.resource_id or ""
    is_person = entry.resource_type == User._meta.db_table and number.isdecimal() and len(number) <= 10
    return int(number) if is_person else None


def people_in(entries: Iterable[AuditLog]) -> set[int]:
    """Ids of the people who acted in these entries and of those whom they are about."""
    found = {user_id for entry in entries for user_id in (entry.user_id, person_changed(entry)) if user_id is not None}
    return {user_id for user_id in found if user_id < 2**31}


def audit_page(wanted: AuditFilter, cursor: AuditCursor | None, *, size: int) -> AuditPage:
    """One page of the bound workspace's trail by keyset: two queries, however far back it lies."""
    entries = wanted.apply(AuditLog.objects.only("tenant_id", *_LIST_COLUMNS))
    if cursor:
        entries = cursor.apply(entries)
    backwards = cursor is not None and cursor.newer
    found = list(entries.order_by(*(("created_at", "pk") if backwards else ("-created_at", "-pk")))[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_newer = more if backwards else cursor is not None
    has_older = True if backwards else more
    return AuditPage(
        entries=found,
        names=names_of(people_in(found)),
        older=AuditCursor.at(found[-1]) if found and has_older else None,
        newer=AuditCursor.at(found[0], newer=True) if found and has_newer else None,
    )


def audit_stream(wanted: AuditFilter, *, batch: int = 1000) -> Iterator[tuple[AuditLog, str]]:
    """(entry, name of the person or ''), newest first, in bounded memory: by keyset, `batch` rows at a time."""
    cursor: AuditCursor | None = None
    while True:
        entries = wanted.apply(AuditLog.objects.all())
        if cursor:
            entries = cursor.apply(entries)
        found = list(entries.order_by("-created_at", "-pk")[:batch])
        names = names_of(people_in(found))
        yield from ((entry, names.get(entry.user_id or 0, "")) for entry in found)
        if len(found) < batch:
            return
        cursor = AuditCursor.at(found[-1])


@dataclass(frozen=True)
class ChainFault:
    """The first place where a workspace's audit trail does not fit its hash chain.

    `kind`: gap (a link is missing), missing (an entry is gone), moved (to another workspace), actor (somebody else is
    named), changed (the content differs), unlinked (an entry was written past the chain), anchor (not what was noted).
    """

    tenant_id: int
    sequence: int | None
    audit_id: int | None
    kind: str


@dataclass(frozen=True)
class ChainHead:
    """The newest link of a workspace: noted elsewhere, it also proves that the end was not cut off."""

    tenant_id: int
    slug: str
    sequence: int
    digest: str


_FAULTS_SQL = """
    WITH chain AS (
        SELECT l.tenant_id, l.sequence, l.audit_id, l.actor_id, l.digest,
               lag(l.sequence, 1, 0::bigint) OVER workspace AS previous_sequence,
               lag(l.digest, 1, ''::bytea) OVER workspace AS previous_digest
        FROM audit_links l WHERE %(tenant_id)s::int IS NULL OR l.tenant_id = %(tenant_id)s::int
        WINDOW workspace AS (PARTITION BY l.tenant_id ORDER BY l.sequence)
    ), judged AS (
        SELECT c.tenant_id, c.sequence, c.audit_id, CASE
            WHEN c.sequence <> c.previous_sequence + 1 THEN 'gap'
            WHEN a.id IS NULL THEN 'missing'
            WHEN a.tenant_id <> c.tenant_id THEN 'moved'
            -- NULL is what a purge of the person leaves; while the person exists it is a forgery.
            WHEN a.user_id IS DISTINCT FROM c.actor_id
                 AND (a.user_id IS NOT NULL OR EXISTS (SELECT FROM users u WHERE u.id = c.actor_id)) THEN 'actor'
            WHEN c.digest <> audit_digest(c.previous_digest, a, c.actor_id) THEN 'changed'
        END AS kind
        FROM chain c LEFT JOIN audit_logs a ON a.id = c.audit_id
    ), faults AS (
        SELECT tenant_id, sequence, audit_id, kind FROM judged WHERE kind IS NOT NULL
        UNION ALL
        SELECT a.tenant_id, NULL, a.id, 'unlinked' FROM audit_logs a
        WHERE (%(tenant_id)s::int IS NULL OR a.tenant_id = %(tenant_id)s::int)
          AND NOT EXISTS (SELECT FROM audit_links l WHERE l.audit_id = a.id)
    )
    SELECT DISTINCT ON (tenant_id) tenant_id, sequence, audit_id, kind FROM faults
    ORDER BY tenant_id, sequence NULLS LAST, audit_id
"""
_HEADS_SQL = """
    SELECT t.id, t.slug, coalesce(l.sequence, 0), coalesce(encode(l.digest, 'hex'), '') FROM tenants t
    LEFT JOIN LATERAL (
        SELECT sequence, digest FROM audit_links WHERE tenant_id = t.id ORDER BY sequence DESC LIMIT 1
    ) l ON true
    WHERE %(tenant_id)s::int IS NULL OR t.id = %(tenant_id)s::int ORDER BY t.slug
"""


def audit_chain_state(tenant_id: int | None = None) -> tuple[list[ChainHead], dict[int, ChainFault]]:
    """Recompute the hash chains of one workspace, or of all: their newest links, and the first fault by tenant id.

    One pass over the entries in the database. Call while unscoped, on committed data: links are written at commit.
    """
    with transaction.atomic(), transaction.get_connection().cursor() as cursor:
        cursor.execute(_HEADS_SQL, {"tenant_id": tenant_id})
        heads = [ChainHead(*row) for row in cursor.fetchall()]
        cursor.execute(_FAULTS_SQL, {"tenant_id": tenant_id})
        faults = [ChainFault(*row) for row in cursor.fetchall()]
    return heads, {fault.tenant_id: fault for fault in faults}


def audit_link_digest(tenant_id: int, sequence: int) -> str | None:
    """The digest of one link as hex; None when there is no such link. Call while unscoped."""
    with transaction.atomic(), transaction.get_connection().cursor() as cursor:
        cursor.execute(
            "SELECT encode(digest, 'hex') FROM audit_links WHERE tenant_id = %s AND sequence = %s",
            [tenant_id, sequence],
        )
        row = cursor.fetchone()
    return row[0] if row else None


# --- E-mail -----------------------------------------------------------------------------------------------------


def email_suppression(address_hash: str, kind: str) -> EmailSuppression | None:
    """What keeps a message of this kind from this address, if anything.

    What people unsubscribed from themselves leaves notices through; a mailbox that is not there, and staff, stop all.
    """
    rows = EmailSuppression.objects.filter(address_hash=address_hash)
    everything = Q(kind="") if kind != EmailKind.NOTICE else Q(kind="", way__in=_STOPS_NOTICES)
    return rows.filter(Q(kind=kind) | everything).order_by("kind", "pk").first()


_STOPS_NOTICES = (SuppressionWay.BOUNCE, SuppressionWay.STAFF)


def suppressed_kinds(address_hash: str) -> list[EmailSuppression]:
    """All that an address of the bound workspace does not get, '' (everything) first."""
    return list(EmailSuppression.objects.filter(address_hash=address_hash).order_by("kind", "pk"))


def newest_email(user: User) -> EmailMessage | None:
    """The last message to a person, without what it says."""
    rows = EmailMessage.objects.filter(user=user).defer("subject", "text", "html", "address")
    return rows.order_by("-pk").first()


def due_emails(now: datetime.datetime) -> list[int]:
    """Ids of what waits in the bound workspace and may be sent, the oldest first; at most DUE_AT_ONCE."""
    return list(EmailMessage.objects.filter(_due(now)).order_by("pk").values_list("pk", flat=True)[:DUE_AT_ONCE])


DUE_AT_ONCE = 500


def email_sending_at_most() -> datetime.timedelta:
    """A delivery takes less than this (a dozen steps, and once more): what takes longer has lost its worker."""
    return datetime.timedelta(seconds=30 * settings.EMAIL_TIMEOUT)


def lost_emails(now: datetime.datetime) -> Q:
    """The condition of messages whose worker is gone."""
    return Q(state=EmailState.SENDING, claimed_at__lt=now - email_sending_at_most())


def tenants_with_email_to_do(now: datetime.datetime) -> list[int]:
    """Workspaces with messages that are due, or whose worker was lost."""
    with unscoped("fan-out: e-mail that is due, of all workspaces"), transaction.atomic():
        rows = EmailMessage.objects.filter(state__in=_OPEN).filter(_due(now) | lost_emails(now))
        return list(rows.order_by("tenant_id").values_list("tenant_id", flat=True).distinct())


_OPEN = (EmailState.PENDING.value, EmailState.SENDING.value)


def _due(now: datetime.datetime) -> Q:
    return Q(state=EmailState.PENDING) & (Q(next_retry_at=None) | Q(next_retry_at__lte=now))
