"""Import of reports that platforms' own interfaces export: upload, check, confirm, run, undo.

    uploaded ── check ──▶ uploaded (read) ── confirm ──▶ queued ── run ──▶ done ── undo ──▶ undone
        └────────────────────┴────────────────────────────┴──▶ refused ── retry ──▶ uploaded

Files stay in the default storage; numbers go through campaigns.services.metrics alone.
"""

from campaigns.services.imports.decisions import CANCELLED, import_cancel, import_confirm, import_retry
from campaigns.services.imports.errors import DuplicateImport
from campaigns.services.imports.files import has_file
from campaigns.services.imports.intake import import_check, import_upload, too_large
from campaigns.services.imports.run import import_run
from campaigns.services.imports.targets import BY_NAME
from campaigns.services.imports.undo import UndoPlan, import_undo, import_undo_plan

__all__ = [
    "BY_NAME",
    "CANCELLED",
    "DuplicateImport",
    "UndoPlan",
    "has_file",
    "import_cancel",
    "import_check",
    "import_confirm",
    "import_retry",
    "import_run",
    "import_undo",
    "import_undo_plan",
    "import_upload",
    "too_large",
]
