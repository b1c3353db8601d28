from stratum.lib.encryption import email_hash
from tenants.managers import SoftDeleteManager


class UserManager(SoftDeleteManager):
    """People of the bound workspace."""

    def by_email(self, address: str):
        """Rows with this address: at most one per workspace, several when unscoped."""
        return self.get_queryset().filter(email_hash=email_hash(address))
