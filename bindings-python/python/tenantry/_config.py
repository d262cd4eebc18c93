"""The configuration document, on its way from Python to the core."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from os import PathLike, fspath
from pathlib import Path


class ConfigError(ValueError):
    """A configuration that cannot be used. Nothing has changed."""

    path: str
    """Where: the keys from the root, as in `pools.api.endpoints[0].weight`; `.` is the whole document."""

    value: str
    """The value that stands there, as JSON writes it; empty where there is none."""

    fix: str
    """What would be right."""

    def __init__(self, path: str, value: str, fix: str) -> None:
        self.path = path
        self.value = value
        self.fix = fix

    def __str__(self) -> str:
        if not self.value:
            return f"{self.path}: {self.fix}"
        return f"{self.path}: {self.value} cannot be used: {self.fix}"


ConfigError.__module__ = "tenantry"


def to_json(config: object) -> str:
    """The document as JSON text. Only `dict`-like, list-like and plain values have a place there; anything else is an error that says where."""
    if not isinstance(config, Mapping):
        raise TypeError(f"give the configuration as a mapping, not {type(config).__name__}; for a file there is from_file")
    return json.dumps(_plain(config, ".", 0), ensure_ascii=False)


def to_document(config: object) -> tuple[str, dict[str, Callable[..., object]]]:
    """The document as JSON text, and the pools' strategies that are functions, by pool; `p2c` stands in their places."""
    own: dict[str, Callable[..., object]] = {}
    pools = config.get("pools") if isinstance(config, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(pools, Mapping):
        return to_json(config), own
    plain = dict(pools)
    for name, pool in pools.items():
        strategy = pool.get("strategy") if isinstance(pool, Mapping) else None
        if callable(strategy) and isinstance(name, str):
            own[name] = strategy
            plain[name] = {**pool, "strategy": "p2c"}
    return to_json({**config, "pools": plain} if own else config), own


def tenant_to_json(id: str, spec: object) -> str:
    """One tenant's table as JSON text; paths are the document's."""
    if not isinstance(spec, Mapping):
        raise TypeError(f"spec: give the tenant's keys as a mapping, not {type(spec).__name__}")
    return json.dumps(_plain(spec, _join("tenants", id), 0), ensure_ascii=False)


def changes_to_json(pool: str, changes: object) -> str:
    """Changes of a pool's endpoints as JSON text; paths begin where the document has the endpoints."""
    if not isinstance(changes, Mapping):
        raise TypeError(f"changes: give what to do as a mapping, not {type(changes).__name__}")
    return json.dumps(_plain(changes, f"{_join('pools', pool)}.endpoints", 0), ensure_ascii=False)


def found_to_json(pool: str, endpoints: object) -> str:
    """Endpoints that were found as JSON text; paths are the document's."""
    if isinstance(endpoints, str | bytes | Mapping) or not isinstance(endpoints, Iterable):
        raise TypeError(f"endpoints: give a list of addresses or endpoints, not {type(endpoints).__name__}")
    return json.dumps(_plain(list(endpoints), f"{_join('pools', pool)}.endpoints", 0), ensure_ascii=False)


def read_file(path: str | PathLike[str]) -> tuple[str, str]:
    """A file's text, and its ending without the dot."""
    try:
        # A byte order mark may stand first.
        return Path(path).read_text(encoding="utf-8-sig"), Path(path).suffix.removeprefix(".")
    except UnicodeDecodeError as error:
        raise ConfigError(".", "", f"write {fspath(path)} in UTF-8: {error}") from None


def _plain(value: object, path: str, depth: int) -> object:
    if depth > _DEEPEST:
        raise ConfigError(_shortened(path), "", f"nest at most {_DEEPEST} levels deep, without cycles")
    match value:
        case None | bool() | str() | int():
            return value
        case float():
            if isfinite(value):
                return value
            raise ConfigError(path, str(value), "give a finite number")
        case Mapping():
            return {_name(name, path): _plain(item, _join(path, name), depth + 1) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item, f"{path}[{place}]", depth + 1) for place, item in enumerate(value)]
        case _:
            raise ConfigError(path, _shortened(repr(value)), "give text, a number, a boolean, a list or a mapping")


def _name(name: object, path: str) -> str:
    if isinstance(name, str):
        return name
    raise ConfigError(path, _shortened(repr(name)), "use text as keys")


def _join(path: str, name: object) -> str:
    """As the core writes paths."""
    text = str(name)
    plain = text != "" and all(letter.isalnum() or letter in "-_" for letter in text)
    key = text if plain else json.dumps(text, ensure_ascii=False)
    return key if path == "." else f"{path}.{key}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_DEEPEST = 100
_LONGEST = 120
