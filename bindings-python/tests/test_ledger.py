"""What was used survives a restart, in bytes and in files that are whole or recognised."""

from __future__ import annotations

import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

import tenantry

START = 1_796_083_200


def balancer(unix: float = START, **tenants: Any) -> tenantry.Balancer:
    budget = {"cost": 1_000, "per": "month"}
    document = {"pools": {"api": {"endpoints": ["http://10.0.0.1:80"]}}, "tenants": {"acme": {"budget": budget}, **tenants}}
    return tenantry.Balancer(document, clock=tenantry.ManualClock(unix=unix))


def used(lb: tenantry.Balancer) -> int:
    limits = lb.limits_of("acme")
    assert limits is not None
    return limits[0].used


def spent(cost: int, **tenants: Any) -> tenantry.Balancer:
    lb = balancer(**tenants)
    lb.check("acme", cost=cost)
    return lb


def test_settlements_are_counted_from_the_first_ledger_on() -> None:
    lb = spent(400)
    assert lb.settlements == 0
    lb.ledger()
    lease = lb.try_acquire("acme")
    lb.check("acme")
    assert lb.settlements == 1, "in flight is not settled"
    lease.finish()
    assert lb.settlements == 2


def test_bytes_bring_back_what_was_used_and_only_once() -> None:
    before = spent(400, gone={"budget": {"cost": 10, "per": "month"}})
    before.check("gone")
    ledger = before.ledger()
    assert type(ledger) is bytes
    after = balancer(unix=START + 60)
    assert after.restore(ledger) == tenantry.Restored(tenants=1, left_out=1)
    after.restore(ledger)
    assert used(after) == 400
    # Another month.
    later = balancer(unix=START + 32 * 86_400)
    later.restore(ledger)
    assert used(later) == 0


def test_every_cut_and_every_changed_byte_is_recognised_and_restores_nothing() -> None:
    ledger, lb = spent(400).ledger(), balancer()
    torn = [ledger[:length] for length in range(len(ledger))] + [ledger + b"\0"]
    changed = [ledger[:place] + bytes([ledger[place] ^ 0x10]) + ledger[place + 1 :] for place in range(len(ledger))]
    for broken in torn + changed:
        with pytest.raises(tenantry.LedgerError):
            lb.restore(broken)
    assert used(lb) == 0
    assert issubclass(tenantry.LedgerError, ValueError)


@pytest.mark.parametrize("ledger", [None, 5, "text", bytearray(b"tenantry"), memoryview(b"tenantry"), [1]])
def test_what_is_no_bytes_is_an_error_that_says_so(ledger: Any) -> None:
    with pytest.raises(TypeError, match="^ledger: give the bytes"):
        balancer().restore(ledger)


def test_a_file_keeps_the_ledger_and_the_one_before_it(tmp_path: Path) -> None:
    path = tmp_path / "tenantry.ledger"
    assert balancer().load_ledger(path) is None
    lb = spent(100)
    lb.save_ledger(path)
    lb.check("acme", cost=50)
    lb.save_ledger(str(path))
    assert sorted(os.listdir(tmp_path)) == ["tenantry.ledger", "tenantry.ledger.previous"]
    after = balancer()
    assert after.load_ledger(path) == tenantry.Restored(1, 0)
    assert used(after) == 150


@pytest.mark.parametrize("left", [0, 1, 35, 36, 60])
def test_a_torn_file_gives_way_to_the_one_before_it(tmp_path: Path, left: int) -> None:
    path = tmp_path / "tenantry.ledger"
    for cost in (100, 250):
        spent(cost).save_ledger(path)
    whole = path.read_bytes()
    assert left < len(whole)
    path.write_bytes(whole[:left])
    after = balancer()
    after.load_ledger(path)
    assert used(after) == 100
    # And the next save leaves a whole one again.
    spent(300).save_ledger(path)
    assert path.read_bytes() != whole
    after = balancer()
    after.load_ledger(path)
    assert used(after) == 300


def test_where_nothing_is_whole_nothing_is_restored_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "tenantry.ledger"
    path.write_bytes(b"tenantry\0")
    (tmp_path / "tenantry.ledger.previous").write_bytes(b"")
    lb = balancer()
    with pytest.raises(tenantry.LedgerError, match="cannot be read, nor the one before it") as caught:
        lb.load_ledger(path)
    assert str(path) in str(caught.value)
    assert used(lb) == 0


def test_a_damaged_file_never_takes_the_place_of_the_good_one_before_it(tmp_path: Path) -> None:
    path, previous = tmp_path / "tenantry.ledger", tmp_path / "tenantry.ledger.previous"
    for cost in (100, 250):
        spent(cost).save_ledger(path)
    good = previous.read_bytes()
    path.write_bytes(path.read_bytes()[:-1])
    spent(300).save_ledger(path)
    assert previous.read_bytes() == good
    path.write_bytes(b"")
    after = balancer()
    after.load_ledger(path)
    assert used(after) == 100


def test_a_first_save_that_never_ended_has_left_no_ledger(tmp_path: Path) -> None:
    path, new = tmp_path / "tenantry.ledger", tmp_path / "tenantry.ledger.new"
    whole = spent(100).ledger()
    for torn in (b"", whole[:-1]):
        new.write_bytes(torn)
        assert balancer().load_ledger(path) is None
    new.write_bytes(whole)
    assert balancer().load_ledger(path) == tenantry.Restored(1, 0)


class Stop(Exception):
    """The process ends here."""


@pytest.mark.parametrize("step", range(6))
def test_a_crash_at_any_step_of_a_save_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    path = tmp_path / "tenantry.ledger"
    for cost in (100, 200):
        spent(cost).save_ledger(path)
    steps = 0

    def until_then(function: Any) -> Any:
        def stopped(*arguments: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps > step:
                raise Stop
            return function(*arguments)

        return stopped

    with monkeypatch.context() as patched:
        for name in ("fsync", "replace", "open", "close"):
            patched.setattr(os, name, until_then(getattr(os, name)))
        with pytest.raises(Stop):
            spent(300).save_ledger(path)
    after = balancer()
    assert after.load_ledger(path) is not None
    assert used(after) == (200 if step < 2 else 300)
    spent(400).save_ledger(path)
    after = balancer()
    after.load_ledger(path)
    assert used(after) == 400


def test_threads_that_save_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    path, lb = tmp_path / "tenantry.ledger", spent(1)
    failures: list[BaseException] = []

    def save() -> None:
        try:
            for _ in range(10):
                lb.check("acme", cost=1)
                lb.save_ledger(path)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    after = balancer()
    after.load_ledger(path)
    # The last save began when all but its own thread's last checks were in, and its own was.
    assert used(after) == 41


def test_a_file_that_cannot_be_written_or_read_says_so(tmp_path: Path) -> None:
    lb = spent(100)
    with pytest.raises(FileNotFoundError):
        lb.save_ledger(tmp_path / "none" / "tenantry.ledger")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        lb.load_ledger(tmp_path / "folder")
    for path in (None, 5, [], object()):
        call: Any = lb.save_ledger
        with pytest.raises(TypeError):
            call(path)
        call = lb.load_ledger
        with pytest.raises(TypeError):
            call(path)
    with pytest.raises(ValueError, match="null"):
        lb.save_ledger("a\0b")


def test_what_was_restored_and_what_went_wrong_can_be_pickled() -> None:
    for value in (tenantry.Restored(1, 2), tenantry.LedgerError("torn")):
        assert repr(pickle.loads(pickle.dumps(value))) == repr(value)
