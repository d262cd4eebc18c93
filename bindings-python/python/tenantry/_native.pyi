import asyncio
from collections.abc import Awaitable, Coroutine, Generator, Iterable, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Literal, final

from tenantry._discovery import DiscoveryStatus
from tenantry._ledger import Restored
from tenantry._server_load import ProbeReport
from tenantry._stats import LimitStatus, PoolStats, Stats, TenantPage, TenantStats

__all__ = [
    "Acquire",
    "Backoff",
    "Balancer",
    "Begun",
    "Candidate",
    "Discovery",
    "EventCursor",
    "HealthCheck",
    "HealthChecks",
    "HttpCheck",
    "Lease",
    "ManualClock",
    "Probe",
    "Probes",
    "ServerLoad",
    "TenantHandle",
    "__version__",
    "_bench_rust",
    "_is_ledger",
    "_panic",
]

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
        tenant: str | TenantHandle,
        /,
        *,
        pool: str | None = None,
        key: str | bytes | None = None,
        cost: int = 1,
        priority: int = 3,
        seats: int = 1,
        attempt: Literal["first", "retry", "hedge"] = "first",
        amounts: Mapping[str, int] | None = None,
        affinity: str | None = None,
        prefer: str | None = None,
        avoid: Sequence[str] | None = None,
    ) -> Lease:
        """Decides now: a lease, or a `Rejected`.

        `pool` may be left out where there is one pool. `key`: requests with one key go to one endpoint, under a hash strategy.
        `cost` is counted by the tenant's cost quotas and its fair share. `priority`: how urgent it is among its own tenant's
        requests, 0 (most) to 7, as in RFC 9218. `seats`: how many it takes while it runs. `attempt`: a `"retry"` or a `"hedge"` needs
        room in the tenant's budget for them in this pool. `amounts`: what it will use of the configuration's `dimensions`, as far as
        that is known; `Lease.report` corrects it. `affinity`: an earlier lease's `affinity_token`; the request returns to that
        endpoint if it serves and has room. `prefer`: the same with an address, for callers who trust where it came from; not both. `avoid`:
        addresses where earlier attempts at the same work went; it goes there only if no other endpoint is usable, and as a `"hedge"` never.
        """

    def acquire(
        self,
        tenant: str | TenantHandle,
        /,
        *,
        pool: str | None = None,
        key: str | bytes | None = None,
        cost: int = 1,
        priority: int = 3,
        seats: int = 1,
        attempt: Literal["first", "retry", "hedge"] = "first",
        amounts: Mapping[str, int] | None = None,
        timeout: float | None = None,
        affinity: str | None = None,
        prefer: str | None = None,
        avoid: Sequence[str] | None = None,
    ) -> Acquire:
        """Waits for a seat when there is none: `async with lb.acquire("acme") as lease`, or `lease = await lb.acquire("acme")`.

        It takes its place in line at once, not when it is first awaited; a rejection is raised where it is awaited.
        `timeout`: seconds to wait for a seat at most, zero or less for not at all; if left out, the pool's queue timeout.
        """

    def acquire_blocking(
        self,
        tenant: str | TenantHandle,
        /,
        *,
        pool: str | None = None,
        key: str | bytes | None = None,
        cost: int = 1,
        priority: int = 3,
        seats: int = 1,
        attempt: Literal["first", "retry", "hedge"] = "first",
        amounts: Mapping[str, int] | None = None,
        timeout: float | None = None,
        affinity: str | None = None,
        prefer: str | None = None,
        avoid: Sequence[str] | None = None,
    ) -> Lease:
        """As `acquire`, in a thread: blocks until there is a seat, with the GIL released. Ctrl-C interrupts it."""

    def check(
        self,
        tenant: str | TenantHandle,
        /,
        *,
        pool: str | None = None,
        cost: int = 1,
        amounts: Mapping[str, int] | None = None,
    ) -> None:
        """The limits alone: whether the tenant may ask for this now, without a seat and without an endpoint; raises `Rejected`.

        What passes has used what it declares, as if it were over at once. `pool` counts only as one that the tenant may use or
        not, and may be left out where there are several, too.
        """

    def handle(self, tenant: str) -> TenantHandle:
        """A tenant's id, hashed once, to be given where a tenant's id is. It stays right whatever happens to the tenant, which need not be
        there; with another balancer it is as good as the id. Worth keeping where one tenant asks often.
        """

    def reconfigure(self, config: Mapping[str, Any]) -> None:
        """Puts another configuration in force, at once and as a whole; after a `ConfigError` nothing has changed.

        Pools, endpoints and tenants that it still names keep what is known of them. Leases that are out stay valid.
        """

    def reconfigure_from_file(self, path: str | PathLike[str]) -> None:
        """As `reconfigure`, from a file."""

    def set_tenant(self, tenant: str | TenantHandle, spec: Mapping[str, Any]) -> None:
        """Adds a tenant, or puts other terms to one, while all others' requests go on; `spec` has the keys that the configuration has beneath
        `tenants`. What it has used stays used. After a `ConfigError` nothing has changed. The next `reconfigure` knows nothing of it.

        Shares of the seats, and moving a tenant that has others beneath it, take a whole configuration.
        """

    def remove_tenant(self, tenant: str | TenantHandle) -> bool:
        """Takes a configured tenant out; whether there was one. Requests of it that are inside end as usual. `ConfigError`, and nothing has
        changed, when others are beneath it, when it owns a pool, or when it has a share of the seats.
        """

    def change_endpoints(self, pool: str, changes: Mapping[str, Any]) -> None:
        """Adds, removes, reweighs and drains endpoints of one pool in one step: no request sees half of it. Endpoints that stay keep their load,
        health and requests in flight. After a `ConfigError` nothing has changed. The next `reconfigure` knows nothing of it.

        `changes` has one or more of these, which are made in this order: `"remove"`, a list of addresses; `"add"`, a list of endpoints as the
        configuration has them (one that is there takes the new settings); `"reweigh"`, weights by address; `"drain"`, a list of addresses
        that get nothing new; `"resume"`, a list of those that do again.
        """

    def discovery(
        self,
        pool: str,
        source: str,
        *,
        floor: float | None = None,
        ceiling: float | None = None,
        jitter: float | None = None,
        first_retry: float | None = None,
        longest_retry: float | None = None,
        may_empty: bool = False,
        most_endpoints: int | None = None,
    ) -> Discovery:
        """Keeps a pool's endpoints as the application finds them: in DNS, in a file, anywhere. `source` is what statuses and events call it.

        Endpoints that the configuration names stay beside those that are found. Several discoveries may share a pool. `ConfigError` when there is
        no such pool, or a setting is out of its bounds.

        `floor`, `ceiling`: the shortest (5) and the longest (300) seconds between two questions, whatever the answers say. `jitter`: by what share of itself a wait is
        lengthened at most, from 0 to 1 (0.1). `first_retry`, `longest_retry`: seconds until a source that has failed is asked again (1), doubled with each failure more, up to so
        many (30). `may_empty`: whether an empty answer takes the last endpoint away; else it counts as a failure. `most_endpoints`: the most that
        an answer may have, from 1 to 1 000 000 (10 000).
        """

    def discoveries(self) -> tuple[DiscoveryStatus, ...]:
        """How this balancer's discoveries are doing, by pool."""

    def health_checks(self) -> HealthChecks:
        """The health checks that pools want done (`health = { probe = … }`). Each is handed out once, whoever asks. `tenantry.check_health` does them in asyncio's loop."""

    def probes(self) -> Probes:
        """The probes that pools with the strategy `prequal` want carried. Once per balancer: of several that wait only the last to ask is woken."""

    def override_health(
        self, pool: str, address: str, health: Literal["disabled", "ejected", "healthy"], *, duration: float | None = None
    ) -> None:
        """Decides on an endpoint, whatever its own health is: for so many seconds, or until it is taken back. Stays through every update that keeps
        the endpoint.

        Nothing goes to one that is `"disabled"`, neither of sessions nor in a panic; `"ejected"` counts as ejected; `"healthy"` serves though its checks fail,
        or it was ejected. What is in flight ends in peace. `ConfigError` when there is no such pool or endpoint.
        """

    def clear_health_override(self, pool: str, address: str) -> None:
        """Takes such a decision back. No error where there was none."""

    def compare_endpoints(self) -> float | None:
        """Compares the endpoints of each pool with one another, where that is due, and says in how many seconds it is due next; `None` where nothing is
        compared. Whoever finishes a request does it otherwise, some endpoints at a time, so nobody has to call this; a task of one's own may, to
        keep it off requests.
        """

    @property
    def settlements(self) -> int:
        """How many requests have been charged for good since a ledger was first asked for: leases that ended, and checks that passed. A ledger lacks at most
        those that were settled after it was asked for: read this before, and save again when it has grown by as many as a crash may cost.
        """

    def ledger(self) -> bytes:
        """What tenants have used of their rates and budgets now, to be restored after a restart. Requests in flight are in it as they were declared."""

    def restore(self, ledger: bytes) -> Restored:
        """Puts back what a ledger says, under the limits that are in force now; buckets have refilled and windows have passed in between as the
        calendar says. Call it before the first request. Restoring twice restores nothing twice. Raises `LedgerError` for bytes that are
        torn, damaged, or of another version; then nothing is restored.
        """

    def save_ledger(self, path: str | PathLike[str]) -> None:
        """Keeps the ledger in a file: a new one is written, synced to the disk and renamed into place, and the one before stays as `….previous`.
        After a crash at any moment one of the two is whole. What is settled after the last save is what a crash loses. Each process needs a
        file of its own.
        """

    def load_ledger(self, path: str | PathLike[str]) -> Restored | None:
        """Restores what `save_ledger` has kept, or the one before where that is torn or damaged; `None` where there is no file. Raises
        `LedgerError` where there are some and none is whole.
        """

    def stats(self) -> Stats:
        """What is true now, of every pool and of the hundred most active tenants."""

    def tenant_stats(self, tenant: str | TenantHandle) -> TenantStats | None:
        """What is true now of one tenant, whether it is among the most active or not; `None` where nobody has this id."""

    def pool_stats(self, pool: str) -> PoolStats | None:
        """What is true now of one pool; `None` where there is none of this name."""

    def limits_of(self, tenant: str | TenantHandle) -> tuple[LimitStatus, ...] | None:
        """What is left of a tenant's rates and budgets, and then of its parents'; `None` where nobody has this id."""

    def own_limits_of(self, tenant: str | TenantHandle) -> tuple[LimitStatus, ...] | None:
        """The same of the tenant's own, without its parents'."""

    def take_events(self) -> list[dict[str, Any]]:
        """What has happened since this was last asked, the oldest first: `event` names the kind, and the other keys are those of the core's `Event`, such
        as `"budget_warning"` (`tenant`, `unit`, `percent`, `used`, `amount`, `ends_unix_s`), `"endpoint_ejected"` (`pool`, `endpoint`, `reason`,
        `evidence`, `ejections`, `for_ms`) or `"lost"` (`count`: so many were dropped, because nobody took them)."""

    def events_since(self, cursor: EventCursor) -> list[dict[str, Any]]:
        """What has happened since this cursor was used last, the oldest first: for readers beside whoever takes them. Of the last 1 024 events, as there."""

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
    def affinity_token(self) -> str | None:
        """Made when asked for: give it as `affinity` to return to this endpoint. `None` once it has ended or its pool is removed."""

    @property
    def pool(self) -> str | None:
        """The pool that serves it: a fallback where the one asked for could not. `None` once it has ended or its pool is removed."""

    @property
    def acquired_at(self) -> int | None:
        """When the endpoint was picked, in nanoseconds on the balancer's clock: `Balancer.now`. `None` once it has ended."""

    @property
    def finished(self) -> bool:
        """Whether it has ended."""

    def report(self, dimension: str, amount: int) -> bool:
        """Says what the request has used of one of the configuration's `dimensions` so far. The last word counts when the lease ends,
        however it ends; without one what was declared counts. Raises `UnknownDimension`. `False` says that the lease had ended.
        """

    def report_upstream(
        self,
        *,
        requests: dict[str, float] | None = None,
        cost: dict[str, float] | None = None,
        retry_after: float | None = None,
    ) -> bool:
        """Says what the answer tells of the endpoint's own limits, which hold for everybody.

        `requests` and `cost` are dicts such as `{"left": 12, "limit": 60, "reset": 30.0}`: what is left, of how much, and in how many
        seconds it begins anew, or `reset_at` in seconds since 1970. `retry_after` keeps everybody away for so many seconds. While nothing
        is left there nobody is sent there: `UpstreamLimited` says when the first endpoint returns. `False` says that the lease had ended.
        """

    def first_byte(self) -> bool:
        """Says that the answer begins: the time to its first byte is learnt as the latency, and the seat stays taken.

        For streams, whose duration says nothing about how busy the endpoint is. A success then teaches no second latency. A second
        call teaches nothing; `False` says that the lease had ended.
        """

    def report_load(self, report: str | bytes) -> bool:
        """Hands on what the endpoint says of its own load: the value of its header `endpoint-load-metrics` (`TEXT cpu_utilization:0.7,rps_fractional:120`,
        `JSON {…}` or `BIN …`), for the strategies that go by it. `ValueError` for one that cannot be read; `False` says that the lease had ended.
        """

    def finish(
        self,
        outcome: Literal["success", "failure", "overload", "cancelled"] = "success",
        *,
        cost: int | None = None,
        latency: float | None = None,
        retry_after: float | None = None,
        amounts: Mapping[str, int] | None = None,
        cause: Literal["application", "gateway", "connection", "timeout"] | None = None,
    ) -> bool:
        """Ends it: the seat goes to the next in line, and the outcome is learnt from.

        `"overload"`: the endpoint said that it has too much to do (HTTP 429 or 503). `cost`: what the request really cost.
        `latency`: seconds to learn from, where it is not the time since the lease was acquired. `retry_after`: the
        endpoint's own word, in seconds. `amounts`: a last `report` of each; after `UnknownDimension` the lease has not ended.
        `cause`: who failed; `"gateway"` (HTTP 502, 504), `"connection"` and `"timeout"` are gateway failures. A lease ends
        once: `False` says that it had ended before, and that nothing happened.
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
class Candidate:
    """One endpoint of a pool, as a strategy of one's own sees it.

    `strategy` of a pool may be a function `(candidates: Candidates, key: bytes | None) -> int | None`: the index of the one that serves the
    request. It runs inside `try_acquire` and `acquire`, with no lock held, and may ask the balancer again. Where it returns `None`, an
    index that there is not or a candidate that is not usable, or raises an `Exception` (`sys.unraisablehook` is told), `p2c` serves the request;
    what is none, `KeyboardInterrupt` for one, comes out of the call that was asking.
    """

    @property
    def address(self) -> str: ...
    @property
    def weight(self) -> int: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def latency(self) -> float | None:
        """Recent peak latency in seconds; `None` before the first answer."""

    @property
    def utilization(self) -> float | None:
        """What it has reported within the last 180 s."""

    @property
    def usable(self) -> bool:
        """Whether it may be picked."""

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
class HealthChecks:
    """The health checks of one balancer; what `Balancer.health_checks` returns. It does not keep the balancer alive.

    Whoever runs this takes what is due, asks the endpoint, says what came of it, and looks again when it is time, or once in a while: another configuration may want other checks.
    """

    def next_check(self) -> HealthCheck | None:
        """The next check that is due now, if there is one."""

    def due_in(self) -> float | None:
        """Seconds until one is due; `None` where no pool wants any, or the balancer is gone."""

@final
class HealthCheck:
    """A check that is to be done: ask the endpoint, and say `passed` or `failed`. One that is dropped, or comes later than its timeout and the endpoint's next check, teaches nothing."""

    @property
    def pool(self) -> str: ...
    @property
    def address(self) -> str:
        """The endpoint's, as the configuration writes it."""

    @property
    def kind(self) -> Literal["http", "tcp", "tls", "grpc", "custom"]:
        """What the pool's `probe` says."""

    @property
    def subject(self) -> str | None:
        """What it is about: the path of `http`, the service of `grpc`, the name of `custom`."""

    @property
    def timeout(self) -> float:
        """Seconds after which a check without an answer has failed."""

    @property
    def http(self) -> HttpCheck | None:
        """What to ask by HTTP, and which answers are good; `None` for other kinds."""

    @property
    def port(self) -> int | None:
        """The port to ask at, if it is not the address's."""

    @property
    def scheme(self) -> Literal["as_address", "http", "https"]:
        """Whether `http` and `grpc` go over TLS: where the address begins with `https://`, never, or always."""

    @property
    def server_name(self) -> str | None:
        """The name that TLS asks for, if it is not the host's."""

    def passed(self) -> bool:
        """The endpoint serves. `False` says that something had been said before."""

    def failed(self, evidence: str = "", *, reason: Literal["timeout", "connect", "tls", "broken", "status", "body", "not_serving", "other"] = "other") -> bool:
        """It does not. The evidence, of which 256 characters are kept, and the reason go into the event, if one follows. `False` says that something had been said before."""

@final
class HttpCheck:
    """What a health check by HTTP asks, and which answers are good; what `HealthCheck.http` returns."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str:
        """Perhaps with a query."""

    @property
    def host(self) -> str | None:
        """What the `host` header says, if it is not the address."""

    @property
    def headers(self) -> dict[str, str]:
        """Further ones."""

    @property
    def body(self) -> str | None:
        """Text that must stand in the first 64 KiB of the body; `None`: it need not be read."""

    def accepts(self, status: int) -> bool:
        """Whether this status is good."""

@final
class Discovery:
    """One source of one pool's endpoints; what `Balancer.discovery` returns. It does not keep the balancer alive, and asks nobody itself.

    Whoever has it asks when it says so, and hands in the answers. These become the pool's endpoints by what differs: those that stay keep their load, health and
    requests in flight, those that are gone get nothing new and end what they have. What it has found outlasts `Balancer.reconfigure`. Once it is closed or dropped, that
    stays until another discovery of the pool has an answer, or the next `reconfigure`; what it is told then is not heard.
    """

    def found(self, endpoints: Iterable[str | Mapping[str, Any]], *, ttl: float | None) -> None:
        """These are all endpoints of this source, written as in the configuration, for so many seconds. `ttl=None`: the source is asked again at once, and
        itself waits until something changes.

        `ConfigError` when the answer is empty and may not be, too long, or cannot be configured so; `TypeError` or `ValueError` when it is none, or `ttl` is
        not finite seconds. Whatever is raised, by `endpoints` itself, too: the pool stays as it was, and it counts as a failure already.
        """

    def failed(self, problem: str) -> None:
        """There is no answer: everything stays as it is. Of the problem 256 characters are kept."""

    def note(self, problem: str) -> None:
        """The answer was good but for a part, for which the last good one stood in: seen in the status, and no failure. Of the problem 256 characters are kept."""

    def due_in(self) -> float | None:
        """Seconds until it is time to ask; `None` when it is closed, or the balancer is gone."""

    def status(self) -> DiscoveryStatus | None:
        """How it is doing; `None` when it is closed, or the balancer is gone."""

    def close(self) -> bool:
        """Ends it, as dropping it does, and as the end of a `with` block; `False` says that it had been closed before."""

    def __enter__(self) -> Discovery: ...
    def __exit__(
        self, _exc_type: type[BaseException] | None, _exc: BaseException | None, _traceback: TracebackType | None, /
    ) -> None: ...

@final
class Backoff:
    """Exponential back-off with full jitter: before the n-th retry, any time from nothing to `min(cap, base * 2**(n - 1))`, all equally likely, so that those who
    failed together do not come back together.

    `base` and `cap` are seconds, by default 0.025 and 0.25. `seed`: what waits are drawn from, 0 if left out; instances should have different ones, such as
    `secrets.randbits(64)`. No process id: in containers all have the same.
    """

    def __new__(cls, base: float | None = None, cap: float | None = None, *, seed: int | None = None) -> Backoff: ...
    def bound(self, retry: int) -> float:
        """The longest wait in seconds before the `retry`-th retry, counted from 1; `ValueError` for 0."""

    def wait(self, retry: int, request: int) -> float:
        """The wait in seconds before the `retry`-th retry of a request. `request` tells requests apart: the same two numbers give the same wait."""

@final
class ServerLoad:
    """The other side of a probe: counts a server's requests, and knows what to answer. `clock`: a `ManualClock` for tests."""

    def __new__(cls, clock: ManualClock | None = None) -> ServerLoad: ...
    def begin(self) -> Begun:
        """A request has come: `with load.begin():` around its handling, or `end` and `abandon` by hand."""

    def report(self) -> ProbeReport:
        """What to answer a probe."""

@final
class Begun:
    """A request in flight at a server; what `ServerLoad.begin` returns. As a context manager it ends when its block does, and is abandoned when an exception leaves
    the block; one that is dropped is abandoned.
    """

    def end(self) -> bool:
        """It has been answered in full. `False` says that it was over before."""

    def abandon(self) -> bool:
        """It has broken off: it is no longer in flight, and tells no latency. `False` says that it was over before."""

    def __enter__(self) -> Begun: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, _exc: BaseException | None, _traceback: TracebackType | None, /
    ) -> None: ...

@final
class Probes:
    """The probes of one balancer; what `Balancer.probes` returns. It does not keep the balancer alive, and ends with it.

    Each request that is picked for brings a pool some probes. Whoever runs this takes one after the other, asks the endpoint, and answers. `async for`
    waits in asyncio's loop; `for` blocks its thread, with the GIL released.
    """

    def next_probe(self) -> Probe | None:
        """The next probe that is due now, if there is one. For loops of one's own."""

    def __iter__(self) -> Probes: ...
    def __next__(self) -> Probe: ...
    def __aiter__(self) -> Probes: ...
    def __anext__(self) -> Coroutine[Any, Any, Probe]: ...
    def _poll(self, future: asyncio.Future[None]) -> Probe | None: ...

@final
class Probe:
    """A probe that is to be carried: ask the endpoint for its load, and `answer`. One that is dropped has failed: that teaches nothing, and makes
    room for the next.
    """

    @property
    def address(self) -> str:
        """The endpoint's, as the configuration writes it."""

    @property
    def path(self) -> str:
        """Where the endpoint answers probes: `probe` in the pool's strategy."""

    @property
    def timeout(self) -> float:
        """Seconds after which it is worth nothing."""

    def answer(self, rif: int, latency: float | None = None) -> bool:
        """What the endpoint said: its requests in flight, from all of its callers, and the seconds that requests took of late that came in at about this
        load; left out where it does not know. `False` says that it had been answered or given up.
        """

    def fail(self) -> bool:
        """Gives it up, as dropping it does."""

@final
class EventCursor:
    """How far somebody has read a balancer's events: each reader has one of its own. A new one begins with the oldest event that is kept."""

    def __new__(cls) -> EventCursor: ...

@final
class TenantHandle:
    """A tenant's id that one balancer has hashed; what `Balancer.handle` returns."""

    @property
    def id(self) -> str: ...

@final
class ManualClock:
    """A clock that stands still until it is advanced: for tests. `unix`: its date at the start, in seconds since 1970; 1970 if left out."""

    def __new__(cls, unix: float | None = None) -> ManualClock: ...
    def advance(self, nanoseconds: int) -> None:
        """Moves time on. Who waits past a deadline is turned away before this returns."""

    @property
    def now(self) -> int:
        """Nanoseconds since its start."""

def _bench_rust(balancer: Balancer, tenant: str, rounds: int) -> None: ...
def _is_ledger(ledger: bytes) -> bool: ...
def _panic() -> None: ...
