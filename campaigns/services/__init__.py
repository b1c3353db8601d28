"""Writes on accounts, campaigns, their numbers and exchange rates: one module per subject."""
