"""Every staff page of every table: who gets in, that it is found, shown and searched, and at what price."""

import datetime
from decimal import Decimal

import pytest
from axes.models import AccessAttempt, AccessAttemptExpiration
from django.contrib.admin import site
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse
from django.utils import timezone

from accounts.admin.masks import personal_fields, secret_fields
from accounts.models import AuditLog
from accounts.tests.factories import make_user
from campaigns.models import ExchangeRate
from stratum.tests.lookalike import mark, populate
from tenants.context import unscoped
from tenants.models import JobRun, Tenant
from tenants.tests.factories import make_tenant
from whatsapp.models import WhatsAppWebhook

MODELS = sorted(site._registry, key=lambda model: model._meta.label)
SECRET = "do-not-show-this"


def names(model: type[models.Model]) -> str:
    return model._meta.label


def url(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def support(db) -> Tenant:
    return make_tenant("support", name="Support")


@pytest.fixture
def staff(support):
    """May look and act."""
    return make_user(support, "admin", is_staff=True, is_superuser=True)


@pytest.fixture
def looker(support):
    """May look only."""
    return make_user(support, "viewer", email="looker@support.example", is_staff=True)


def fill(slug: str, number: int) -> Tenant:
    """A workspace with one row of every table, and one row of the tables without a workspace."""
    tenant = make_tenant(slug)
    populate(tenant, number=number, row_id=100_000 * number)
    day = datetime.date(2026, 1, number)
    with unscoped("test set-up"), transaction.atomic():
        JobRun.objects.create(tenant=tenant, job="rules.evaluate_tenant", outcome="done", took_ms=12)
        ExchangeRate.objects.create(date=day, currency="USD", per_euro=Decimal("1.1"))
        WhatsAppWebhook.objects.create(body=SECRET, body_sha256=f"{number:064}", size=len(SECRET))
        attempt = AccessAttempt.objects.create(
            username=f"hash{number}", ip_address="192.0.2.1", failures_since_start=9, user_agent=f"agent {number}"
        )
        AccessAttemptExpiration.objects.create(access_attempt=attempt, expires_at=timezone.now())
        # The chain of the audit trail is written as the last act of a commit.
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
        connection.cursor().execute("SET CONSTRAINTS ALL DEFERRED")
    return tenant


def first(model: type[models.Model]) -> models.Model:
    with unscoped("test: look at what is there"), transaction.atomic():
        return model._base_manager.order_by("pk").last()


def admin_urls(patterns=None, prefix: str = "/admin/") -> list[str]:
    """The path of every page of the admin, ids filled in."""
    found = []
    for entry in site.get_urls() if patterns is None else patterns:
        path = prefix + str(entry.pattern).replace("<path:object_id>", "1").replace("<path:content_type_id>", "1")
        if isinstance(entry, URLPattern):
            found.append(path)
        else:
            found += admin_urls(entry.url_patterns, path)
    return [path for path in found if "(?P" not in path] if patterns is None else found


def test_every_table_has_its_page():
    registered = {model._meta.db_table for model in MODELS}
    schema = """tenants users campaigns campaign_metrics creative_assets rules rule_executions competitor_benchmarks
        audit_logs whatsapp_contacts whatsapp_messages whatsapp_templates ml_predictions"""
    ours = """ad_accounts metric_revisions import_batches exchange_rates sync_runs daily_totals alerts rule_states
        job_runs audit_links axes_accessattempt"""
    assert registered >= {*schema.split(), *ours.split()}


def test_strangers_are_sent_to_our_login(client, db):
    elsewhere = {}
    for path in admin_urls():
        response = client.get(path, follow=True)
        if not response.redirect_chain or "/login/" not in response.redirect_chain[-1][0]:
            elsewhere[path] = response.redirect_chain
    assert elsewhere == {}
    assert client.get("/admin/login/").url.startswith(reverse("accounts:login"))


@pytest.mark.parametrize("method", ["get", "post"])
def test_customers_are_refused_everywhere(admin, client_of, method):
    client = client_of(admin)
    let_in = {path: status for path in admin_urls() if (status := getattr(client, method)(path).status_code) != 403}
    assert len(admin_urls()) > 100
    assert let_in == {}


def test_staff_of_a_customer_role_see_all_workspaces(staff, client_of):
    ours, theirs = fill("acme", 1), fill("globex", 2)
    page = client_of(staff).get(url(Tenant, "changelist")).content.decode()
    assert ours.name in page
    assert theirs.name in page


def test_lists_cost_the_same_for_one_row_and_three(staff, client_of):
    client = client_of(staff)
    fill("acme", 1)
    one = {model: queries_of(client, model) for model in MODELS}
    fill("globex", 2)
    fill("initech", 3)
    three = {model: queries_of(client, model) for model in MODELS}
    assert {model: (len(one[model]), three[model]) for model in MODELS if len(three[model]) > len(one[model])} == {}
    assert {model: len(queries) for model, queries in three.items() if len(queries) > 12} == {}
    counts = {model: client.get(url(model, "changelist")).context["cl"].result_count for model in MODELS}
    assert {model: count for model, count in counts.items() if count < 3} == {}


def queries_of(client, model: type[models.Model]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url(model, "changelist")).status_code == 200, model
    return [query["sql"][:200] for query in captured.captured_queries]


def test_lists_can_be_searched(staff, client_of):
    client = client_of(staff)
    fill("acme", 1)
    terms = ("x", "1", "acme", "person@acme-mark.example", "9" * 30, "100%", "' OR 1=1", "\\", "\x00")
    failed = {}
    for model in MODELS:
        for term in terms:
            response = client.get(url(model, "changelist"), {"q": term})
            if response.status_code != 200:
                failed[model, term] = response.status_code
        found = client.get(url(model, "changelist"), {"q": first(model).pk}).context["cl"].result_list
        if first(model).pk not in [row.pk for row in found]:
            failed[model, "pk"] = found
    assert failed == {}


def test_lists_can_be_filtered_by_workspace(staff, client_of):
    client = client_of(staff)
    ours = fill("acme", 1)
    fill("globex", 2)
    wrong = {}
    for model in MODELS:
        if any(field.name == "tenant" for field in model._meta.concrete_fields):
            rows = client.get(url(model, "changelist"), {"tenant__id__exact": ours.pk}).context["cl"].result_list
            if {row.tenant_id for row in rows} != {ours.pk}:
                wrong[model] = rows
    assert wrong == {}


def test_rows_are_shown_without_their_secrets(staff, looker, client_of):
    fill("acme", 1)
    keepers = [model for model in MODELS if secret_fields(model)]
    assert len(keepers) >= 3
    for model in keepers:
        with unscoped("test set-up"), transaction.atomic():
            rows = model._base_manager.filter(pk=first(model).pk)
            rows.update(**dict.fromkeys(secret_fields(model), SECRET))
    for person in (staff, looker):
        client = client_of(person)
        for model in MODELS:
            row = first(model)
            response = client.get(url(model, "change", row.pk))
            assert response.status_code == 200, model
            assert SECRET not in response.content.decode(), model
            assert not secret_fields(model) & set(response.context["adminform"].form.fields), model


def make_personal(model: type[models.Model]) -> tuple[models.Model, set[str]]:
    """A row whose personal columns hold words of their own, and these words."""
    row, words = first(model), set()
    for name in personal_fields(model):
        field = model._meta.get_field(name)
        if name in ("username", "country_code") or name.endswith("_hash"):
            continue  # a hash, a country
        if name in site._registry[model].hidden:
            continue  # shown to nobody, such as the bytes of a file
        word = "198.51.100.77" if name == "ip_address" else f"{name.replace('_', '')}-of-someone"
        setattr(row, name, {"1": word} if isinstance(field, models.JSONField) else word)
        words.add(word)
    with unscoped("test set-up"), transaction.atomic():
        if model is AuditLog:  # never changed
            row.pk = None
            row.save(force_insert=True)
        else:
            row.save()
    return row, words


# Tables that know a person by a hash alone show nobody.
PERSONAL = [m for m in MODELS if any(not name.endswith("_hash") for name in personal_fields(m))]


@pytest.mark.parametrize("model", PERSONAL, ids=names)
def test_personal_data_is_masked_in_lists_and_for_those_who_only_look(model, staff, looker, client_of):
    fill("acme", 1)
    row, words = make_personal(model)
    assert words
    pages = [(staff, url(model, "changelist")), (looker, url(model, "changelist"))]
    pages.append((looker, url(model, "change", row.pk)))
    for person, page in pages:
        text = client_of(person).get(page).content.decode()
        assert {word for word in words if word in text} == set(), page


@pytest.mark.parametrize("model", PERSONAL, ids=names)
def test_personal_data_is_shown_to_superusers_on_its_own_page(model, staff, client_of):
    fill("acme", 1)
    row, words = make_personal(model)
    text = client_of(staff).get(url(model, "change", row.pk)).content.decode()
    assert {word for word in words if word in text} == words


def test_who_may_only_look_changes_nothing(looker, client_of):
    fill("acme", 1)
    client = client_of(looker)
    let_in = {}
    for model in MODELS:
        row = first(model)
        for page in (url(model, "change", row.pk), url(model, "delete", row.pk), url(model, "add")):
            status = client.post(page, {"reason": "because", "post": "yes"}).status_code
            if status != 403:
                let_in[page] = status
        assert first(model).pk == row.pk
    assert let_in == {}


def test_the_search_of_people_names_nobody(staff, client_of):
    """The search box of a foreign key answers with masked names, to whole addresses only."""
    tenant = fill("acme", 1)
    client = client_of(staff)
    asked = {"app_label": "rules", "model_name": "alert", "field_name": "acknowledged_by"}
    answer = client.get(reverse("admin:autocomplete"), {**asked, "term": f"person@{mark(tenant)}.example"}).json()
    assert [entry["text"] for entry in answer["results"]] == ["a•••"]
