"""One check of a tenant's rate from Python, beside `limits` and `pyrate-limiter` in memory.

    pip install -r benches/requirements.txt
    python benches/checks.py [--keys 10 10000] [--rounds 21]

Every case asks for the same keys, drawn evenly from all of them, in each round, so that a slow or a fast minute of the machine meets all of them. Told are the
medians over the rounds, without the empty loop, and the medians of the quotients within rounds. No limit is ever reached.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter_ns

import limits
import limits.storage
import limits.strategies
import pyrate_limiter as pyrate

import tenantry

PER_SECOND = 10_000_000
OPERATIONS = 2_000

Check = Callable[[str], object]


def ours(keys: list[str]) -> tuple[str, Check]:
    rate = {"requests": PER_SECOND, "per": "1s"}
    lb = tenantry.Balancer(
        {
            "pools": {"api": {"endpoints": ["http://10.0.0.1:80"], "capacity": 1000}},
            "tenants": {key: {"rate": rate} for key in keys},
        }
    )
    if hasattr(lb, "check"):
        return "tenantry check", lb.check
    return "tenantry try_acquire + finish", lambda key: lb.try_acquire(key).finish()


def of_limits(strategy: type[limits.strategies.RateLimiter]) -> Check:
    limiter = strategy(limits.storage.MemoryStorage())
    item = limits.RateLimitItemPerSecond(PER_SECOND)
    return lambda key: limiter.hit(item, key)


class Buckets(pyrate.BucketFactory):  # type: ignore[misc]
    """A bucket for each key, as the peer's documentation shows."""

    def __init__(self, keys: list[str]) -> None:
        self.clock = pyrate.MonotonicClock()
        self.buckets = {key: pyrate.InMemoryBucket([pyrate.Rate(PER_SECOND, pyrate.Duration.SECOND)]) for key in keys}

    def wrap_item(self, name: str, weight: int = 1) -> pyrate.RateItem:
        return pyrate.RateItem(name, self.clock.now(), weight=weight)

    def get(self, item: pyrate.RateItem) -> pyrate.AbstractBucket:
        return self.buckets[item.name]


def of_pyrate(keys: list[str]) -> Check:
    limiter = pyrate.Limiter(Buckets(keys))
    return lambda key: limiter.try_acquire(key, blocking=False)


def empty(key: str) -> None:
    pass


def timed(check: Check, asked: list[str]) -> float:
    started = perf_counter_ns()
    for key in asked:
        check(key)
    return (perf_counter_ns() - started) / len(asked)


def measure(count: int, rounds: int) -> None:
    keys = [f"tenant-{number:09}" for number in range(count)]
    name, check = ours(keys)
    strategies = limits.strategies
    cases: dict[str, Check] = {
        name: check,
        "limits, fixed window": of_limits(strategies.FixedWindowRateLimiter),
        "limits, moving window": of_limits(strategies.MovingWindowRateLimiter),
        "limits, sliding window counter": of_limits(strategies.SlidingWindowCounterRateLimiter),
        "pyrate-limiter, a bucket each": of_pyrate(keys),
    }
    samples: dict[str, list[float]] = {name: [] for name in cases}
    draw = random.Random(1)
    for number in range(rounds + 2):
        asked = draw.choices(keys, k=OPERATIONS)
        base = timed(empty, asked)
        for case, check in cases.items():
            taken = timed(check, asked) - base
            # The first two rounds warm up.
            if number >= 2:
                samples[case].append(taken)
    print(f"\n{count} keys{'':44}ns   to tenantry")
    for case, values in samples.items():
        ratio = median(value / own for value, own in zip(values, samples[name], strict=True))
        print(f"{case:46}{median(values):8.0f}{ratio:12.1f}×")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=int, nargs="+", default=[10, 10_000])
    parser.add_argument("--rounds", type=int, default=21)
    arguments = parser.parse_args()
    gc.disable()
    print(f"Python {sys.version.split()[0]}, median of {arguments.rounds} interleaved rounds of {OPERATIONS}, ns per check")
    for count in arguments.keys:
        measure(count, arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
