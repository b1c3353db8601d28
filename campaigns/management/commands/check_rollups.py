"""Prove that roll-ups and lifetime sums are what the facts say; put them right with --repair."""

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from campaigns.queries.rollups import campaign_differences, day_differences
from campaigns.services.rollups import rollups_rebuild
from tenants.context import tenant_context
from tenants.queries import active_tenant_ids, tenant_id_of_slug


class Command(BaseCommand):
    help = "Compare campaign sums and daily totals with the daily numbers they are made of, in every workspace."

    def add_arguments(self, parser):
        parser.add_argument("--tenant", metavar="SLUG", help="one workspace only")
        parser.add_argument("--repair", action="store_true", help="recompute what differs")

    def handle(self, *args, **options):
        wrong = 0
        for tenant_id in self._tenants(options["tenant"]):
            with tenant_context(tenant_id), transaction.atomic():
                found = self._check(tenant_id)
                if found and options["repair"]:
                    changes = rollups_rebuild()
                    self.stdout.write(f"  repaired {changes.campaigns} campaigns, {changes.daily_totals} daily totals")
                    found = len(campaign_differences()) + len(day_differences())
                wrong += found
        if wrong:
            raise CommandError(f"{wrong} sums are not what the daily numbers say.")
        self.stdout.write("Roll-ups agree with the daily numbers.")

    def _tenants(self, slug: str | None) -> list[int]:
        if slug is None:
            return active_tenant_ids()
        tenant_id = tenant_id_of_slug(slug)
        if tenant_id is None:
            raise CommandError(f"There is no workspace {slug!r}.")
        return [tenant_id]

    def _check(self, tenant_id: int) -> int:
        campaigns, days = campaign_differences(), day_differences()
        for row in campaigns:
            self.stdout.write(
                f"workspace {tenant_id}, campaign {row.campaign_id}: {row.kept} kept, {row.facts} in days"
            )
        for day in days:
            where = f"account {day.account_id} {day.platform} {day.currency} {day.date}"
            self.stdout.write(f"workspace {tenant_id}, {where}: {day.kept} kept, {day.facts} in days")
        return len(campaigns) + len(days)
