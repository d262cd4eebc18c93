"""The other side of a probe: a server that knows its own load."""

from __future__ import annotations

import gc

import pytest

import tenantry

MILLISECOND = 1_000_000


def serve(load: tenantry.ServerLoad, clock: tenantry.ManualClock, rif: int, latencies: list[int]) -> None:
    """Requests that come in when `rif` others are there, and take so many milliseconds; as Rust's own test serves them."""
    others = [load.begin() for _ in range(rif)]
    for latency in latencies:
        with load.begin():
            clock.advance(latency * MILLISECOND)
    assert all(other.abandon() for other in others)


def report(load: tenantry.ServerLoad, rif: int) -> float | None:
    others = [load.begin() for _ in range(rif)]
    found = load.report()
    assert found == tenantry.ProbeReport(rif, found.latency)
    del others
    return found.latency


def test_reports_the_median_of_those_that_came_at_the_load_of_now() -> None:
    clock = tenantry.ManualClock()
    load = tenantry.ServerLoad(clock)
    serve(load, clock, 0, [10, 11, 12, 13, 99])
    serve(load, clock, 8, [50, 60, 70, 80, 90])
    assert [report(load, rif) for rif in (0, 8, 7, 2, 40)] == [0.012, 0.07, 0.07, 0.012, None]
    clock.advance(6_000 * MILLISECOND)
    assert report(load, 0) is None


def test_a_request_is_over_once_however_it_ends() -> None:
    clock = tenantry.ManualClock()
    load = tenantry.ServerLoad(clock)
    begun = load.begin()
    assert load.report().rif == 1
    assert (begun.end(), begun.end(), begun.abandon()) == (True, False, False)
    with pytest.raises(LookupError), load.begin():
        clock.advance(50 * MILLISECOND)
        raise LookupError
    with load.begin() as begun:
        assert begun.abandon()
    dropped = load.begin()
    assert load.report().rif == 1
    del dropped
    gc.collect()
    assert load.report() == tenantry.ProbeReport(rif=0, latency=0.0), "of what broke off no latency is told"


def test_by_the_machines_clock_it_tells_seconds() -> None:
    load = tenantry.ServerLoad()
    with load.begin():
        pass
    latency = load.report().latency
    assert latency is not None and 0 <= latency < 60
    with pytest.raises(TypeError):
        tenantry.ServerLoad(7)  # type: ignore[arg-type]
