"""Several calls at the same moment, for tests of locks."""

import threading
import time

from django.db import connections


def in_threads(*calls):
    """Results of calls made at once, each on its own connection; an exception is a result."""
    results, barrier = [None] * len(calls), threading.Barrier(len(calls))

    def work(position, call):
        barrier.wait()
        try:
            results[position] = call()
        except Exception as error:  # noqa: BLE001 - judged by the test
            results[position] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Other:
    """A call in a thread of its own, which this one may see run into a lock."""

    def __init__(self, call):
        self.result = None
        self._thread = threading.Thread(target=self._work, args=(call,))
        self._thread.start()

    def _work(self, call):
        try:
            self.result = call()
        except Exception as error:  # noqa: BLE001 - judged by the test
            self.result = error
        finally:
            connections.close_all()

    def wait_until_blocked(self, seconds=20):
        """Until it waits for a lock, or is through."""
        deadline = time.monotonic() + seconds
        while self._thread.is_alive() and not _somebody_waits():
            assert time.monotonic() < deadline, "neither blocked nor through"
            time.sleep(0.02)

    def join(self):
        self._thread.join()
        return self.result


def _somebody_waits():
    with connections["default"].cursor() as cursor:
        cursor.execute(_SOMEBODY_WAITS)
        return cursor.fetchone()[0]


# Locks on rows are waited for as locks on transactions, which name no database: the waiter's other locks do.
_SOMEBODY_WAITS = """
    SELECT EXISTS (
        SELECT FROM pg_locks w JOIN pg_locks o ON o.pid = w.pid JOIN pg_database d ON d.oid = o.database
        WHERE NOT w.granted AND d.datname = current_database()
    )
"""
