"""Several calls at the same moment, for tests of locks."""

import threading

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
