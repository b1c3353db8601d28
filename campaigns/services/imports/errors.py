"""Why an import is not carried out, beside what the parser itself refuses."""

from django.utils.translation import gettext as _

from campaigns.models import ImportBatch
from stratum.lib.errors import DomainError


class DuplicateImport(DomainError):
    """The same report is in the workspace already, or on its way; `earlier` is that import."""

    def __init__(self, message: str, earlier: ImportBatch):
        super().__init__(message, code="duplicate")
        self.earlier = earlier


def same_file(earlier: ImportBatch) -> DuplicateImport:
    return DuplicateImport(
        _("This very file was imported already, as “%(name)s”. Undo that import first if it should go in again.")
        % {"name": earlier.filename},
        earlier,
    )


def same_content(earlier: ImportBatch) -> DuplicateImport:
    return DuplicateImport(
        _("“%(name)s” was imported already and holds the same days and numbers, in another format.")
        % {"name": earlier.filename},
        earlier,
    )
