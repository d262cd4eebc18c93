"""Replays `vectors/rate-limiters.json`: the answers of redis-cell and governor, step by step, which Rust and Node replay too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tenantry

VECTORS = Path(__file__).parents[2] / "vectors" / "rate-limiters.json"
# Collected as one failing test, not as none, when the file is absent.
CASES: list[dict[str, Any]] = (
    json.loads(VECTORS.read_text(encoding="utf-8"))["cases"] if VECTORS.exists() else [{"name": "absent"}]
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_requests_are_answered_as_redis_cell_and_governor_do(case: dict[str, Any]) -> None:
    clock = tenantry.ManualClock()
    pools = {"api": {"endpoints": ["http://10.0.0.1:80"]}}
    lb = tenantry.Balancer({"pools": pools, "tenants": {"acme": {"rate": case["rate"]}}}, clock=clock)
    now = 0
    for row in case["steps"]:
        at, cost, limited, remaining, reset_after, retry_after = row
        clock.advance((at - now) * 1_000_000)
        now = at
        refusal = refused(lb, cost)
        assert (refusal is not None) == bool(limited), row
        limits = lb.limits_of("acme")
        assert limits is not None
        if remaining is not None:
            assert limits[0].remaining == remaining, row
        if reset_after is not None:
            assert limits[0].full_in == reset_after / 1_000, row
        if retry_after is not None:
            assert refusal is not None and refusal.retry_after_ns == retry_after * 1_000_000, row
        if cost > limits[0].amount:
            assert isinstance(refusal, tenantry.CostTooHigh) and refusal.retry_after is None, row


def test_there_are_cases() -> None:
    assert len(CASES) >= 11


def refused(lb: tenantry.Balancer, cost: int) -> tenantry.Rejected | None:
    """Runs a request, or says why not."""
    try:
        lb.try_acquire("acme", cost=cost).finish()
    except tenantry.Rejected as rejected:
        return rejected
    return None
