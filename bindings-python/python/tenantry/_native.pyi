import asyncio
from collections.abc import Awaitable, Generator, Mapping
from os import PathLike
from types import TracebackType
from typing import Any, Literal, final

from tenantry._stats import LimitStatus, PoolStats, Stats, TenantPage, TenantStats

__all__ = ["Acquire", "Balancer", "Lease", "ManualClock", "__version__", "_bench_rust", "_panic"]

__version__: str

@final
class Balancer:
    """A multi-tenant load balancer. All methods may be called from any thread.

    `config` is the configuration document, with the same keys as in TOML, YAML or JSON. Raises `ConfigError`.
    `clock`: a `ManualClock` for tests; the machine's monotonic clock if left out.
    """

    def __new__(cls, config: Mapping[str, Any], clock: ManualClock | None = None) -> Balancer: ...
    @staticmethod
    def from_file(path: str | PathLike[str], clock: ManualClock | None = None) -> Balancer:
        """A balancer from a `.toml`, `.yaml`, `.yml` or `.json` file."""

    def try_acquire(
        self,
        tenant: str,
        /,
        *,
        pool: str | None = None,
        key: str | bytes | None = None,
        cost: int = 1,
        priority: int = 3,
        seats: int = 1,
    ) -> Lease:
        """Decides now: a lease, or a `Rejected`.

        `pool` may be left out where there is one pool. `key`: requests with one key go to one endpoint, under a hash strategy.
        `cost` is counted by the tenant's cost quotas and its fair share. `priority`: how urgent it is among its own tenant's
        requests, 0 (most) to 7, as in RFC 9218. `seats`: how many it takes while it runs.
        """

    def acquire(
        self,
        tenant: str,
        /,
        *,
        pool: str | None = None,
        key: str | bytes | None = None,
        cost: int = 1,
        priority: int = 3,
        seats: int = 1,
        timeout: float | None = None,
    ) -> Acquire:
        """Waits for a seat when there is none: `async with lb.acquire("acme") as lease`, or `lease = await lb.acquire("acme")`.

        It takes its place in line at once, not when it is first awaited; a rejection is raised where it is awaited.
        `timeout`: seconds to wait for a seat at most, zero or less for not at all; if left out, the pool's queue timeout.
        """

    def acquire_blocking(
        self,
        tenant: str,
        /,
        *,
        pool: str | None = None,
        key: str | bytes | None = None,
        cost: int = 1,
        priority: int = 3,
        seats: int = 1,
        timeout: float | None = None,
    ) -> Lease:
        """As `acquire`, in a thread: blocks until there is a seat, with the GIL released. Ctrl-C interrupts it."""

    def reconfigure(self, config: Mapping[str, Any]) -> None:
        """Puts another configuration in force, at once and as a whole; after a `ConfigError` nothing has changed.

        Pools, endpoints and tenants that it still names keep what is known of them. Leases that are out stay valid.
        """

    def reconfigure_from_file(self, path: str | PathLike[str]) -> None:
        """As `reconfigure`, from a file."""

    def stats(self) -> Stats:
        """What is true now, of every pool and of the hundred most active tenants."""

    def tenant_stats(self, tenant: str) -> TenantStats | None:
        """What is true now of one tenant, whether it is among the most active or not; `None` where nobody has this id."""

    def pool_stats(self, pool: str) -> PoolStats | None:
        """What is true now of one pool; `None` where there is none of this name."""

    def limits_of(self, tenant: str) -> tuple[LimitStatus, ...] | None:
        """What is left of a tenant's rates and budgets, and then of its parents'; `None` where nobody has this id."""

    def take_events(self) -> list[dict[str, Any]]:
        """What has happened since this was last asked, the oldest first: `event` is `"budget_warning"` (with `tenant`, `unit`,
        `percent`, `used`, `amount`, `ends_unix_s`) or `"lost"` (with `count`: so many were dropped, because nobody took them)."""

    def tenant_page(self, start: int = 0, most: int = 1_000) -> TenantPage:
        """Some of all tenants, at most `most` (1 to 10 000), in no particular order.

        `start` is 0 for the first page, then the `next` of the page before. Whoever is there all the time is on exactly one page.
        """

    @property
    def now(self) -> int:
        """The moment on this balancer's clock, in nanoseconds since its own start."""

@final
class Lease:
    """A seat, and the address of the endpoint to go to.

    Finish it with what happened. As a context manager, `with` or `async with`, it finishes by itself: `"success"` when the block
    ends, `"failure"` when an `Exception` leaves it, `"cancelled"` when it is left by what is none (`asyncio.CancelledError`,
    `GeneratorExit`, `KeyboardInterrupt`, `SystemExit`), unless `finish` was called inside. A lease that is dropped
    without being finished is `"cancelled"`: it frees what it held and teaches nothing.
    """

    @property
    def address(self) -> str:
        """Where the request is to go, as the configuration writes it."""

    @property
    def finished(self) -> bool:
        """Whether it has ended."""

    def first_byte(self) -> bool:
        """Says that the answer begins: the time to its first byte is learnt as the latency, and the seat stays taken.

        For streams, whose duration says nothing about how busy the endpoint is. A success then teaches no second latency. A second
        call teaches nothing; `False` says that the lease had ended.
        """

    def finish(
        self,
        outcome: Literal["success", "failure", "overload", "cancelled"] = "success",
        *,
        cost: int | None = None,
        latency: float | None = None,
        retry_after: float | None = None,
    ) -> bool:
        """Ends it: the seat goes to the next in line, and the outcome is learnt from.

        `"overload"`: the endpoint said that it has too much to do (HTTP 429 or 503). `cost`: what the request really cost.
        `latency`: seconds to learn from, where it is not the time since the lease was acquired. `retry_after`: the
        endpoint's own word, in seconds. A lease ends once: `False` says that it had ended before, and that nothing happened.
        """

    def __enter__(self) -> Lease: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, _exc: BaseException | None, _traceback: TracebackType | None, /
    ) -> None: ...
    def __aenter__(self) -> Awaitable[Lease]: ...
    def __aexit__(
        self, exc_type: type[BaseException] | None, _exc: BaseException | None, _traceback: TracebackType | None, /
    ) -> Awaitable[None]: ...

@final
class Acquire:
    """A request on its way to a lease; what `Balancer.acquire` returns. It gives its answer once.

    Dropping or cancelling it leaves the queue; a seat that it had just been given goes to the next in line.
    """

    def __await__(self) -> Generator[Any, None, Lease]: ...
    def __aenter__(self) -> Awaitable[Lease]: ...
    def __aexit__(
        self, exc_type: type[BaseException] | None, _exc: BaseException | None, _traceback: TracebackType | None, /
    ) -> Awaitable[None]: ...
    def poll(self) -> Lease | None:
        """Whether it has resolved by now: the lease, `None` while it waits; raises `Rejected`. For loops that are not asyncio's."""

    def cancel(self) -> bool:
        """Leaves the queue; `False` when it has given its answer, or was cancelled, before."""

    def _poll(self, future: asyncio.Future[None]) -> Lease | None: ...
    def _delay(self) -> float: ...

@final
class ManualClock:
    """A clock that stands still until it is advanced: for tests."""

    def __new__(cls) -> ManualClock: ...
    def advance(self, nanoseconds: int) -> None:
        """Moves time on. Who waits past a deadline is turned away before this returns."""

    @property
    def now(self) -> int:
        """Nanoseconds since its start."""

def _bench_rust(balancer: Balancer, tenant: str, rounds: int) -> None: ...
def _panic() -> None: ...
