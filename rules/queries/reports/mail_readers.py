"""Who gets a report by e-mail, and which of them its files."""

from dataclasses import dataclass

from accounts.models import User
from rules.models import ReportSchedule
from stratum.lib.encryption import email_hash


@dataclass(frozen=True, slots=True)
class MailReader:
    """`key` is that of a delivery. A person of the workspace, or an address; an address may be a person's own, and a
    chosen person who is gone is neither."""

    key: str
    person: User | None
    address: str = ""

    @property
    def is_gone(self) -> bool:
        return self.person is None and not self.address

    @property
    def gets_files(self) -> bool:
        """PDF and CSV are an export: people get them who may export. Those for other addresses were let go by whoever
        confirmed the schedule."""
        return self.person.can("export") if self.person else bool(self.address)


def mail_readers(schedule: ReportSchedule) -> list[MailReader]:
    """People first; an address of one of them gets nothing beside. At most two statements."""
    people = User.objects.with_deleted().in_bulk(schedule.user_ids)
    known = {person.email_hash for person in people.values()}
    others = {email_hash(one): one for one in schedule.addresses.splitlines()}
    members = User.objects.filter(email_hash__in=others) if others else ()
    owners = {person.email_hash: person for person in members}
    return [
        *(MailReader(f"user:{pk}", people.get(pk)) for pk in dict.fromkeys(schedule.user_ids)),
        *(
            MailReader(f"address:{hashed}", owners.get(hashed), address)
            for hashed, address in others.items()
            if hashed not in known
        ),
    ]
