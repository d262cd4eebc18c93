"""Threads, signals, processes, and the border itself."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import Make, at_rest, config

import tenantry
from tenantry import _native


def test_threads_conserve_every_seat(make: Make) -> None:
    lb = make(config(capacity=3, max_in_flight=5))
    most = 0

    def work(seed: int) -> int:
        nonlocal most
        dice = random.Random(seed)
        done = 0
        for _ in range(1_500):
            try:
                tenant = dice.choice(["acme", "globex"])
                lease = lb.try_acquire(tenant) if dice.random() < 0.7 else lb.acquire_blocking(tenant, timeout=0.01)
            except (tenantry.Saturated, tenantry.TimedOut, tenantry.WouldTimeOut, tenantry.TooManyInFlight):
                continue
            done += 1
            most = max(most, lb.stats().pools[0].in_flight) if dice.random() < 0.01 else most
            if dice.random() < 0.9:
                assert lease.finish(dice.choice(["success", "cancelled"]))
        return done

    with ThreadPoolExecutor(8) as pool:
        updates = [pool.submit(work, seed) for seed in range(8)]
        for turn in range(20):
            lb.reconfigure(config(capacity=3 + turn % 2, max_in_flight=5))
        done = sum(update.result() for update in updates)
    at_rest(lb)
    assert done > 0 and most <= 4
    assert sum(one.completed for one in lb.stats().tenants) == done


def test_one_lease_ends_in_one_thread_only(make: Make) -> None:
    lb = make()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(200):
            lease = lb.try_acquire("acme")
            assert sorted(pool.map(lambda _, lease=lease: lease.finish(), range(4))) == [False, False, False, True]


def test_a_thread_that_waits_lets_others_run_and_is_woken(make: Make) -> None:
    lb = make(config(capacity=1))
    held = lb.try_acquire("acme")
    got: list[tenantry.Lease] = []
    thread = threading.Thread(target=lambda: got.append(lb.acquire_blocking("acme", timeout=30)))
    thread.start()
    while lb.stats().pools[0].waiting == 0:
        time.sleep(0.001)
    held.finish()
    thread.join(10)
    assert not thread.is_alive()
    assert got[0].finish()


def test_a_waiting_thread_keeps_its_deadline(make: Make) -> None:
    lb = make(config(capacity=1))
    with lb.try_acquire("acme"):
        started = time.monotonic()
        with pytest.raises(tenantry.TimedOut):
            lb.acquire_blocking("globex", timeout=0.05)
        assert time.monotonic() - started >= 0.05


def test_a_waiting_thread_follows_a_manual_clock(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(config(capacity=1), clock)
    with lb.try_acquire("acme"), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lb.acquire_blocking, "globex", timeout=3600)
        while lb.stats().pools[0].waiting == 0:
            time.sleep(0.001)
        clock.advance(3_600_000_000_000)
        with pytest.raises(tenantry.TimedOut):
            waiting.result(10)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_control_c_interrupts_a_waiting_thread(make: Make) -> None:
    lb = make(config(capacity=1))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with lb.try_acquire("acme"):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                lb.acquire_blocking("globex", timeout=30)
            assert lb.stats().pools[0].waiting == 0
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_goes_on_by_itself(make: Make) -> None:
    lb = make(config(capacity=2))
    held = lb.try_acquire("acme")
    child = os.fork()
    if child == 0:
        os._exit(0 if goes_on(lb) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    tenant = lb.stats().tenant("acme")
    assert tenant is not None and (tenant.in_flight, tenant.completed) == (1, 0)
    held.finish()


def goes_on(lb: tenantry.Balancer) -> bool:
    """What a worker does: sync, in threads, in an event loop, and new balancers."""

    async def work() -> None:
        async with lb.acquire("globex", timeout=5):
            await asyncio.sleep(0)

    async def many() -> None:
        await asyncio.gather(*(work() for _ in range(10)))

    try:
        lb.try_acquire("acme").finish()
        asyncio.run(many())
        with ThreadPoolExecutor(2) as pool:
            for lease in pool.map(lambda _: lb.acquire_blocking("acme", timeout=5).finish(), range(20)):
                assert lease
        lb.reconfigure(config(capacity=9))
        tenantry.Balancer(config()).try_acquire("acme").finish()
        return lb.stats().pools[0].in_flight == 1
    except BaseException:
        return False


def test_leaving_python_with_leases_and_waiters_out_is_quiet() -> None:
    code = """
import asyncio, tenantry, threading
lb = tenantry.Balancer({"pools": {"api": {"endpoints": ["http://a"], "capacity": 1}}, "tenants": {"acme": {}}})
lease = lb.try_acquire("acme")
threading.Thread(target=lambda: lb.acquire_blocking("acme", timeout=60), daemon=True).start()
waiting = lb.acquire("acme")
async def main():
    async def wait(): await lb.acquire("acme")
    asyncio.create_task(wait())
    await asyncio.sleep(0.01)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_panic_is_an_exception_of_python(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="a bug in tenantry"):
        _native._panic()
    assert "asked for by a test" in capfd.readouterr().err


def test_live_things_are_neither_copied_nor_pickled(make: Make) -> None:
    lb = make()
    for live in (lb, lb.try_acquire("acme"), lb.acquire("acme"), tenantry.ManualClock()):
        with pytest.raises(TypeError):
            pickle.dumps(live)
        with pytest.raises(TypeError):
            copy.copy(live)


def test_clocks_and_balancers_tell_the_time(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(config(), clock)
    clock.advance(1_500_000)
    assert (clock.now, lb.now, repr(clock)) == (1_500_000, 1_500_000, "ManualClock(now=1500000)")
    for wrong in (-1, 2**64):
        with pytest.raises(OverflowError):
            clock.advance(wrong)
    ticking = make()
    assert ticking.now <= ticking.now


def test_statistics_are_plain_and_frozen(make: Make) -> None:
    lb = make()
    with lb.try_acquire("acme"):
        stats = lb.stats()
    pool, acme = stats.pool("api"), stats.tenant("acme")
    assert pool is not None and (pool.name, pool.capacity, pool.in_flight, pool.waiting) == ("api", 8, 1, 0)
    assert acme is not None and (acme.in_flight, acme.rejected) == (1, 0)
    assert (stats.tenant("nobody"), stats.pool("none"), stats.other.id) == (None, None, "(other)")
    assert repr(lb) == "<Balancer api: 0 of 8 in flight, 0 waiting>"
    with pytest.raises(AttributeError):
        pool.capacity = 5  # type: ignore[misc]


def test_the_version_is_the_package_version() -> None:
    from importlib.metadata import version

    assert tenantry.__version__ == version("tenantry")
