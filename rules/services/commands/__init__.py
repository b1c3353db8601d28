"""Commands by WhatsApp: people ask, are asked back, and are told how it ended."""

from rules.services.commands.answering import Answered, commands_answer, outcomes_tell
from rules.services.commands.approving import approvals_ask

__all__ = ["Answered", "approvals_ask", "commands_answer", "outcomes_tell"]
