"""Replays `vectors/backoff.json`: the waits of an independent model, which Rust and Node replay too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tenantry

VECTORS = Path(__file__).parents[2] / "vectors" / "backoff.json"


def test_waits_are_those_of_an_independent_model() -> None:
    rows = json.loads(VECTORS.read_text(encoding="utf-8"))["waits"]
    assert len(rows) >= 66
    for row in rows:
        base, cap, seed, retry, request, bound, wait = map(int, row)
        backoff = tenantry.Backoff(base / 1e9, cap / 1e9, seed=seed)
        assert round(backoff.bound(retry) * 1e9) == bound, row
        assert round(backoff.wait(retry, request) * 1e9) == wait, row


def test_what_is_left_out_is_the_cores_default() -> None:
    backoff = tenantry.Backoff()
    assert [backoff.bound(retry) for retry in (1, 2, 4, 5, 9)] == [0.025, 0.05, 0.2, 0.25, 0.25]
    assert backoff.wait(3, 42) == tenantry.Backoff(0.025, 0.25, seed=0).wait(3, 42)
    assert tenantry.Backoff(0, 0).wait(9, 9) == 0
    assert repr(backoff) == "<Backoff from 25ms up to 250ms>"


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: tenantry.Backoff(-1), ValueError, "base: give finite seconds of zero or more, not -1"),
        (lambda: tenantry.Backoff(0.1, float("inf")), ValueError, "cap: give finite seconds of zero or more, not inf"),
        (lambda: tenantry.Backoff(seed=-1), OverflowError, r"seed: give a whole number from 0 to 2\*\*64 - 1"),
        (lambda: tenantry.Backoff().bound(0), ValueError, r"retry: give a number from 1 \(the first\) to 4294967295, not 0"),
        (lambda: tenantry.Backoff().wait(0, 1), ValueError, r"retry: give a number from 1 \(the first\)"),
        (lambda: tenantry.Backoff().bound(-1), ValueError, r"retry: give a number from 1 \(the first\) to 4294967295, not -1"),
        (lambda: tenantry.Backoff().wait(1, -1), OverflowError, r"request: give a whole number from 0 to 2\*\*64 - 1"),
        (lambda: tenantry.Backoff().wait(1, "a"), TypeError, r"request: give a whole number from 0 to 2\*\*64 - 1, not str"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense_is_an_error_that_names_it(make: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        make()
