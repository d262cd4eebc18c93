"""Endpoints that the application finds."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support import ADDRESSES, Make, config

import tenantry

SECOND = 1_000_000_000


def broken() -> Iterator[str]:
    yield "http://10.0.0.3:80"
    raise OSError("broken off")


def addresses(lb: tenantry.Balancer) -> list[str]:
    pool = lb.pool_stats("api")
    assert pool is not None
    return [endpoint.address for endpoint in pool.endpoints]


def test_what_is_found_becomes_the_pools_beside_what_it_names(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(None, clock)
    discovery = lb.discovery("api", "dns api.internal", jitter=0.0)
    assert discovery.due_in() == 0.0
    clock.advance(7)
    discovery.found({"http://10.0.0.3:80"}, ttl=60.0)
    discovery.found(["http://10.0.0.3:80", {"address": "http://10.0.0.4:80", "weight": 3}], ttl=60.0)
    assert addresses(lb) == [*ADDRESSES, "http://10.0.0.3:80", "http://10.0.0.4:80"]
    discovery.found((address for address in ["http://10.0.0.4:80"]), ttl=0.0)
    assert addresses(lb) == [*ADDRESSES, "http://10.0.0.4:80"]
    assert discovery.due_in() == 5.0, "the floor"
    expected = tenantry.DiscoveryStatus(
        pool="api", source="dns api.internal", endpoints=1, last_success=7, last_failure=None, failures=0, next_refresh=7 + 5 * SECOND
    )
    assert discovery.status() == expected and lb.discoveries() == (expected,)
    events = [(event["event"], event["added"], event["removed"], event["endpoints"]) for event in lb.take_events()]
    assert events == [("endpoints_discovered", 1, 0, 3), ("endpoints_discovered", 1, 0, 4), ("endpoints_discovered", 0, 1, 3)]
    lb.reconfigure(config())
    assert addresses(lb) == [*ADDRESSES, "http://10.0.0.4:80"], "another configuration does not take away what was found"


def test_failures_change_nothing_are_seen_and_back_off(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(None, clock)
    discovery = lb.discovery("api", "file", jitter=0.0, first_retry=2.0, longest_retry=3.0)
    discovery.found(["http://10.0.0.3:80"], ttl=None)
    waits = []
    for _ in range(3):
        discovery.failed("gone")
        waits.append(discovery.due_in())
    assert waits == [2.0, 3.0, 3.0]
    status = discovery.status()
    assert status is not None and status.last_failure == tenantry.DiscoveryFailure(at=0, problem="gone")
    assert (status.failures, status.last_success) == (3, 0)
    discovery.found(["http://10.0.0.3:80"], ttl=None)
    discovery.note("one of two name servers is silent")
    status = discovery.status()
    assert status is not None and status.failures == 0 and status.last_failure is not None
    assert status.last_failure.problem == "one of two name servers is silent"
    assert discovery.due_in() == 0.0, "the source itself waits"
    kinds = ["endpoints_discovered", "discovery_failed", "discovery_recovered"]
    assert [event["event"] for event in lb.take_events()] == kinds
    assert addresses(lb) == [*ADDRESSES, "http://10.0.0.3:80"]


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        ([], tenantry.ConfigError, "an empty answer leaves the pool as it is"),
        (["a", "b", "c"], tenantry.ConfigError, "find at most 2"),
        ([{"adress": "a"}], tenantry.ConfigError, r"^pools\.api\.endpoints\[0\]\.adress"),
        ([{"address": "a", "weight": float("nan")}], tenantry.ConfigError, r"^pools\.api\.endpoints\[0\]\.weight: nan cannot be used"),
        (["a", "a"], tenantry.ConfigError, r"^pools\.api\.endpoints\[1\]\.address"),
        (broken, OSError, "broken off"),
        ("http://10.0.0.3:80", TypeError, "endpoints: give a list of addresses or endpoints, not str"),
        (7, TypeError, "endpoints: give a list of addresses or endpoints, not int"),
    ],
)
def test_an_answer_that_cannot_be_used_is_an_error_and_a_failure(make: Make, answer: Any, error: type[Exception], told: str) -> None:
    lb = make()
    discovery = lb.discovery("api", "file", most_endpoints=2)
    with pytest.raises(error, match=told):
        discovery.found(answer() if callable(answer) else answer, ttl=60.0)
    status = discovery.status()
    assert status is not None and status.failures == 1 and status.last_failure is not None
    assert addresses(lb) == list(ADDRESSES)
    wait = discovery.due_in()
    assert wait is not None and wait > 0.5, "nobody asks in a circle"


@pytest.mark.parametrize(
    ("ttl", "error", "told"),
    [
        (float("nan"), ValueError, "ttl: give finite seconds of zero or more, not NaN"),
        (float("inf"), ValueError, "ttl: give finite seconds of zero or more, not inf"),
        (-1, ValueError, "ttl: give finite seconds of zero or more, not -1"),
        ("60", TypeError, "ttl: give seconds or None, not str"),
    ],
)
def test_an_answer_with_a_time_that_is_none_is_an_error_and_a_failure(make: Make, ttl: Any, error: type[Exception], told: str) -> None:
    discovery = make().discovery("api", "file")
    with pytest.raises(error, match=told):
        discovery.found(["http://10.0.0.3:80"], ttl=ttl)
    status = discovery.status()
    assert status is not None and status.failures == 1
    assert status.last_failure is not None and status.last_failure.problem == told


def test_of_a_problem_256_characters_are_kept(make: Make) -> None:
    discovery = make().discovery("api", "file")
    for tell in (discovery.failed, discovery.note):
        tell("é" * 300)
        status = discovery.status()
        assert status is not None and status.last_failure is not None and status.last_failure.problem == "é" * 256
        tell("")


def test_settings_out_of_their_bounds_and_pools_that_are_none_are_errors(make: Make) -> None:
    lb = make()
    wrong: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (tenantry.ConfigError, "discovery.ceiling", {"ceiling": 1.0}),
        (ValueError, "jitter: give a share from 0 to 1, not 2", {"jitter": 2.0}),
        (ValueError, "jitter: give a share from 0 to 1, not NaN", {"jitter": float("nan")}),
        (ValueError, "jitter: give a share from 0 to 1, not -0.5", {"jitter": -0.5}),
        (ValueError, "most_endpoints: give a whole number from 1 to 1000000, not 0", {"most_endpoints": 0}),
        (ValueError, "most_endpoints: give a whole number from 1 to 1000000, not -1", {"most_endpoints": -1}),
        (ValueError, "most_endpoints: give a whole number from 1 to 1000000, not 1000001", {"most_endpoints": 1_000_001}),
        (ValueError, "floor: give finite seconds of zero or more, not -1", {"floor": -1.0}),
    ]
    for error, told, settings in wrong:
        with pytest.raises(error, match=told):
            lb.discovery("api", "file", **settings)
    with pytest.raises(tenantry.ConfigError, match="pools.none"):
        lb.discovery("none", "file")
    lb.discovery("api", "file", may_empty=True).found([], ttl=None)


def test_one_that_is_closed_or_dropped_hears_nothing_and_does_not_keep_its_balancer(make: Make) -> None:
    lb = make()
    discovery = lb.discovery("api", "file")
    discovery.found(["http://10.0.0.3:80"], ttl=None)
    assert (discovery.close(), discovery.close()) == (True, False)
    discovery.found(["http://10.0.0.4:80"], ttl=None)
    never_read: Any = 7
    discovery.found(never_read, ttl=float("nan"))
    discovery.found(broken(), ttl=None)
    discovery.failed("gone")
    assert (discovery.due_in(), discovery.status(), lb.discoveries()) == (None, None, ())
    assert addresses(lb) == [*ADDRESSES, "http://10.0.0.3:80"], "it stays"
    lb.reconfigure(config())
    assert addresses(lb) == list(ADDRESSES)
    with lb.discovery("api", "file") as block:
        assert block.due_in() == 0.0 and len(lb.discoveries()) == 1
    assert (lb.discoveries(), block.close()) == ((), False)
    with pytest.raises(KeyError), lb.discovery("api", "file"):
        raise KeyError
    assert lb.discoveries() == ()
    dropped = lb.discovery("api", "file")
    assert len(lb.discoveries()) == 1
    del dropped
    gc.collect()
    assert lb.discoveries() == ()
    orphan = tenantry.Balancer(config()).discovery("api", "file")
    gc.collect()
    orphan.found(["a"], ttl=None)
    orphan.found(never_read, ttl=None)
    assert (orphan.due_in(), orphan.status()) == (None, None)


async def test_who_waits_for_an_endpoint_is_woken_by_one_that_is_found_on_any_thread() -> None:
    endpoint = {"address": "a", "rate": {"requests": 1, "per": "10m"}}
    pool = {"endpoints": [endpoint], "capacity": 8, "queue": {"timeout": "1h"}}
    lb = tenantry.Balancer({"pools": {"api": pool}, "tenants": {"acme": {}}})
    lb.try_acquire("acme").finish()
    discovery = lb.discovery("api", "file")

    async def one() -> str:
        async with lb.acquire("acme") as lease:
            return lease.address

    for elsewhere in (True, False):
        task = asyncio.create_task(one())
        # Whoever is woken may call back in the midst of it: nothing is locked then.
        task.add_done_callback(lambda _: discovery.note("woken"))
        await asyncio.sleep(0)
        answer = [{"address": f"http://10.0.0.{3 + elsewhere}:80", "rate": {"requests": 1, "per": "10m"}}]
        if elsewhere:
            threading.Thread(target=lambda: discovery.found(answer, ttl=60.0)).start()
        else:
            discovery.found(answer, ttl=60.0)
        assert await asyncio.wait_for(task, 30) == answer[0]["address"]
    status = discovery.status()
    assert status is not None and status.last_failure is not None and status.last_failure.problem == "woken"


def test_a_waker_that_calls_back_finds_nothing_locked() -> None:
    """A loop of one's own may do anything when it is woken. In a process of its own: a thread that waits for a lock with the GIL in hand holds all others, too."""
    code = """
import asyncio, tenantry
lb = tenantry.Balancer({"pools": {"api": {"endpoints": [{"address": "a", "rate": {"requests": 1, "per": "10m"}}]}}, "tenants": {"acme": {}}})
lb.try_acquire("acme").finish()
discovery = lb.discovery("api", "file")
heard = []

class Loop(asyncio.SelectorEventLoop):
    def call_soon(self, callback, *args, context=None):
        heard.append(discovery.status().endpoints)
        return super().call_soon(callback, *args, context=context)

async def run():
    async def one(): return await lb.acquire("acme", timeout=3600.0)
    acquire = asyncio.ensure_future(one())
    await asyncio.sleep(0)
    discovery.found(["http://10.0.0.1:80"], ttl=60.0)
    (await asyncio.wait_for(acquire, 30)).finish()

loop = Loop()
loop.run_until_complete(run())
loop.close()
print(sorted(set(heard)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0, 1]\n", "")
