"""Import a report that a platform's own interface exported, from the command line."""

from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.audit import Actor
from campaigns.choices import ImportStatus, Platform
from campaigns.models import AdAccount, ImportBatch
from campaigns.queries.import_answers import Answers
from campaigns.queries.import_preview import Control, Preview, control_of, preview_of, warnings_of
from campaigns.services.imports import import_check, import_confirm, import_run, import_upload
from stratum.lib.errors import DomainError
from tenants.context import tenant_context
from tenants.models import Tenant
from tenants.queries import tenant_id_of_slug


class Command(BaseCommand):
    help = "Import a CSV or XLSX report of an ad platform into a workspace. Exit code 1 when it is refused."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--platform", choices=Platform.values, help="told from the file when it is left out")
        parser.add_argument("--currency", default="", metavar="CODE", help="where the file does not say")
        parser.add_argument(
            "--account", default="", metavar="ID", help="external id of an ad account, or the name of a new one"
        )
        parser.add_argument(
            "--timezone", default="", metavar="ZONE", help="of new ad accounts; default: the workspace's"
        )
        parser.add_argument("--dry-run", action="store_true", help="read and judge the file, import nothing")
        parser.add_argument(
            "--accept-warnings", action="store_true", help="import although warnings ask for a confirmation"
        )

    def handle(self, *args, **options):
        tenant_id = tenant_id_of_slug(options["tenant"])
        if tenant_id is None:
            raise CommandError(f"There is no workspace {options['tenant']!r}.")
        actor = Actor.system("import_report")
        with tenant_context(tenant_id):
            try:
                self._import(options, actor)
            except (DomainError, OSError) as error:
                raise CommandError(str(error)) from error

    def _import(self, options: dict, actor: Actor) -> None:
        if options["dry_run"]:
            self._rehearse(options, actor)
            return
        batch = self._check(options, actor)
        import_confirm(batch=batch, answers=self._answers(batch, options), actor=actor)
        self._tell_result(self._moved_on(import_run(batch_id=batch.pk)))

    def _rehearse(self, options: dict, actor: Actor) -> None:
        """Everything up to the confirmation, taken back with its file."""
        self.uploaded: ImportBatch | None = None
        try:
            with transaction.atomic():
                self._check(options, actor)
                transaction.set_rollback(True)
        finally:
            with transaction.atomic():
                # An upload that was waiting before stays, with its file.
                if self.uploaded and not ImportBatch.objects.filter(pk=self.uploaded.pk).exists():
                    default_storage.delete(self.uploaded.file.name)
        self.stdout.write("Dry run: nothing was imported.")

    def _check(self, options: dict, actor: Actor) -> ImportBatch:
        path: Path = options["file"]
        with path.open("rb") as opened:
            batch = import_upload(file=File(opened), filename=path.name, platform=options["platform"], actor=actor)
        self.uploaded = batch
        if batch.checked_at is None:
            batch = self._moved_on(import_check(batch_id=batch.pk, actor=actor))
        self._describe(batch)
        return batch

    def _moved_on(self, batch: ImportBatch | None) -> ImportBatch:
        if batch is None:
            raise CommandError("Another process is at this import already.")
        if batch.status == ImportStatus.REFUSED:
            raise CommandError(f"Refused ({batch.error_code}): {batch.error}")
        return batch

    def _answers(self, batch: ImportBatch, options: dict) -> Answers:
        wanted = options["account"]
        with transaction.atomic():
            account = AdAccount.objects.filter(platform=batch.platform, external_id=wanted).first() if wanted else None
            zone = options["timezone"] or Tenant.objects.get().timezone
        if options["currency"] and len(options["currency"]) != 3:
            raise CommandError("Give the currency as a three-letter code such as EUR.")
        return Answers(
            account_id=account.pk if account else None,
            account_name="" if account else wanted or batch.filename,
            currency=options["currency"].upper() or (account.currency if account else ""),
            timezone=zone,
            accepted=options["accept_warnings"],
        )

    def _describe(self, batch: ImportBatch) -> None:
        preview = preview_of(batch)
        if preview is None or preview.whole is None:
            raise CommandError("The file could not be read.")
        for term, value in _facts(batch, preview):
            self.stdout.write(f"{term:<14} {value}")
        control = control_of(batch)
        if control is not None:
            self._show_control(control)
        for warning in warnings_of(batch):
            mark = "confirm" if warning.needs_confirmation else "note"
            self.stdout.write(f"{mark:<14} {warning.message}")

    def _show_control(self, control: Control) -> None:
        basis = "no totals row" if control.basis is None else f"totals row {control.basis!r}"
        self.stdout.write(f"{'control sum':<14} {basis}")
        for line in control.lines:
            total = "" if line.total is None else f" / {line.total} {'ok' if line.within else 'DIFFERS'}"
            self.stdout.write(f"{'':<14} {line.label}: {line.rows}{total}")

    def _tell_result(self, batch: ImportBatch) -> None:
        counts = batch.counts
        self.stdout.write(
            f"Imported: {counts['days_added']} days added, {counts['days_changed']} changed, "
            f"{counts['days_unchanged']} unchanged; {counts['campaigns_created']} campaigns new "
            f"({counts['took_ms']} ms). {settings.PUBLIC_URL}/imports/{batch.pk}/"
        )


def _facts(batch: ImportBatch, preview: Preview) -> list[tuple[str, object]]:
    head, whole = preview.head, preview.whole
    assert whole is not None
    written = ", ".join(part for part in (head.container, head.encoding, head.sheet) if part)
    used = [f"{column.header} → {column.target}" for column in head.mapping if column.target]
    return [
        ("file", f"{batch.filename} ({batch.size_bytes} bytes, {written})"),
        ("platform", f"{batch.get_platform_display()}, {head.level}, {head.language}"),
        ("columns", "; ".join(used)),
        ("days", f"{batch.date_from} – {batch.date_to}"),
        ("rows", f"{whole.rows} rows, {whole.days} campaign-days, {whole.campaigns} campaigns"),
        ("currency", ", ".join(whole.currencies) if head.currency or len(whole.currencies) > 1 else "not in the file"),
        ("accounts", ", ".join(account.name for account in whole.accounts) or "not in the file"),
    ]
