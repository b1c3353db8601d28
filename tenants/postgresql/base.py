"""Django's PostgreSQL backend plus the second wall: every transaction tells the database whose it is.

Row-level security reads the transaction-local setting `stratum.tenant_id`; cross-tenant code takes the role
`stratum_unscoped`, the only one with a policy for all rows. Both are sent with set_config(…, true), so they end
with the transaction and can never travel with a pooled connection into the next request.
"""

from django.conf import settings
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from tenants.context import TenantNotBound, Unscoped, binding

STAMP_SQL = "SELECT set_config('stratum.tenant_id', %s, true), set_config('role', %s, true)"
_UNKNOWN = object()


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._stamped: object = _UNKNOWN
        # The alias without a database is how Django creates and drops test databases.
        self._acts_as_owner = self.alias == base.NO_DB_ALIAS
        self.execute_wrappers.append(self._stamp_first)

    def act_as_owner(self) -> None:
        """Reconnect as the owner of the tables, outside row-level security: migrations and backups only."""
        self._reconnect(owner=True)

    def act_as_app(self) -> None:
        """Reconnect as the application's role, which owns nothing and sees what the policies allow."""
        self._reconnect(owner=False)

    def _reconnect(self, *, owner: bool) -> None:
        self.close()
        if self.settings_dict["OPTIONS"].get("pool"):
            self.close_pool()
        self._acts_as_owner = owner

    @property
    def pool(self):
        return None if self._acts_as_owner else super().pool

    def get_connection_params(self):
        params = super().get_connection_params()
        if self._acts_as_owner:
            params.pop("options", None)
            params.pop("pool", None)
            params.update(settings.DATABASE_OWNER)
        return params

    def _set_autocommit(self, autocommit):
        self._stamped = _UNKNOWN
        super()._set_autocommit(autocommit)

    def _rollback(self):
        self._stamped = _UNKNOWN
        super()._rollback()

    def _savepoint_rollback(self, sid):
        # Settings made after the savepoint go with it, and nothing but ROLLBACK may run in a failed transaction.
        with self.wrap_database_errors:
            self.connection.execute(self.ops.savepoint_rollback_sql(sid))
        self._stamped = _UNKNOWN

    def _stamp_first(self, execute, sql, params, many, context):
        if not self._acts_as_owner:
            self._stamp()
        return execute(sql, params, many, context)

    def _stamp(self) -> None:
        bound = binding()
        if not self.in_atomic_block:
            if bound is not None:
                # The setting would end with the statement and the query would find nothing: say so instead.
                raise TenantNotBound("Tenant tables are used inside a transaction only: open transaction.atomic().")
            return
        if bound == self._stamped or self._has_failed():
            return
        # Execute wrappers stand outside Django's own translation of errors.
        with self.wrap_database_errors:
            self.connection.execute(STAMP_SQL, self._settings_for(bound))
        self._stamped = bound

    def _has_failed(self) -> bool:
        return self.connection.pgconn.transaction_status == TransactionStatus.INERROR

    @staticmethod
    def _settings_for(bound) -> tuple[str, str]:
        if isinstance(bound, Unscoped):
            return "", settings.DB_UNSCOPED_ROLE
        return ("" if bound is None else str(bound)), settings.DB_APP_ROLE
