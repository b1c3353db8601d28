"""What the person answered on the preview page, as import_batches.answers keeps it."""

from dataclasses import asdict, dataclass
from typing import Any

from campaigns.models import ImportBatch


@dataclass(frozen=True, slots=True)
class Answers:
    """`account_id` of an existing account, or `account_name` of a new one; neither: as the file says.

    `currency` (ISO 4217) counts where the file is silent, `timezone` (IANA) for accounts that are new.
    `accepted`: the warnings that ask for it were agreed to.
    """

    account_id: int | None = None
    account_name: str = ""
    currency: str = ""
    timezone: str = "UTC"
    accepted: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def answers_of(batch: ImportBatch) -> Answers:
    return Answers(**batch.answers)
