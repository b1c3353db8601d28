"""Imports as a person makes them, without a browser: upload, check, answer, run."""

from pathlib import Path

from django.core.files import File
from django.db import transaction

from accounts.audit import Actor
from accounts.models import User
from campaigns.models import ImportBatch
from campaigns.queries.import_answers import Answers
from campaigns.services.imports import import_check, import_confirm, import_run, import_upload
from tenants.context import tenant_context

NEW_ACCOUNT = Answers(account_name="Main", currency="USD", timezone="Europe/Madrid", accepted=True)


def person(user: User) -> Actor:
    return Actor(kind="user", user=user)


def upload(user: User, path: Path, *, platform: str | None = None) -> ImportBatch:
    with tenant_context(user.tenant_id), transaction.atomic(), path.open("rb") as file:
        return import_upload(file=File(file), filename=path.name, platform=platform, actor=person(user))


def check(user: User, batch: ImportBatch) -> ImportBatch:
    with tenant_context(user.tenant_id):
        checked = import_check(batch_id=batch.pk, actor=person(user))
    assert checked is not None
    return checked


def run(user: User, batch: ImportBatch, answers: Answers = NEW_ACCOUNT) -> ImportBatch:
    """Confirm and carry out."""
    with tenant_context(user.tenant_id):
        import_confirm(batch=batch, answers=answers, actor=person(user))
        done = import_run(batch_id=batch.pk)
    assert done is not None
    return done


def import_file(user: User, path: Path, answers: Answers = NEW_ACCOUNT, *, platform: str | None = None) -> ImportBatch:
    batch = check(user, upload(user, path, platform=platform))
    return run(user, batch, answers) if batch.status == "uploaded" else batch
