"""How many webhook calls are taken in a second, against a view that verifies the signature and returns."""

import hashlib
import hmac
import io
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.test import override_settings

from stratum.lib.bench import BenchResult

SECRET = "bench-secret"  # noqa: S105 - of this process
# Turns of each side, one after the other, so that a busy moment of the machine meets both.
TURNS, CALLS = 9, 400
# Calls at once, as a server of threads has them: while one waits for its commit, others are served.
THREADS = 8


def bench_webhook_intake() -> Iterator[BenchResult]:
    """Whole requests through the product's middleware: verified, stored and somebody woken, or verified only."""
    with override_settings(
        ROOT_URLCONF="whatsapp.bench.doors", WHATSAPP_APP_SECRET=SECRET, ALLOWED_HOSTS=["127.0.0.1"]
    ):
        product = WSGIHandler()
        bodies = _bodies()
        stored, looked = [], []
        with ThreadPoolExecutor(THREADS) as pool:
            for _turn in range(TURNS):
                looked.append(_per_second(pool, product, "/yardstick/", bodies))
                stored.append(_per_second(pool, product, "/webhooks/whatsapp/", bodies))
            list(pool.map(lambda _thread: connections.close_all(), range(THREADS)))
    yield BenchResult(
        name="webhook calls stored",
        value=median(stored),
        reference=median(looked),
        unit="calls/s",
        floor=0.6,
        note="reference: the signature alone",
    )


def _per_second(pool: ThreadPoolExecutor, product: WSGIHandler, path: str, bodies: Iterator[bytes]) -> float:
    calls = [_environ(path, next(bodies)) for _call in range(CALLS)]
    started = time.perf_counter()
    list(pool.map(lambda environ: _answer(product, environ), calls))
    return CALLS / (time.perf_counter() - started)


def _answer(product: Callable[..., Any], environ: dict[str, Any]) -> None:
    told: list[str] = []
    answer = product(environ, lambda status, _headers: told.append(status))
    b"".join(answer)
    answer.close()
    if not told[0].startswith("200"):
        raise RuntimeError(f"{environ['PATH_INFO']} answered {told[0]}")


def _bodies() -> Iterator[bytes]:
    """Different ones, of the size of a status with its price."""
    number = 0
    while True:
        number += 1
        status = {
            "id": f"wamid.HBgLMTY1MDU1NTEyMzQVAgARGBI5QTNDQTVCM0Q0Q0Q2{number:012}",
            "status": "delivered",
            "timestamp": "1795338003",
            "recipient_id": "16505551234",
            "biz_opaque_callback_data": f"msg:{number}",
            "pricing": {"billable": True, "pricing_model": "PMP", "category": "utility", "type": "regular"},
        }
        metadata = {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"}
        value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [status]}
        entry = {"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}
        yield json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def _environ(path: str, body: bytes) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_X_HUB_SIGNATURE_256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
