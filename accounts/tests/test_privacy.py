"""Every text column is in the list of personal data or out of it; keys can be changed."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.core.management import call_command
from django.db import connection, models, transaction

from accounts.models import AuditLog, User
from accounts.privacy import PLAIN, REGISTRY, masked_columns
from accounts.services import rotation
from accounts.tests.factories import make_user
from campaigns.models import Connection
from campaigns.tests.factories import make_connection
from stratum.lib.encryption import EncryptedTextField
from tenants.context import tenant_context, unscoped

TEXT = (
    models.CharField,
    models.TextField,
    models.JSONField,
    models.FileField,
    models.BinaryField,
    models.GenericIPAddressField,
)


def text_columns(model) -> set[str]:
    return {field.name for field in model._meta.concrete_fields if isinstance(field, TEXT)}


MODELS = {model._meta.db_table: model for model in apps.get_models()}


@pytest.mark.parametrize("table", sorted(MODELS))
def test_every_text_column_is_judged_exactly_once(table):
    columns = REGISTRY[table]
    listed = [*columns.personal, *columns.secret, *columns.other]
    assert sorted(listed) == sorted(text_columns(MODELS[table]))


def test_the_registry_names_no_table_that_is_gone():
    assert set(REGISTRY) <= set(MODELS)


def test_the_walk_would_notice_a_new_column():
    class Sample(models.Model):
        nickname = models.CharField(max_length=10)
        number = models.IntegerField()

        class Meta:
            app_label = "stratum"
            managed = False

        def __str__(self):
            return self.nickname

    del apps.all_models["stratum"]["sample"]
    assert text_columns(Sample) == {"nickname"}


@pytest.mark.parametrize(
    "table",
    [
        table
        for table, model in MODELS.items()
        if model.__module__.startswith(
            ("tenants", "accounts", "campaigns", "creatives", "competitors", "whatsapp", "mlcache", "rules")
        )
    ],
)
def test_personal_data_of_our_own_is_encrypted_or_says_why_not(table):
    encrypted = {f.name for f in MODELS[table]._meta.concrete_fields if isinstance(f, EncryptedTextField)}
    columns = REGISTRY[table]
    plain = {name for name in columns.personal if f"{table}.{name}" in PLAIN}
    assert columns.personal - plain <= encrypted
    assert not plain & encrypted
    assert encrypted <= columns.personal | columns.secret


def test_reasons_belong_to_personal_columns():
    assert {
        entry for entry in PLAIN if entry.partition(".")[2] not in REGISTRY[entry.partition(".")[0]].personal
    } == set()


def test_masked_columns():
    assert {"email", "email_hash", "full_name", "phone", "password"} <= masked_columns("users")
    assert masked_columns("no_such_table") == frozenset()


# --- Changing the key ---------------------------------------------------------------------------------------

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def old_rows(acme, globex, settings):
    """People and a connection encrypted with the old key; the new one stands in front of it now."""
    settings.FERNET_KEYS = [OLD]
    people = [make_user(tenant, role) for tenant in (acme, globex) for role in ("admin", "viewer")]
    make_user(acme, "analyst", full_name=None, is_deleted=True)
    make_connection(acme, access_token="token of acme")
    settings.FERNET_KEYS = [NEW, OLD]
    return people


def tokens() -> list[str]:
    with unscoped("test"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT unnest(ARRAY[email, full_name, phone]) FROM users UNION ALL "
            "SELECT unnest(ARRAY[access_token, refresh_token]) FROM connections"
        )
        return [row[0] for row in cursor.fetchall() if row[0]]


def rotate(*arguments: str) -> None:
    call_command("rotate_pii", *arguments, verbosity=0, stdout=StringIO())


@pytest.mark.parametrize("batch", ["1", "2", "500"])
def test_rotation_reaches_all_rows_of_all_workspaces(old_rows, acme, settings, batch):
    before = tokens()
    assert len(before) == 10
    rotate("--batch", batch)
    settings.FERNET_KEYS = [NEW]
    fernet = Fernet(NEW)
    assert [fernet.decrypt(token.encode()) for token in tokens()]
    assert not set(before) & set(tokens())
    with tenant_context(acme), transaction.atomic():
        assert [user.email for user in User.objects.order_by("pk")] == ["admin@acme.example", "viewer@acme.example"]
        assert Connection.objects.get().access_token == "token of acme"


def test_rotation_twice_changes_nothing_more(old_rows):
    rotate()
    once = tokens()
    with unscoped("test"), transaction.atomic():
        entries = AuditLog.objects.count()
    rotate()
    assert tokens() == once
    with unscoped("test"), transaction.atomic():
        assert AuditLog.objects.count() == entries


def test_rotation_is_taken_up_after_a_stop(old_rows, settings, monkeypatch):
    renew = rotation._renewed
    done = []

    def stop_at_the_fifth(token):
        if token and len(done) >= 5:
            raise KeyboardInterrupt
        done.append(token)
        return renew(token)

    monkeypatch.setattr(rotation, "_renewed", stop_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        rotate("--batch", "1")
    monkeypatch.undo()
    settings.FERNET_KEYS = [NEW, OLD]
    rotate()
    fernet = Fernet(NEW)
    assert all(fernet.decrypt(token.encode()) for token in tokens())


def test_rotation_stops_at_a_value_no_key_opens(old_rows, settings):
    settings.FERNET_KEYS = [NEW]
    before = tokens()
    with pytest.raises(InvalidToken):
        rotate()
    assert tokens() == before


def test_rotation_leaves_a_count_per_workspace_in_the_trail(old_rows, acme, globex):
    rotate()
    counts = {}
    for tenant in (acme, globex):
        with tenant_context(tenant), transaction.atomic():
            entries = AuditLog.objects.order_by("resource_type")
            counts[tenant.slug] = [(entry.resource_type, entry.new_value) for entry in entries]
    assert counts == {
        "acme": [("connections", {"encrypted_anew": 1}), ("users", {"encrypted_anew": 3})],
        "globex": [("users", {"encrypted_anew": 2})],
    }
