"""The ledger on its way to a file and back; what is in it is the core's."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from tenantry._native import _is_ledger


class LedgerError(ValueError):
    """Bytes that are no ledger, or not a whole one. Nothing has been restored."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What putting a ledger back has done."""

    tenants: int
    """How many tenants have back what they had used."""
    left_out: int
    """How many of the ledger's tenants the configuration neither names nor lets be made."""


for _class in (LedgerError, Restored):
    _class.__module__ = "tenantry"
del _class


def save(path: str | os.PathLike[str], take: Callable[[], bytes]) -> None:
    """Writes a new file, syncs it to the disk, and renames it into place; the one before stays as `….previous`.

    The same files, in the same steps, as the `LedgerFile` of Rust's `tenantry-tower`.
    """
    name = os.fsdecode(path)
    with _saving:
        # Taken here, so that a later ledger is never replaced by an earlier one.
        ledger = take()
        with open(f"{name}.new", "wb") as file:
            file.write(ledger)
            file.flush()
            os.fsync(file.fileno())
        before = _read(name)
        # A damaged one must not take the place of the good one before it.
        if before is not None and _is_ledger(before):
            os.replace(name, f"{name}.previous")
        os.replace(f"{name}.new", name)
        _sync_folder(os.path.dirname(name) or ".")


def load(path: str | os.PathLike[str], restore: Callable[[bytes], Restored]) -> Restored | None:
    """Restores the newest file that is whole; `None` where there is none at all."""
    name = os.fsdecode(path)
    broken: LedgerError | None = None
    for ledger in _candidates(name):
        try:
            return restore(ledger)
        except LedgerError as error:
            broken = broken or error
    if broken is None:
        return None
    raise LedgerError(f"{name} cannot be read, nor the one before it: {broken}; move both away to start with fresh limits")


def _candidates(name: str) -> list[bytes]:
    newest = _read(name)
    if newest is None:
        # Between the two renames of a save, the newest is the one that is not renamed yet. Torn, it is what a save left that never ended.
        new = _read(f"{name}.new")
        newest = new if new is not None and _is_ledger(new) else None
    return [ledger for ledger in (newest, _read(f"{name}.previous")) if ledger is not None]


def _read(name: str) -> bytes | None:
    try:
        with open(name, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _sync_folder(folder: str) -> None:
    """Makes the renames last after a power cut, too; elsewhere than on POSIX a folder cannot be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _renew() -> None:
    global _saving
    _saving = Lock()


_saving = Lock()
"""One save at a time in this process: two would write one `….new`."""

if hasattr(os, "register_at_fork"):
    # A child of a fork in the middle of a save must not wait for a thread that it does not have.
    os.register_at_fork(after_in_child=_renew)
