"""Probes that the application carries, for pools that go by them."""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
from typing import Any

import pytest
from support import ADDRESSES, Make, config

import tenantry


def prequal(**settings: Any) -> dict[str, Any]:
    document = config(capacity=1_000)
    document["pools"]["api"]["strategy"] = {"kind": "prequal", **settings}
    return document


def ask(lb: tenantry.Balancer) -> str:
    lease = lb.try_acquire("acme")
    lease.finish("cancelled")
    return lease.address


def answer(probe: tenantry.Probe) -> bool:
    """The first endpoint is busy, the second is not."""
    return probe.answer(9, 0.9) if probe.address == ADDRESSES[0] else probe.answer(1, latency=0.02)


def test_requests_bring_probes_and_go_by_the_answers(make: Make) -> None:
    lb = make(prequal(probe="/load", timeout="30ms"))
    probes = lb.probes()
    assert probes.next_probe() is None
    ask(lb)
    carried = []
    while (probe := probes.next_probe()) is not None:
        assert (probe.path, probe.timeout, repr(probe)) == ("/load", 0.03, f"<Probe {probe.address} /load>")
        assert answer(probe) is True
        carried.append(probe)
    assert {probe.address for probe in carried} == set(ADDRESSES)
    assert [answer(probe) for probe in carried] == [False] * len(carried)
    assert ask(lb) == ADDRESSES[1]


def test_a_probe_that_is_given_up_or_dropped_makes_room(make: Make) -> None:
    lb = make(prequal())
    probes = lb.probes()
    for _ in range(200):
        ask(lb)
        kept = [probes.next_probe() for _ in range(3)]
        first = kept[0]
        assert first is not None, "never more under way than may be"
        assert (first.fail(), first.fail(), first.answer(1)) == (True, False, False)
        del kept, first


def test_what_makes_no_sense_is_an_error_and_leaves_the_probe_open(make: Make) -> None:
    lb = make(prequal())
    ask(lb)
    probe = lb.probes().next_probe()
    assert probe is not None
    for rif in (-1, 2**32):
        with pytest.raises(ValueError, match="rif: give a whole number"):
            probe.answer(rif)
    with pytest.raises(ValueError, match="latency: give"):
        probe.answer(1, float("nan"))
    with pytest.raises(TypeError):
        probe.answer("1")  # type: ignore[arg-type]
    assert answer(probe)
    for live in (probe, lb.probes()):
        with pytest.raises(TypeError):
            pickle.dumps(live)


async def test_a_task_carries_them_until_the_balancer_is_gone() -> None:
    lb = tenantry.Balancer(prequal())
    answered = 0

    async def carry(probes: tenantry.Probes) -> None:
        nonlocal answered
        async for probe in probes:
            await asyncio.sleep(0)
            answered += answer(probe)

    task = asyncio.create_task(carry(lb.probes()))
    for _ in range(50):
        ask(lb)
        await asyncio.sleep(0.001)
    assert answered > 50
    assert ask(lb) == ADDRESSES[1]
    del lb
    gc.collect()
    await asyncio.wait_for(task, 30)


async def test_a_waiting_task_can_be_cancelled_and_another_goes_on(make: Make) -> None:
    lb = make(prequal())
    probes = lb.probes()
    task = asyncio.create_task(probes.__anext__())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    next_one = asyncio.create_task(probes.__anext__())
    await asyncio.sleep(0)
    ask(lb)
    assert answer(await asyncio.wait_for(next_one, 30))


async def test_a_request_of_another_thread_wakes_the_loop(make: Make) -> None:
    lb = make(prequal())
    task = asyncio.create_task(lb.probes().__anext__())
    await asyncio.sleep(0)
    await asyncio.to_thread(ask, lb)
    assert answer(await asyncio.wait_for(task, 30))


def test_a_thread_carries_them_until_the_balancer_is_gone() -> None:
    lb = tenantry.Balancer(prequal())
    first = threading.Event()

    def carry(probes: tenantry.Probes) -> None:
        for probe in probes:
            if answer(probe):
                first.set()

    thread = threading.Thread(target=carry, args=(lb.probes(),))
    thread.start()
    ask(lb)
    assert first.wait(30)
    del lb
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()
