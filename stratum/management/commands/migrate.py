"""Django's migrate, run as the owner of the tables; afterwards the application roles get their rights."""

from django.core.management.commands import migrate
from django.db import connections

from tenants.grants import grant_to_roles


class Command(migrate.Command):
    def execute(self, *args, **options):
        # Here and not in handle(): the system checks before it connect too, and on a new server the application's
        # role does not exist yet.
        connection = connections[options["database"]]
        connection.act_as_owner()
        try:
            output = super().execute(*args, **options)
            grant_to_roles(connection)
        finally:
            connection.act_as_app()
        return output
