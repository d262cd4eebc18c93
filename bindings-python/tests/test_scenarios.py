"""Replays `vectors/scenarios.json`, which Rust and Node replay too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import at_rest

import tenantry

VECTORS = Path(__file__).parents[2] / "vectors" / "scenarios.json"
# Collected as one failing test, not as none, when the file is absent.
SCENARIOS: list[dict[str, Any]] = (
    json.loads(VECTORS.read_text(encoding="utf-8"))["scenarios"] if VECTORS.exists() else [{"name": "absent"}]
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_the_answers_are_the_recorded_ones(scenario: dict[str, Any]) -> None:
    assert VECTORS.exists(), "vectors/scenarios.json is part of the repository"
    replay = Replay(scenario["config"], scenario.get("unix_s", 0))
    for number, step in enumerate(scenario["steps"]):
        assert replay.take(step) == step.get("expect"), (number, step)
    at_rest(replay.lb)
    assert not replay.waiting


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 20


class Replay:
    """A balancer, and what the scenario has named."""

    def __init__(self, config: dict[str, Any], unix: int) -> None:
        self.clock = tenantry.ManualClock(unix=unix)
        self.lb = tenantry.Balancer(config, clock=self.clock)
        self.leases: dict[str, tenantry.Lease] = {}
        self.waiting: dict[str, tenantry.Acquire] = {}

    def take(self, step: dict[str, Any]) -> Any:
        """Takes one step; what came of it."""
        match step:
            case {"advance_ns": nanoseconds}:
                self.clock.advance(nanoseconds)
                return None
            case {"acquire": request}:
                return self.try_acquire(request, step.get("as", "unnamed"))
            case {"wait": request, "as": name}:
                timeout = request.get("timeout_ns")
                seconds = None if timeout is None else timeout / 1e9
                self.waiting[name] = self.lb.acquire(request["tenant"], **options(request), timeout=seconds)
                return None
            case {"poll": name}:
                return self.poll(name)
            case {"finish": name}:
                return self.finish(name, step)
            case {"first_byte": name}:
                assert self.leases[name].first_byte()
                return None
            case {"drop": name}:
                # The last reference; whichever it is.
                assert (self.leases.pop(name, None) or self.waiting.pop(name, None)) is not None
                return None
            case {"check": request}:
                return self.check(request)
            case {"report": name, "amounts": amounts}:
                return self.report(name, amounts)
            case {"limits": tenant}:
                return [[limit.unit, limit.used] for limit in self.lb.limits_of(tenant) or ()]
            case {"set_tenant": tenant, "spec": spec}:
                return updated(lambda: self.lb.set_tenant(tenant, spec))
            case {"change_endpoints": pool, "changes": changes}:
                return updated(lambda: self.lb.change_endpoints(pool, changes))
            case {"token": name}:
                return self.leases[name].affinity_token
            case {"remove_tenant": tenant}:
                return updated(lambda: self.lb.remove_tenant(tenant))
            case {"reconfigure": config}:
                return updated(lambda: self.lb.reconfigure(config))
        raise AssertionError(f"no such step: {step}")

    def try_acquire(self, request: dict[str, Any], name: str) -> Any:
        try:
            lease = self.lb.try_acquire(request["tenant"], **options(request))
        except tenantry.Rejected as rejected:
            return refusal(rejected)
        self.leases[name] = lease
        return {"endpoint": lease.address}

    def poll(self, name: str) -> Any:
        try:
            lease = self.waiting[name].poll()
        except tenantry.Rejected as rejected:
            del self.waiting[name]
            return refusal(rejected)
        if lease is None:
            return "pending"
        del self.waiting[name]
        self.leases[name] = lease
        return {"endpoint": lease.address}

    def finish(self, name: str, step: dict[str, Any]) -> None:
        latency, retry_after = step.get("latency_ns"), step.get("retry_after_ns")
        finished = self.leases.pop(name).finish(
            step["outcome"],
            cost=step.get("cost"),
            latency=None if latency is None else latency / 1e9,
            retry_after=None if retry_after is None else retry_after / 1e9,
            amounts=step.get("amounts"),
        )
        assert finished

    def check(self, request: dict[str, Any]) -> Any:
        try:
            self.lb.check(request["tenant"], **options(request))
        except tenantry.Rejected as rejected:
            return refusal(rejected)
        return "ok"

    def report(self, name: str, amounts: dict[str, int]) -> Any:
        try:
            for dimension, amount in amounts.items():
                assert self.leases[name].report(dimension, amount)
        except tenantry.Rejected as rejected:
            return refusal(rejected)
        return None


def updated(update: Callable[[], bool | None]) -> Any:
    """What an update has done, or where it is wrong."""
    try:
        done = update()
    except tenantry.ConfigError as refused:
        return {"path": refused.path}
    return "ok" if done is None else done


def options(request: dict[str, Any]) -> dict[str, Any]:
    """The request's keyword arguments."""
    names = ("pool", "key", "cost", "priority", "seats", "attempt", "amounts", "affinity", "prefer")
    return {name: request[name] for name in names if name in request}


def refusal(rejected: tenantry.Rejected) -> dict[str, Any]:
    """As the scenarios write it."""
    if rejected.retry_after_ns is None:
        return {"rejection": rejected.code}
    return {"rejection": rejected.code, "retry_after_ns": rejected.retry_after_ns}
