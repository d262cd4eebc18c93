"""Why a request may not run now: one class per reason, under one base."""

from __future__ import annotations

from typing import ClassVar


class Rejected(Exception):
    """The request may not run now. It has consumed nothing: no rate, no seat, no budget."""

    code: ClassVar[str] = "REJECTED"
    """The reason as a stable name, the same in every language."""

    permanent: ClassVar[bool] = False
    """Whether trying again is useless until the configuration changes."""

    retry_after_ns: int | None = None
    """Nanoseconds after which the same request passes, where that is known; not one sooner, if nothing else happens."""

    @property
    def retry_after(self) -> float | None:
        """The same in seconds."""
        return None if self.retry_after_ns is None else self.retry_after_ns / 1e9

    def __str__(self) -> str:
        # What follows the message among the arguments has a name of its own.
        return str(self.args[0]) if self.args else ""


class _Returns(Rejected):
    """What every rejection shares whose time to come back is always known."""

    retry_after_ns: int = 0

    def __init__(self, message: str, retry_after_ns: int) -> None:
        # `args` stay what the constructor takes, so that it can be pickled.
        self.retry_after_ns = retry_after_ns

    @property
    def retry_after(self) -> float:
        """Seconds after which the same request passes."""
        return self.retry_after_ns / 1e9


class UnknownTenant(Rejected):
    """No tenant has this id, and none is made for unknown ids."""

    code = "UNKNOWN_TENANT"
    permanent = True


class UnknownPool(Rejected):
    """No pool has this name, or none was named where there are several."""

    code = "UNKNOWN_POOL"
    permanent = True


class PoolForbidden(Rejected):
    """The tenant may not use this pool."""

    code = "POOL_FORBIDDEN"
    permanent = True


class RateLimited(_Returns):
    """A rate quota is spent."""

    code = "RATE_LIMITED"


class CostTooHigh(Rejected):
    """The request costs more than a quota's burst: it can never pass."""

    code = "COST_TOO_HIGH"
    permanent = True

    def __init__(self, message: str, limit: int) -> None:
        self.limit = limit
        """The most that one request may cost."""


class BudgetExhausted(_Returns):
    """A budget is spent."""

    code = "BUDGET_EXHAUSTED"


class RetryBudgetExhausted(Rejected):
    """The tenant has made as many retries in this pool as its requests there allow."""

    code = "RETRY_BUDGET_EXHAUSTED"

    def __init__(self, message: str, retry_after_ns: int | None) -> None:
        self.retry_after_ns = retry_after_ns
        """`None`: only further requests that are no retries make room, time alone does not."""


class HedgeBudgetExhausted(Rejected):
    """The tenant has made as many hedges in this pool as its requests there allow."""

    code = "HEDGE_BUDGET_EXHAUSTED"

    def __init__(self, message: str, retry_after_ns: int | None) -> None:
        self.retry_after_ns = retry_after_ns
        """As for `RetryBudgetExhausted`."""


class UpstreamLimited(_Returns):
    """The limits of the endpoints themselves, configured or told by them, are spent."""

    code = "UPSTREAM_LIMITED"


class UnknownDimension(Rejected):
    """The request declares an amount of something that is no dimension of the configuration."""

    code = "UNKNOWN_DIMENSION"
    permanent = True


class TooManyInFlight(Rejected):
    """The tenant, or a parent of it, has as many requests inside (waiting or in flight) as it may."""

    code = "TOO_MANY_IN_FLIGHT"

    def __init__(self, message: str, limit: int) -> None:
        self.limit = limit
        """The cap that is reached: the tenant's own, or that of a parent, which counts everybody beneath it."""


class Saturated(Rejected):
    """Every seat is taken, and the caller did not want to wait."""

    code = "SATURATED"


class QueueFull(Rejected):
    """Every seat is taken, and so is every place in the queue that this tenant may have."""

    code = "QUEUE_FULL"


class TimedOut(Rejected, TimeoutError):
    """The deadline came while the request waited for a seat. Also a `TimeoutError`."""

    code = "TIMED_OUT"


class WouldTimeOut(_Returns):
    """The request would wait for its seat beyond its timeout, as fast as the queue moves now: it was not let in at all.

    `retry_after` is how long it would wait beyond its timeout: an estimate.
    """

    code = "WOULD_TIME_OUT"


class NoEndpoint(Rejected):
    """The pool has no endpoint that can serve."""

    code = "NO_ENDPOINT"

for _class in (Rejected, *Rejected.__subclasses__(), *_Returns.__subclasses__()):
    _class.__module__ = "tenantry"
del _class
