"""Health checks in asyncio's loop, with a function of the application's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry._native import Balancer, HealthCheck


async def check_health(balancer: Balancer, check: Callable[[HealthCheck], Awaitable[object]], *, most_under_way: int = 256) -> None:
    """Does a balancer's health checks until it is cancelled: once per balancer.

    `check` is called for each that is due and asks the endpoint. Where it returns, the endpoint serves; where it raises, or takes longer than `check.timeout`, it does not.
    At most `most_under_way` run at once. Cancelling cancels those that run, too.
    """
    if most_under_way < 1:
        raise ValueError(f"most_under_way: give at least 1, not {most_under_way}")
    checks, running = balancer.health_checks(), set[asyncio.Task[None]]()
    try:
        while True:
            while len(running) < most_under_way and (due := checks.next_check()) is not None:
                running.add(asyncio.create_task(_ask(due, check)))
            # As long as there is room for no other, only the end of one makes a difference.
            wait = checks.due_in() if len(running) < most_under_way else None
            pause = _LONGEST if wait is None else min(max(wait, _SHORTEST), _LONGEST)
            if running:
                _, running = await asyncio.wait(running, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(pause)
    finally:
        for task in running:
            task.cancel()


async def _ask(due: HealthCheck, check: Callable[[HealthCheck], Awaitable[object]]) -> None:
    try:
        await asyncio.wait_for(check(due), due.timeout)
    except Exception as error:
        due.failed(f"{type(error).__name__}: {error}", reason="timeout" if isinstance(error, TimeoutError | asyncio.TimeoutError) else "other")
    else:
        due.passed()


_SHORTEST = 0.001
"""Seconds; keeps a loop's clock that is a little ahead of the balancer's from spinning."""

_LONGEST = 1.0
"""Seconds: how soon checks are seen that an update of the configuration brings."""
