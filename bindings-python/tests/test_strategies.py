"""Strategies that are functions, and load reports."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from support import ADDRESSES, at_rest, config

import tenantry


def with_strategy(strategy: Any) -> dict[str, Any]:
    document = config()
    document["pools"]["api"]["strategy"] = strategy
    return document


def test_a_function_picks_and_sees_the_candidates() -> None:
    seen: list[tuple[list[str], bytes | None]] = []

    def last(candidates: list[tenantry.Candidate], key: bytes | None) -> int:
        seen.append(([one.address for one in candidates], key))
        assert all(one.usable and one.weight == 1 and one.in_flight == 0 for one in candidates)
        return len(candidates) - 1

    lb = tenantry.Balancer(with_strategy(last))
    with lb.try_acquire("acme", key="user-7") as lease:
        assert lease.address == ADDRESSES[-1]
    assert seen == [(list(ADDRESSES), b"user-7")]
    at_rest(lb)


def test_a_function_sees_what_distinguishes_one_pick_from_the_next() -> None:
    def picks() -> list[tuple[int, int, bool]]:
        seen: list[tuple[int, int, bool]] = []

        def drawn(candidates: tenantry.Candidates, key: bytes | None) -> int:
            assert isinstance(candidates, list) and candidates[0] is candidates[:1][0]
            seen.append((candidates.turn, candidates.draw, candidates.waited))
            return candidates.draw % len(candidates)

        lb = tenantry.Balancer(with_strategy(drawn))
        served = [lb.try_acquire("acme").address for _ in range(5)]
        assert served == [ADDRESSES[draw % 2] for _, draw, _ in seen]
        return seen

    first = picks()
    assert [turn for turn, _, _ in first] == list(range(first[0][0], first[0][0] + 5))
    assert len({draw for _, draw, _ in first}) == 5 and all(0 <= draw < 2**64 for _, draw, _ in first)
    assert not any(waited for _, _, waited in first)
    assert picks() == first, "the seed replays"


async def test_a_function_is_told_who_has_waited() -> None:
    seen: list[bool] = []

    def first(candidates: tenantry.Candidates, key: bytes | None) -> int:
        seen.append(candidates.waited)
        return 0

    document = config(capacity=1)
    document["pools"]["api"]["strategy"] = first
    lb = tenantry.Balancer(document)
    one, other = lb.try_acquire("acme"), lb.acquire("acme")
    one.finish()
    (await other).finish()
    assert seen == [False, True]
    at_rest(lb)


def test_an_exception_is_reported_and_the_request_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: reported.append(unraisable.exc_value))

    def broken(candidates: list[tenantry.Candidate], key: bytes | None) -> int:
        raise LookupError("nobody")

    lb = tenantry.Balancer(with_strategy(broken))
    with lb.try_acquire("acme") as lease:
        assert lease.address in ADDRESSES
    assert [str(error) for error in reported] == ["nobody"]
    at_rest(lb)


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_is_to_end_the_program_comes_out_of_the_call_that_asks(end: type[BaseException]) -> None:
    ending: list[type[BaseException]] = []

    def interrupted(candidates: list[tenantry.Candidate], key: bytes | None) -> int:
        if ending:
            raise ending.pop()
        return 0

    lb = tenantry.Balancer(with_strategy(interrupted))
    ending.append(end)
    with pytest.raises(end):
        lb.try_acquire("acme")
    at_rest(lb)
    with lb.try_acquire("acme") as lease:
        assert lease.address == ADDRESSES[0]

    async def asked() -> None:
        ending.append(end)
        with pytest.raises(end):
            await lb.acquire("acme")

    asyncio.run(asked())
    at_rest(lb)


@pytest.mark.parametrize("answer", [None, 7, -1])
def test_an_answer_that_is_no_candidate_falls_back(answer: int | None) -> None:
    lb = tenantry.Balancer(with_strategy(lambda candidates, key: answer))
    with lb.try_acquire("acme") as lease:
        assert lease.address in ADDRESSES
    at_rest(lb)


def test_a_function_may_ask_the_balancer_that_asks_it() -> None:
    balancers: list[tenantry.Balancer] = []

    def nested(candidates: list[tenantry.Candidate], key: bytes | None) -> int:
        if key is None:
            balancers[0].try_acquire("globex", key=b"inner").finish()
            balancers[0].stats()
        return 0

    balancers.append(tenantry.Balancer(with_strategy(nested)))
    with balancers[0].try_acquire("acme") as lease:
        assert lease.address == ADDRESSES[0]
    at_rest(balancers[0])
    balancers[0].reconfigure(config())


def test_a_load_report_is_read_and_a_bad_one_refused() -> None:
    lb = tenantry.Balancer(with_strategy({"kind": "least_loaded", "load": "reported"}))
    picks = []
    for _ in range(20):
        lease = lb.try_acquire("acme")
        picks.append(lease.address)
        busy = 0.9 if lease.address == ADDRESSES[0] else 0.3
        assert lease.report_load(f"TEXT cpu_utilization:{busy}")
        with pytest.raises(ValueError, match="number"):
            lease.report_load(b"TEXT cpu_utilization:nan")
        lease.finish()
        assert not lease.report_load("TEXT cpu_utilization:0.1")
    assert picks.count(ADDRESSES[1]) >= 18


async def test_where_endpoints_have_limits_as_many_are_picked_for_as_these_let_in_and_the_others_wait_on() -> None:
    clock = tenantry.ManualClock()
    endpoints = [{"address": address, "rate": "1/s"} for address in ADDRESSES]
    pool = {"endpoints": endpoints, "strategy": lambda candidates, key: 0, "queue": {"timeout": "1h"}, "capacity": 8}
    lb = tenantry.Balancer({"pools": {"api": pool}, "tenants": {"acme": {}}}, clock=clock)
    for _ in range(2):
        lb.try_acquire("acme").finish()
    served: list[str] = []

    async def one() -> None:
        async with lb.acquire("acme") as lease:
            served.append(lease.address)

    tasks = [asyncio.create_task(one()) for _ in range(6)]
    for left in (4, 2, 0):
        await asyncio.sleep(0)
        clock.advance(1_000_000_000)
        for _ in range(100):
            await asyncio.sleep(0)
        assert sorted(served) == sorted(ADDRESSES)
        assert sum(not task.done() for task in tasks) == left
        served.clear()
    await asyncio.gather(*tasks)
    at_rest(lb)
