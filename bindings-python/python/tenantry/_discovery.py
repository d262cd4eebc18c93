"""How discoveries are doing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DiscoveryFailure:
    """The newest thing that went wrong with a discovery."""

    at: int
    """When, in nanoseconds on the balancer's clock: `Balancer.now`."""
    problem: str
    """What went wrong."""


@dataclass(frozen=True, slots=True)
class DiscoveryStatus:
    """What is true now of one discovery. Moments are nanoseconds on the balancer's clock: `Balancer.now`."""

    pool: str
    """The pool whose endpoints are looked for."""
    source: str
    """What is asked."""
    endpoints: int
    """How many endpoints the last good answer had."""
    last_success: int | None
    """When the last good answer came; `None`: there was none yet."""
    last_failure: DiscoveryFailure | None
    """The newest failure, of whole answers and of parts. It stays after a success: `failures` tells whether it is over."""
    failures: int
    """Failures in a row; 0: the last answer was good."""
    next_refresh: int
    """When it is time to ask again."""


for _class in (DiscoveryFailure, DiscoveryStatus):
    _class.__module__ = "tenantry"
del _class
