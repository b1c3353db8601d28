"""Changes on the platforms: asked for by people and rules, sent by workers, taken back where nothing else happened."""

from campaigns.services.changes.budgets import BudgetWish, budget_after
from campaigns.services.changes.preview import Preview, changes_preview
from campaigns.services.changes.requests import Refused, RequestResult, change_request, changes_request
from campaigns.services.changes.retry import change_retry
from campaigns.services.changes.reverts import Reverted, changes_revert_due
from campaigns.services.changes.sending import Applied, changes_apply
from campaigns.services.changes.undo import change_undo, changes_undo, undo_obstacle
from campaigns.services.changes.unwinding import Step, Unwinding, changes_unwind, unwinding_preview

__all__ = [
    "Applied",
    "BudgetWish",
    "Preview",
    "Refused",
    "RequestResult",
    "Reverted",
    "Step",
    "Unwinding",
    "budget_after",
    "change_request",
    "change_retry",
    "change_undo",
    "changes_apply",
    "changes_preview",
    "changes_request",
    "changes_revert_due",
    "changes_undo",
    "changes_unwind",
    "undo_obstacle",
    "unwinding_preview",
]
