"""The part of `Balancer.acquire` that runs in an event loop: only when it has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tenantry._native import Acquire, Lease, Probe, Probes

T = TypeVar("T")


def ready(value: T) -> Generator[Any, None, T]:
    """What `__await__` returns when there is nothing to wait for: a generator ends more cheaply than an exception is raised."""
    return value
    yield


async def resolved(value: T) -> T:
    """An awaitable that is there already."""
    return value


async def wait(acquire: Acquire) -> Lease:
    """Polls until there is a lease. Leaving it in any other way gives the place in line up, and hands on a seat that was just granted."""
    loop = asyncio.get_running_loop()
    try:
        while True:
            future = loop.create_future()
            lease = acquire._poll(future)
            if lease is not None:
                return lease
            # The waker's reference is weak: the timer is also what keeps a task alive that nobody else refers to.
            timer = loop.call_later(min(max(acquire._delay(), _SHORTEST), _LONGEST), resolve, future)
            try:
                await future
            finally:
                timer.cancel()
    except BaseException:
        acquire.cancel()
        raise


async def next_probe(probes: Probes) -> Probe:
    """Polls until there is a probe to carry. `StopAsyncIteration` when the balancer is gone."""
    loop = asyncio.get_running_loop()
    while True:
        future = loop.create_future()
        probe = probes._poll(future)
        if probe is not None:
            return probe
        # Keeps the task alive, as in `wait`.
        timer = loop.call_later(_LONGEST, resolve, future)
        try:
            await future
        finally:
            timer.cancel()


def resolve(future: asyncio.Future[None]) -> None:
    """Resolves it, unless it is: the waker and the timer may both come."""
    if not future.done():
        future.set_result(None)


_SHORTEST = 0.001
"""Seconds; keeps an event loop's clock that is a little ahead of the balancer's from spinning."""

_LONGEST = 3600.0
"""Seconds; event loops do not take any delay."""
