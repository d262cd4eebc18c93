"""Fixtures."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from support import Make, at_rest, config

import tenantry


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes balancers, and looks at the end whether they have everything back."""
    made: list[tenantry.Balancer] = []

    def build(document: dict[str, Any] | None = None, clock: tenantry.ManualClock | None = None) -> tenantry.Balancer:
        made.append(tenantry.Balancer(config() if document is None else document, clock=clock))
        return made[-1]

    yield build
    gc.collect()
    for lb in made:
        at_rest(lb)
