"""Endpoints of one pool are changed at runtime."""

from __future__ import annotations

from typing import Any

import pytest
from support import ADDRESSES, Make

import tenantry

NEW = "http://10.0.0.3:80"


def served(lb: tenantry.Balancer) -> list[str]:
    """Who gets twelve requests, each as often as it gets one."""
    addresses = []
    for _ in range(12):
        with lb.try_acquire("acme") as lease:
            addresses.append(lease.address)
    return sorted(addresses)


def test_endpoints_are_added_reweighed_drained_and_removed_while_leases_are_out(make: Make) -> None:
    lb = make()
    held = lb.try_acquire("acme")
    lb.change_endpoints("api", {"add": [{"address": NEW, "weight": 2}], "drain": [ADDRESSES[0]]})
    assert served(lb) == [ADDRESSES[1]] * 4 + [NEW] * 8
    lb.change_endpoints("api", {"resume": (ADDRESSES[0],), "reweigh": {NEW: 0}})
    assert served(lb) == [ADDRESSES[0]] * 6 + [ADDRESSES[1]] * 6
    lb.change_endpoints("api", {"remove": [held.address, ADDRESSES[1]], "add": [{"address": NEW, "weight": 1}]})
    assert served(lb) == [NEW] * 12
    assert held.finish()
    stats = lb.pool_stats("api")
    assert stats is not None and [endpoint.address for endpoint in stats.endpoints] == [NEW]


@pytest.mark.parametrize(
    ("pool", "changes", "path"),
    [
        ("nowhere", {}, "pools.nowhere"),
        ("api", {"ad": []}, "pools.api.endpoints.ad"),
        ("api", {"drain": ADDRESSES[0]}, "pools.api.endpoints.drain"),
        ("api", {"add": [NEW, {"address": NEW, "wieght": 2}]}, "pools.api.endpoints.add[1].wieght"),
        ("api", {"add": [{"address": NEW, "weight": float("nan")}]}, "pools.api.endpoints.add[0].weight"),
        ("api", {"add": ["http://a b"]}, "pools.api.endpoints[2].address"),
        ("api", {"reweigh": {NEW: -1}}, f'pools.api.endpoints.reweigh."{NEW}"'),
        ("api", {"remove": [NEW]}, "pools.api.endpoints"),
        ("api", {"remove": [b"x"]}, "pools.api.endpoints.remove[0]"),
    ],
)
def test_a_refused_change_names_path_and_fix_and_changes_nothing(
    make: Make, pool: str, changes: dict[str, Any], path: str
) -> None:
    lb = make()
    before = lb.pool_stats("api")
    with pytest.raises(tenantry.ConfigError) as refused:
        lb.change_endpoints(pool, changes)
    assert refused.value.path == path
    assert refused.value.fix
    assert lb.pool_stats("api") == before


def test_changes_that_are_no_mapping_are_a_type_error(make: Make) -> None:
    wrong: Any
    for wrong in (None, [], "drain"):
        with pytest.raises(TypeError, match="changes: give"):
            make().change_endpoints("api", wrong)
