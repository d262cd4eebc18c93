"""Bad configurations say where, what and how to put it right; they change nothing."""

from __future__ import annotations

import json
from collections import ChainMap
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from support import ADDRESSES, Make, config

import tenantry


def changed(*keys: Any, value: Any) -> dict[str, Any]:
    """The usual configuration with one value put in."""
    document: dict[str, Any] = config()
    place: Any = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return document


BROKEN: list[tuple[dict[str, Any], str, str]] = [
    (changed("pool", value={}), "pool", "{}"),
    (changed("pools", "api", "capacty", value=8), "pools.api.capacty", "8"),
    (changed("pools", "api", "capacity", value=0), "pools.api.capacity", "0"),
    (changed("pools", "api", "capacity", value="lots"), "pools.api.capacity", '"lots"'),
    (changed("pools", "api", "strategy", value="fastest"), "pools.api.strategy", '"fastest"'),
    (changed("pools", "api", "endpoints", value=5), "pools.api.endpoints", "5"),
    (changed("pools", "api", "endpoints", 1, value={"address": "http://b", "weight": -1}), "pools.api.endpoints[1].weight", "-1"),
    (changed("tenants", "acme", "rate", value="fast"), "tenants.acme.rate", '"fast"'),
    (changed("tenants", "acme", "pools", value=["apl"]), "tenants.acme.pools[0]", '"apl"'),
    (changed("tenants", "acme", "weight", value=-1), "tenants.acme.weight", "-1"),
    (changed("tenants", "a b", value={"weight": True}), 'tenants."a b".weight', "true"),
    (changed("unknown_tenants", value={"template": "none", "max": 5}), "unknown_tenants.template", '"none"'),
    (changed("seed", value=10**30), "seed", ""),
    # What JSON cannot say never reaches the core.
    (changed("seed", value=float("nan")), "seed", "nan"),
    (changed("tenants", "a b", value={"weight": timedelta(1)}), 'tenants."a b".weight', "datetime.timedelta(days=1)"),
    (changed("pools", "api", "endpoints", value={"http://a"}), "pools.api.endpoints", "{'http://a'}"),
    (changed("pools", "api", "endpoints", 0, value=b"http://a"), "pools.api.endpoints[0]", "b'http://a'"),
    (changed("tenants", 5, value={}), "tenants", "5"),
]


@pytest.mark.parametrize(("document", "path", "value"), BROKEN, ids=[path for _, path, _ in BROKEN])
def test_a_bad_value_is_named_with_its_place_and_the_fix(document: dict[str, Any], path: str, value: str) -> None:
    with pytest.raises(tenantry.ConfigError) as caught:
        tenantry.Balancer(document)
    error = caught.value
    assert isinstance(error, ValueError)
    assert error.path == path
    assert value in error.value
    assert error.fix
    assert str(error) == f"{error.path}: {error.value} cannot be used: {error.fix}"


@pytest.mark.parametrize(("document", "path", "value"), BROKEN, ids=[path for _, path, _ in BROKEN])
def test_a_refused_reconfigure_changes_nothing(make: Make, document: dict[str, Any], path: str, value: str) -> None:
    lb = make(config(capacity=3))
    with lb.try_acquire("acme"):
        before = lb.stats()
        with pytest.raises(tenantry.ConfigError) as caught:
            lb.reconfigure(document)
        assert (caught.value.path, lb.stats()) == (path, before)


def test_cycles_and_depth_are_errors_not_crashes() -> None:
    cycle: dict[str, Any] = {}
    cycle["pools"] = cycle
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    for document in (cycle, {"pools": deep}):
        with pytest.raises(tenantry.ConfigError, match="levels deep"):
            tenantry.Balancer(document)


@pytest.mark.parametrize("document", [None, 5, "pools", ["pools"], b"{}"])
def test_a_configuration_is_a_mapping(make: Make, document: Any) -> None:
    with pytest.raises(TypeError, match="as a mapping"):
        tenantry.Balancer(document)
    with pytest.raises(TypeError, match="as a mapping"):
        make().reconfigure(document)


def test_any_mapping_and_sequence_will_do() -> None:
    pool = MappingProxyType({"endpoints": tuple(ADDRESSES), "capacity": 2})
    lb = tenantry.Balancer(ChainMap[str, Any]({"pools": MappingProxyType({"api": pool})}, {"tenants": {"acme": {}}}))
    assert lb.stats().pools[0].capacity == 2


def test_a_good_reconfigure_is_in_force_at_once(make: Make) -> None:
    lb = make(config(capacity=1))
    with lb.try_acquire("acme") as first:
        lb.reconfigure(config(capacity=2))
        with lb.try_acquire("acme") as second:
            assert first.address != second.address
        assert lb.stats().pools[0].capacity == 2


TOML = """
[pools.api]
endpoints = ["http://10.0.0.1:80"]
capacity = 5
[tenants.acme]
rate = "10/s"
"""
YAML = "pools: {api: {endpoints: ['http://10.0.0.1:80'], capacity: 5}}\ntenants: {acme: {rate: 10/s}}\n"
JSON = json.dumps(
    {"pools": {"api": {"endpoints": ["http://10.0.0.1:80"], "capacity": 5}}, "tenants": {"acme": {"rate": "10/s"}}}
)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.toml", TOML), ("a.yaml", YAML), ("a.yml", YAML), ("a.json", JSON), ("b.JSON", "\ufeff" + JSON)],
    ids=["toml", "yaml", "yml", "json", "JSON"],
)
def test_a_file_is_read_by_its_ending(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    for given in (path, str(path)):
        lb = tenantry.Balancer.from_file(given, tenantry.ManualClock())
        assert lb.stats().pools[0].capacity == 5
    lb.reconfigure(config(capacity=1))
    lb.reconfigure_from_file(path)
    assert lb.stats().pools[0].capacity == 5


def test_files_that_cannot_be_read_say_so(tmp_path: Path, make: Make) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        tenantry.Balancer.from_file(tmp_path / "none.toml")
    assert missing.value.filename == str(tmp_path / "none.toml")
    for name, text, fix in [
        ("a.ini", b"", "name the file"),
        ("a", b"", "name the file"),
        ("a.json", b"\xff\xfe", "in UTF-8"),
        ("b.json", b"{", "write valid Json"),
        ("b.toml", b"a = = 1", "write valid Toml"),
    ]:
        (tmp_path / name).write_bytes(text)
        with pytest.raises(tenantry.ConfigError, match=fix) as caught:
            make().reconfigure_from_file(tmp_path / name)
        assert caught.value.path == "."
