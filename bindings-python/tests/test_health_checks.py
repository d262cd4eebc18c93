"""Health checks that the application does."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest
from support import ADDRESSES, Make, config

import tenantry

SECOND = 1_000_000_000


def checked(**probe: Any) -> dict[str, Any]:
    document = config()
    document["pools"]["api"]["health"] = {"probe": {"custom": "ping", **probe}}
    return document


def states(lb: tenantry.Balancer) -> list[str]:
    pool = lb.pool_stats("api")
    assert pool is not None
    return [endpoint.health for endpoint in pool.endpoints]


def test_what_is_due_is_asked_and_what_fails_is_left_out(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(checked(timeout="1500ms", fall=1, rise=1), clock)
    checks = lb.health_checks()
    due = checks.due_in()
    assert due is not None and 0 <= due < 5.5
    clock.advance(6 * SECOND)
    while (check := checks.next_check()) is not None:
        assert (check.pool, check.kind, check.subject, check.timeout) == ("api", "custom", "ping", 1.5)
        assert repr(check) == f"<HealthCheck custom of {check.address} in api>"
        done = check.failed("LOADING", reason="not_serving") if check.address == ADDRESSES[0] else check.passed()
        assert (done, check.passed(), check.failed()) == (True, False, False)
    assert states(lb) == ["failing", "healthy"]
    event = {"event": "endpoint_failing", "pool": "api", "endpoint": ADDRESSES[0], "reason": "not_serving", "evidence": "LOADING", "failures": 1}
    assert lb.take_events() == [event]
    clock.advance(8 * SECOND)
    while (check := checks.next_check()) is not None:
        check.passed()
    assert states(lb) == ["healthy", "healthy"]
    assert [event["event"] for event in lb.take_events()] == ["endpoint_passing"]


def test_a_check_that_is_dropped_teaches_nothing_and_comes_again(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(checked(fall=1), clock)
    checks = lb.health_checks()
    for _ in range(5):
        clock.advance(10 * SECOND)
        assert checks.next_check() is not None
    assert states(lb) == ["healthy", "healthy"]


def test_a_check_says_all_that_its_pool_wants_asked(make: Make) -> None:
    clock = tenantry.ManualClock()
    probe: dict[str, Any] = {"http": "/healthz?deep=1", "method": "POST", "host": "api.internal", "headers": {"x-check": "1", "__proto__": "kept"}}
    document = config()
    document["pools"]["api"]["health"] = {
        "probe": {**probe, "status": [204, "300-302"], "body": "fine", "port": 8081, "scheme": "https", "server_name": "api"}
    }
    lb = make(document, clock)
    clock.advance(6 * SECOND)
    check = lb.health_checks().next_check()
    assert check is not None and check.http is not None
    assert (check.port, check.scheme, check.server_name) == (8081, "https", "api")
    http = check.http
    assert (http.method, http.path, http.host, list(http.headers.items()), http.body) == (
        "POST", "/healthz?deep=1", "api.internal", [("__proto__", "kept"), ("x-check", "1")], "fine",
    )
    assert [status for status in (-1, 200, 204, 300, 302, 303, 70_000) if http.accepts(status)] == [204, 300, 302]
    assert repr(http) == "<HttpCheck POST /healthz?deep=1>"
    assert check.passed() and check.http is not None, "it can still be read"
    lb = make(checked(), clock)
    clock.advance(6 * SECOND)
    check = lb.health_checks().next_check()
    assert check is not None
    assert (check.http, check.port, check.scheme, check.server_name) == (None, None, "as_address", None)


def test_what_makes_no_sense_is_an_error_and_leaves_the_check_open(make: Make) -> None:
    clock = tenantry.ManualClock()
    lb = make(checked(), clock)
    clock.advance(6 * SECOND)
    check = lb.health_checks().next_check()
    assert check is not None
    with pytest.raises(ValueError, match="reason: give one of timeout, connect"):
        check.failed(reason="late")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        check.failed(7)  # type: ignore[arg-type]
    assert check.passed()
    for live in (check, lb.health_checks()):
        with pytest.raises(TypeError):
            pickle.dumps(live)
    assert make().health_checks().due_in() is None


async def test_a_task_does_them_with_a_function_of_ones_own(make: Make) -> None:
    lb = make(checked(every="20ms", timeout="100ms", fall=1, rise=1))
    ill = {ADDRESSES[0]}
    running = most = 0

    async def ping(check: tenantry.HealthCheck) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(0)
            if check.address in ill:
                raise ConnectionError("gone")
        finally:
            running -= 1

    task = asyncio.create_task(tenantry.check_health(lb, ping, most_under_way=1))
    await reached(lb, ["failing", "healthy"])
    events = lb.take_events()
    assert [(event["reason"], event["evidence"]) for event in events] == [("other", "ConnectionError: gone")]
    ill.clear()
    await reached(lb, ["healthy", "healthy"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (running, most) == (0, 1)


async def test_one_that_takes_too_long_has_failed_and_cancelling_cancels_it(make: Make) -> None:
    lb = make(checked(every="20ms", timeout="50ms", fall=1))
    under_way = 0

    async def hang(check: tenantry.HealthCheck) -> None:
        nonlocal under_way
        under_way += 1
        try:
            await asyncio.sleep(3600)
        finally:
            under_way -= 1

    task = asyncio.create_task(tenantry.check_health(lb, hang))
    await reached(lb, ["failing", "failing"])
    assert {event["reason"] for event in lb.take_events()} == {"timeout"}
    while under_way == 0:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while under_way > 0:
        await asyncio.sleep(0.001)
    with pytest.raises(ValueError, match="most_under_way"):
        await tenantry.check_health(lb, hang, most_under_way=0)


async def test_without_room_for_another_check_nothing_is_done_until_one_ends(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    lb = make(checked(every="20ms", timeout="10s"))
    asked, looks, wait = asyncio.Event(), 0, asyncio.wait

    async def hang(check: tenantry.HealthCheck) -> None:
        asked.set()
        await asyncio.sleep(3600)

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal looks
        looks += 1
        return wait(*arguments, **options)

    monkeypatch.setattr(asyncio, "wait", counted)
    task = asyncio.create_task(tenantry.check_health(lb, hang, most_under_way=1))
    await asked.wait()
    await asyncio.sleep(0.2)
    # The other endpoint's check is due all the time.
    assert looks <= 2
    task.cancel()


async def reached(lb: tenantry.Balancer, wanted: list[str]) -> None:
    async def look() -> None:
        while states(lb) != wanted:
            await asyncio.sleep(0.001)

    await asyncio.wait_for(look(), 30)
