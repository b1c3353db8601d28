"""Which tenant the running code works for: the first of the two walls hangs on this one variable.

Exactly three states exist. Unbound: every query on a tenant table raises TenantNotBound. Bound to one tenant:
queries see that tenant's rows only. Unscoped: rows of all tenants, for the few named callers that need them
(staff admin, login across workspaces, fan-out jobs); a test lists every call site of `unscoped`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


class TenantNotBound(RuntimeError):
    """A tenant table was used while no tenant was bound. Never caught by product code."""


class TenantMismatch(RuntimeError):
    """A row, a foreign key or a context belongs to another tenant than the bound one."""


@dataclass(frozen=True)
class Unscoped:
    """All tenants, for a stated reason."""

    reason: str


Binding = int | Unscoped | None

_binding: ContextVar[Binding] = ContextVar("stratum_tenant", default=None)


def binding() -> Binding:
    """The current state, without judging it."""
    return _binding.get()


def bound_tenant_id() -> int:
    """The id of the one bound tenant; TenantNotBound when none is, or when the code runs unscoped."""
    current = _binding.get()
    if not isinstance(current, int):
        raise TenantNotBound("No tenant is bound here. Open tenant_context(tenant) around this code.")
    return current


@contextmanager
def _bind(value: Binding) -> Iterator[None]:
    token = _binding.set(value)
    try:
        yield
    finally:
        _binding.reset(token)


@contextmanager
def tenant_context(tenant: Any) -> Iterator[None]:
    """Bind a tenant (a Tenant row or its id) for the block.

    Changing from one tenant straight to another is refused: it is how mixed-up loops leak. None is refused too.
    """
    tenant_id = tenant if isinstance(tenant, int) else getattr(tenant, "pk", None)
    if not isinstance(tenant_id, int) or isinstance(tenant_id, bool):
        raise TenantNotBound(f"tenant_context needs a tenant, not {tenant!r}.")
    current = _binding.get()
    if isinstance(current, int) and current != tenant_id:
        raise TenantMismatch(f"Tenant {current} is bound; leave its context before opening tenant {tenant_id}.")
    with _bind(tenant_id):
        yield


@contextmanager
def unscoped(reason: str) -> Iterator[None]:
    """Work on the rows of all tenants. `reason` says why; tests list every caller."""
    if not reason:
        raise ValueError("unscoped() needs a reason.")
    with _bind(Unscoped(reason)):
        yield


def iterate_bound(rows: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    """Iterate a generator later, under the binding of now.

    A streaming response is read after the view and its context are gone. Each step re-enters the binding and
    leaves it again before handing the item out: a generator suspended inside a context would leak it to its caller.
    """
    return _steps(rows, _binding.get())


def _steps(rows: Callable[[], Iterator[Any]], remembered: Binding) -> Iterator[Any]:
    iterator = None
    while True:
        with _bind(remembered):
            try:
                if iterator is None:
                    iterator = rows()
                item = next(iterator)
            except StopIteration:
                return
        yield item
