"""An import's memory grows with the rows it adds up, and by no more than a million-row file can afford.

`make bench` weighs a whole process on 100,000 rows; here the slope is measured, on files small enough for a suite.
"""

import tracemalloc

from django.db import transaction

from campaigns.bench.imports import write_report
from campaigns.models import CampaignMetric
from campaigns.services.imports import import_confirm, import_run
from campaigns.tests.import_helpers import NEW_ACCOUNT, check, person, upload

SMALL, LARGE = 20, 100  # days of 100 campaigns
CAMPAIGNS = 100
# 130 MB for 100,000 rows, beside the 130 MB of a worker itself: within 300 MB.
BYTES_PER_ROW = 1_300


def peak_of_import(user, path):
    """The most that Python held at once while the import was carried out, in bytes."""
    batch = check(user, upload(user, path))
    import_confirm(batch=batch, answers=NEW_ACCOUNT, actor=person(user))
    tracemalloc.start()
    try:
        done = import_run(batch_id=batch.pk)
        return tracemalloc.get_traced_memory()[1], done
    finally:
        tracemalloc.stop()


def test_memory_grows_by_a_bounded_amount_per_row(in_acme, manager, tmp_path):
    with transaction.atomic():
        type(in_acme).objects.update(max_campaigns=CAMPAIGNS)
    peaks = []
    for days in (SMALL, LARGE):
        path = write_report(tmp_path / f"{days}.csv", campaigns=CAMPAIGNS, days=days)
        peak, done = peak_of_import(manager, path)
        assert done.status == "done", done.error
        peaks.append(peak)
    assert CampaignMetric.objects.count() == LARGE * CAMPAIGNS
    slope = (peaks[1] - peaks[0]) / ((LARGE - SMALL) * CAMPAIGNS)
    assert 0 < slope < BYTES_PER_ROW, slope
