"""Replays nginx's and Envoy's answers for strategies by keys, which Rust and Node replay too."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import tenantry

VECTORS = Path(__file__).parents[2] / "vectors"


def balancer(strategy: Any, endpoints: list[Any]) -> tenantry.Balancer:
    pool = {"strategy": strategy, "capacity": 100_000, "endpoints": endpoints}
    return tenantry.Balancer({"pools": {"api": pool}, "tenants": {"acme": {}}})


def address(lb: tenantry.Balancer, key: str | bytes) -> str:
    with lb.try_acquire("acme", key=key) as lease:
        return lease.address


def server(port: int, weight: int = 1) -> dict[str, Any]:
    return {"address": f"http://127.0.0.1:{port}", "weight": weight}


def captured() -> list[dict[str, str]]:
    with (VECTORS / "nginx-ketama.csv").open(encoding="utf-8", newline="") as capture:
        rows = list(csv.DictReader(capture))
    assert len(rows) == 2_000
    return rows


@pytest.mark.parametrize(
    ("column", "endpoints"),
    [
        ("eq5", [server(port) for port in range(19_001, 19_006)]),
        ("w125", [server(19_001), server(19_002, 2), server(19_003, 5)]),
        ("eq5_rm3", [server(port) for port in (19_001, 19_002, 19_004, 19_005)]),
    ],
)
def test_every_captured_key_goes_where_nginx_sends_it(column: str, endpoints: list[Any]) -> None:
    lb = balancer("ketama", endpoints)
    for row in captured():
        assert address(lb, row["key"]) == f"http://127.0.0.1:{row[column]}", row
        assert address(lb, row["key"].encode()) == f"http://127.0.0.1:{row[column]}", row


@pytest.mark.parametrize(("away", "back"), [("remove", "add"), ("drain", "resume")])
def test_the_keys_of_an_endpoint_that_goes_move_as_nginx_moves_them_and_come_back(away: str, back: str) -> None:
    lb = balancer("ketama", [server(port) for port in range(19_001, 19_006)])
    for change, column in ((away, "eq5_rm3"), (back, "eq5")):
        lb.change_endpoints("api", {change: ["http://127.0.0.1:19003"]})
        for row in captured():
            assert address(lb, row["key"]) == f"http://127.0.0.1:{row[column]}", row


def test_every_key_goes_where_envoys_figures_put_its_hash() -> None:
    cases = json.loads((VECTORS / "envoy-picks.json").read_text(encoding="utf-8"))["cases"]
    assert sum(len(case["picks"]) for case in cases) >= 900
    for case in cases:
        lb = balancer(case["strategy"], case["endpoints"])
        for key, _, expected in case["picks"]:
            assert address(lb, key) == expected, (case["name"], key)


def test_a_bound_on_the_load_spreads_a_hot_key() -> None:
    lb = balancer({"kind": "maglev", "bounded": "125%"}, [server(port) for port in range(5)])
    held = [lb.try_acquire("acme", key="hot") for _ in range(48)]
    loads = [sum(lease.address == server(port)["address"] for lease in held) for port in range(5)]
    assert sorted(loads) == [0, 12, 12, 12, 12]


def test_a_table_that_is_no_prime_is_refused_with_the_next_prime() -> None:
    with pytest.raises(tenantry.ConfigError) as refused:
        balancer({"kind": "maglev", "size": 65536}, [server(1)])
    assert refused.value.path == "pools.api.strategy.size"
    assert "65537" in refused.value.fix
