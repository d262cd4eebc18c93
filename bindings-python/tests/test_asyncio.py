"""Waiting in an event loop: in line, cancel-safe, and on time."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

import pytest
from support import ADDRESSES, Make, config

import tenantry

T = TypeVar("T")


async def of(awaitable: Awaitable[T]) -> T:
    """A coroutine around it: what a task wants."""
    return await awaitable


async def turns(count: int = 5) -> None:
    """Lets everything run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_free_seat_is_given_without_the_event_loop(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    lb = make()
    monkeypatch.setattr(asyncio, "get_running_loop", None)
    lease = await lb.acquire("acme", pool="api", key=b"k", cost=1, timeout=1)
    assert lease.address in ADDRESSES
    lease.finish()
    async with lb.acquire("acme") as second:
        assert not second.finished
    assert second.finished


def test_an_await_that_need_not_wait_needs_no_loop_at_all(make: Make) -> None:
    coroutine = of(make().acquire("acme"))
    with pytest.raises(StopIteration) as caught:
        coroutine.send(None)
    assert caught.value.value.finish()


async def test_a_rejection_is_raised_where_it_is_awaited(make: Make) -> None:
    acquire = make().acquire("nobody")
    with pytest.raises(tenantry.UnknownTenant):
        await acquire
    with pytest.raises(tenantry.UnknownTenant):
        async with make().acquire("nobody"):
            raise AssertionError("it was refused")


@pytest.mark.parametrize(("exception", "failed"), [(None, 0), (ValueError, 1), (asyncio.CancelledError, 0)])
async def test_the_block_finishes_the_lease(make: Make, exception: type[BaseException] | None, failed: int) -> None:
    lb = make()
    try:
        async with lb.acquire("acme") as lease:
            if exception is not None:
                raise exception
    except (ValueError, asyncio.CancelledError):
        pass
    assert lease.finished
    assert sum(one.failed for one in lb.stats().pools[0].endpoints) == failed


async def test_waiters_are_served_in_the_order_of_their_calls(make: Make) -> None:
    lb = make(config(capacity=1))
    served: list[int] = []

    async def work(number: int) -> None:
        async with lb.acquire("acme"):
            served.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(number) for number in range(50)))
    assert served == list(range(50))


async def test_the_place_in_line_is_taken_by_the_call(make: Make) -> None:
    lb = make(config(capacity=1))
    first = await lb.acquire("acme")
    early, late = lb.acquire("acme"), lb.acquire("acme")
    later = asyncio.create_task(of(late))
    await turns()
    first.finish()
    await turns()
    assert not later.done()
    (await early).finish()
    (await later).finish()


async def test_two_tenants_share_by_weight(make: Make) -> None:
    document = config(capacity=1, weight=3)
    lb = make(document)
    served: list[str] = []

    async def work(tenant: str) -> None:
        async with lb.acquire(tenant):
            served.append(tenant)

    held = await lb.acquire("globex")
    tasks = [asyncio.create_task(work(tenant)) for tenant in ["globex"] * 20 + ["acme"] * 20]
    await turns()
    held.finish()
    await asyncio.gather(*tasks)
    assert 10 <= served[:16].count("acme") <= 14


async def test_cancelling_leaves_the_queue(make: Make) -> None:
    lb = make(config(capacity=1))
    held = await lb.acquire("acme")
    tasks = [asyncio.create_task(of(lb.acquire("acme"))) for _ in range(3)]
    await turns()
    assert lb.stats().pools[0].waiting == 3
    tasks[0].cancel()
    await turns()
    assert tasks[0].cancelled()
    assert lb.stats().pools[0].waiting == 2
    held.finish()
    (await tasks[1]).finish()
    (await tasks[2]).finish()


async def test_cancelling_in_the_tick_of_the_grant_hands_the_seat_on(make: Make) -> None:
    lb = make(config(capacity=1))
    held = await lb.acquire("acme")
    first, second = (asyncio.create_task(of(lb.acquire("acme"))) for _ in range(2))
    await turns()
    held.finish()
    first.cancel()
    lease = await asyncio.wait_for(second, 5)
    with pytest.raises(asyncio.CancelledError):
        await first
    lease.finish()


async def test_a_cancel_after_the_lease_is_there_loses_nothing(make: Make) -> None:
    lb = make(config(capacity=1))

    async def hold() -> None:
        async with lb.acquire("acme"):
            await asyncio.sleep(3600)

    task = asyncio.create_task(hold())
    await turns()
    assert lb.stats().pools[0].in_flight == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lb.stats().pools[0].in_flight == 0
    assert all(one.failed == 0 for one in lb.stats().pools[0].endpoints)


async def test_the_timeout_is_kept(make: Make) -> None:
    lb = make(config(capacity=1))
    with lb.try_acquire("acme"):
        for timeout in (0.02, 0, -1.0):
            with pytest.raises(tenantry.TimedOut):
                await lb.acquire("globex", timeout=timeout)
        with pytest.raises(TimeoutError):
            async with lb.acquire("globex", timeout=0.01):
                raise AssertionError("there was no seat")
        waiting = asyncio.create_task(of(lb.acquire("acme", timeout=float("inf"))))
        await turns()
        assert not waiting.done()
    (await waiting).finish()


async def test_the_queue_timeout_of_the_pool_is_kept(make: Make) -> None:
    document = config(capacity=1)
    document["pools"]["api"]["queue"] = {"timeout": "20ms"}
    lb = make(document)
    with lb.try_acquire("acme"), pytest.raises(tenantry.TimedOut):
        await lb.acquire("globex")


async def test_wait_for_gather_and_ensure_future_take_it(make: Make) -> None:
    lb = make(config(capacity=2))
    lease = await asyncio.wait_for(lb.acquire("acme"), 1)
    lease.finish()
    for one in await asyncio.gather(lb.acquire("acme"), lb.acquire("globex")):
        one.finish()
    with lb.try_acquire("acme"), lb.try_acquire("acme"):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(lb.acquire("acme"), 0.01)
        future = asyncio.ensure_future(lb.acquire("acme"))
        await turns()
    (await future).finish()


async def test_an_answer_is_given_once(make: Make) -> None:
    lb = make(config(capacity=1))
    acquire = lb.acquire("acme")
    assert repr(acquire) == "<Acquire ready>"
    lease = await acquire
    assert repr(acquire) == "<Acquire resolved>"
    with pytest.raises(RuntimeError, match="has given its answer"):
        await acquire
    waiting = lb.acquire("acme")
    assert repr(waiting) == "<Acquire waiting>"
    assert waiting.poll() is None
    assert waiting.cancel() is True
    assert waiting.cancel() is False
    with pytest.raises(RuntimeError, match="was cancelled"):
        waiting.poll()
    lease.finish()


async def test_what_is_never_awaited_gives_everything_back(make: Make) -> None:
    lb = make(config(capacity=1))
    acquire = lb.acquire("acme")
    assert lb.stats().pools[0].in_flight == 1
    del acquire
    assert lb.stats().pools[0].in_flight == 0


async def test_a_seat_freed_in_another_thread_wakes_the_loop(make: Make) -> None:
    lb = make(config(capacity=1))
    for _ in range(20):
        held = await lb.acquire("acme")
        waiting = asyncio.create_task(of(lb.acquire("acme")))
        await turns()
        thread = threading.Thread(target=held.finish)
        thread.start()
        (await asyncio.wait_for(waiting, 5)).finish()
        thread.join()


async def test_a_manual_clock_times_waiters_out_when_it_is_advanced(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(config(capacity=1), clock)
    held = await lb.acquire("acme")
    waiting = asyncio.create_task(of(lb.acquire("acme", timeout=0.001)))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    clock.advance(999_999)
    await turns()
    assert not waiting.done()
    clock.advance(1)
    with pytest.raises(tenantry.TimedOut):
        await asyncio.wait_for(waiting, 5)
    held.finish()


async def test_reconfigure_seats_and_refuses_waiters(make: Make) -> None:
    lb = make(config(capacity=1))
    held = await lb.acquire("acme")
    waiting = asyncio.create_task(of(lb.acquire("acme")))
    await turns()
    lb.reconfigure(config(capacity=2))
    (await asyncio.wait_for(waiting, 5)).finish()
    lb.reconfigure(config(capacity=1))
    waiting = asyncio.create_task(of(lb.acquire("acme")))
    await turns()
    document = config()
    document["pools"] = {"other": document["pools"]["api"]}
    lb.reconfigure(document)
    with pytest.raises(tenantry.UnknownPool):
        await asyncio.wait_for(waiting, 5)
    held.finish()


@pytest.mark.parametrize("manual", [False, True], ids=["ticking", "manual"])
def test_a_loop_that_is_closed_under_its_waiters_strands_no_seat(make: Make, manual: bool) -> None:
    lb = make(config(capacity=1), tenantry.ManualClock() if manual else None)
    held = lb.try_acquire("acme")
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    task = loop.create_task(of(lb.acquire("acme", timeout=3600)))
    loop.run_until_complete(asyncio.sleep(0))
    assert lb.stats().pools[0].waiting == 1
    loop.close()
    # It is the dead task's turn, and nobody can run it.
    held.finish()
    assert lb.stats().pools[0].in_flight == 1
    del task, loop
    gc.collect()
    with lb.try_acquire("acme"):
        pass


async def test_a_task_that_only_waits_is_not_collected(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(config(capacity=1), clock)
    held = await lb.acquire("acme")
    done: list[bool] = []

    async def wait() -> None:
        async with lb.acquire("acme"):
            done.append(True)

    asyncio.create_task(wait())
    await turns()
    gc.collect()
    held.finish()
    await turns()
    assert done == [True]


def test_loops_in_several_threads_share_one_balancer(make: Make) -> None:
    lb = make(config(capacity=3))
    served = [0] * 4
    failures: list[BaseException] = []

    async def work(place: int) -> None:
        async with lb.acquire("acme" if place % 2 else "globex"):
            await asyncio.sleep(0)
            served[place] += 1

    async def many(place: int) -> None:
        await asyncio.gather(*(work(place) for _ in range(50)))
        for _ in range(3):
            await asyncio.gather(*(work(place) for _ in range(50)))

    def run(place: int) -> None:
        try:
            asyncio.run(many(place))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (served, failures) == ([200] * 4, [])


async def test_random_cancels_and_timeouts_conserve_every_seat(make: Make) -> None:
    import random

    lb = make(config(capacity=2))
    dice = random.Random(7)
    gone = served = 0

    async def work(timeout: float) -> None:
        nonlocal served
        async with lb.acquire(dice.choice(["acme", "globex"]), timeout=timeout):
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            served += 1

    tasks = []
    for _ in range(600):
        tasks.append(asyncio.create_task(work(dice.choice([0.0, 0.001, 10.0]))))
        if dice.random() < 0.4:
            dice.choice(tasks).cancel()
        if dice.random() < 0.5:
            await asyncio.sleep(0)
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if result is not None:
            # Slow seats refuse at the door who would wait longer than its timeout: on a busy machine those too.
            refused = (tenantry.TimedOut, tenantry.WouldTimeOut, tenantry.QueueFull)
            assert isinstance(result, (asyncio.CancelledError, *refused)), result
            gone += 1
    assert served > 0 and gone > 0 and lb.stats().pools[0].in_flight == 0


async def test_a_lease_that_an_exception_drops_wakes_the_next_and_leaves_the_exception(make: Make) -> None:
    lb = make(config(capacity=1))
    held = [lb.try_acquire("acme")]

    async def wait() -> str:
        async with lb.acquire("acme") as lease:
            return lease.address

    task = asyncio.create_task(wait())
    await turns()
    with pytest.raises(ZeroDivisionError):
        # Only the evaluation stack refers to it.
        (held.pop(), 1 / 0)
    assert await asyncio.wait_for(task, 30)


async def test_nothing_is_kept_alive_by_a_wait_that_is_over(make: Make) -> None:
    lb = make(config(capacity=1))

    class Marker:
        pass

    async def wait(marker: Marker) -> None:
        async with lb.acquire("acme"):
            del marker

    held = await lb.acquire("acme")
    marker = Marker()
    gone = weakref.ref(marker)
    task: asyncio.Task[None] | None = asyncio.create_task(wait(marker))
    del marker
    await turns()
    held.finish()
    assert task is not None
    await task
    task = None
    gc.collect()
    assert gone() is None


def coroutine_types(lb: tenantry.Balancer) -> Coroutine[Any, Any, tenantry.Lease]:
    """For mypy: an await gives a `Lease`."""
    return of(lb.acquire("acme"))
