"""Who can log in to the demo. Nothing is imported here, so that printing the list costs nothing."""

# Printed by `manage.py up` and in the documentation: nobody should mistake it for a secret.
DEMO_PASSWORD = "stratum-demo-2026"  # noqa: S105 - public on purpose

MAIN_NAME, MAIN_SLUG = "Northwind Agency", "northwind"
TWIN_NAME, TWIN_SLUG = "Northbound Agency", "northbound"
# Its accounts live on the simulated platforms and sync; it is made once the sandbox answers (stratum.demo.live).
LIVE_NAME, LIVE_SLUG = "Sandbox Live", "sandbox-live"
STAFF_NAME, STAFF_SLUG = "Stratum Support", "stratum-support"

ROLES = ("admin", "manager", "analyst", "viewer")
# One person with one password in both agencies: the login asks which workspace is meant.
SHARED_EMAIL = "casey@freelance.example"
STAFF_EMAIL = "staff@stratum.example"


def demo_email(role: str, slug: str) -> str:
    """The address of a role's person in a demo agency."""
    return f"{role}@{slug}.example"


# (what it is for, workspace address, e-mail, password)
DEMO_LOGINS: list[tuple[str, str, str, str]] = [
    *((role.capitalize(), MAIN_SLUG, demo_email(role, MAIN_SLUG), DEMO_PASSWORD) for role in ROLES),
    *((role.capitalize(), TWIN_SLUG, demo_email(role, TWIN_SLUG), DEMO_PASSWORD) for role in ROLES),
    ("Freelancer, in both", f"{MAIN_SLUG} or {TWIN_SLUG}", SHARED_EMAIL, DEMO_PASSWORD),
    ("Staff, at /admin/", STAFF_SLUG, STAFF_EMAIL, DEMO_PASSWORD),
]

# Of the workspace that the sandbox brings.
LIVE_LOGINS: list[tuple[str, str, str, str]] = [
    (f"{role.capitalize()}, simulated", LIVE_SLUG, demo_email(role, LIVE_SLUG), DEMO_PASSWORD)
    for role in ("admin", "manager")
]
