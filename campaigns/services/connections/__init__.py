"""Connecting ad accounts: a person's consent becomes tokens, tokens a list of accounts, chosen ones are attached."""

from campaigns.services.connections.accounts import (
    account_disconnect,
    accounts_attach,
    connection_end,
    connection_remove,
)
from campaigns.services.connections.finish import (
    Outcome,
    connection_finish,
    connection_give_up,
    connection_list_accounts,
    connection_list_request,
)
from campaigns.services.connections.renewal import connection_renew
from campaigns.services.connections.request import (
    check_can_connect,
    connection_request,
    consent_ask,
)

__all__ = [
    "Outcome",
    "account_disconnect",
    "accounts_attach",
    "check_can_connect",
    "connection_end",
    "connection_finish",
    "connection_give_up",
    "connection_list_accounts",
    "connection_list_request",
    "connection_remove",
    "connection_renew",
    "connection_request",
    "consent_ask",
]
