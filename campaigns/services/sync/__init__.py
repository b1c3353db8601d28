"""Synchronisation of one ad account: campaigns, then daily numbers, then breakdowns, in steps that resume.

    sync_request ─▶ run ── sync_advance ──▶ step ─▶ step ─▶ … ─▶ done
                     ▲                        └──▶ retry_at, or failed
                     └── campaigns.resume_syncs takes up what a killed worker, or a pause, left behind

A worker holds a run by its lease. Platforms are asked outside transactions; what a step brings and the count of
steps are one transaction, so a run that was cut off anywhere goes on after the last step that is in.
"""

from campaigns.services.sync.run import sync_advance
from campaigns.services.sync.runs import sync_end, sync_request

__all__ = ["sync_advance", "sync_end", "sync_request"]
