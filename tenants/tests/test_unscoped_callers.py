"""Cross-tenant code is a short list on purpose: a new caller of `unscoped` is added here, with its reason."""

import ast
from pathlib import Path

from django.conf import settings

CALLERS = {
    "accounts/backends.py": 2,
    "accounts/management/commands/create_staff.py": 1,
    "accounts/management/commands/rotate_pii.py": 1,
    "accounts/management/commands/verify_audit.py": 1,
    "accounts/middleware.py": 1,
    "accounts/queries.py": 2,
    "accounts/services/workspaces.py": 2,
    "accounts/views/emails.py": 1,
    "accounts/views/sessions.py": 1,
    "campaigns/queries/sync.py": 1,
    # Benchmarks make and drop workspaces in a database of their own.
    "campaigns/bench/ground.py": 1,
    "campaigns/queries/changes.py": 2,
    "rules/bench/passes.py": 1,
    "rules/bench/replay.py": 1,
    "rules/queries/reports/schedules.py": 1,
    "rules/queries/commands.py": 2,
    "rules/queries/slack.py": 2,
    "rules/queries/telling.py": 2,
    "stratum/demo/workspaces.py": 2,
    "tenants/queries.py": 6,
    "tenants/services.py": 2,
    "whatsapp/queries/intake.py": 3,
    "whatsapp/queries/numbers.py": 2,
    "whatsapp/services/processing.py": 3,
    "whatsapp/services/statuses.py": 1,
}
APPS = ("stratum", "tenants", "accounts", "campaigns", "creatives", "competitors", "whatsapp", "mlcache", "rules")


def calls_in(source: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "unscoped"
    ]


def test_callers_of_unscoped_are_the_known_ones():
    found = {}
    for app in APPS:
        for path in Path(settings.BASE_DIR, app).rglob("*.py"):
            name = path.relative_to(settings.BASE_DIR).as_posix()
            calls = [] if "/tests/" in name or name == "tenants/context.py" else calls_in(path.read_text())
            if calls:
                found[name] = len(calls)
                assert all(isinstance(call.args[0], ast.Constant) and call.args[0].value for call in calls), name
    assert found == CALLERS


def test_the_search_finds_a_call():
    assert len(calls_in("with tenants.unscoped('x'), unscoped('y'): pass")) == 2
