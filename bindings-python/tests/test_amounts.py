"""Amounts of dimensions: declared, reported, settled; and handles."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest

import tenantry


def balancer(dimensions: tuple[str, ...] = ("input_units", "output_units")) -> tenantry.Balancer:
    budget = [{dimension: 1_000, "per": "day"} for dimension in dimensions[:2]]
    pools = {"api": {"endpoints": ["http://10.0.0.1:80"], "capacity": 4}}
    document = {"dimensions": dimensions, "pools": pools, "tenants": {"acme": {"budget": budget}}}
    return tenantry.Balancer(document, clock=tenantry.ManualClock())


def used(lb: tenantry.Balancer) -> dict[str, int]:
    limits = lb.limits_of("acme")
    assert limits is not None
    return {limit.unit: limit.used for limit in limits}


async def test_what_is_declared_is_reserved_and_what_is_reported_last_is_what_counts() -> None:
    lb = balancer()
    lease = lb.try_acquire("acme", amounts={"input_units": 500, "output_units": 200})
    assert used(lb) == {"input_units": 500, "output_units": 200}
    assert lease.report("output_units", 900) is True
    assert lease.report("output_units", 300) is True
    assert lease.finish("success", amounts={"input_units": 450}) is True
    assert used(lb) == {"input_units": 450, "output_units": 300}
    async with lb.acquire("acme", amounts=MappingProxyType({"input_units": 50})) as waited:
        assert waited.report("output_units", 7)
    with lb.acquire_blocking("acme", amounts={"input_units": 1}):
        pass
    assert used(lb) == {"input_units": 501, "output_units": 307}
    assert waited.report("output_units", 999) is False
    assert waited.finish(amounts={"output_units": 999}) is False
    assert used(lb) == {"input_units": 501, "output_units": 307}


def test_a_dropped_lease_settles_what_it_has_reported() -> None:
    lb = balancer()
    lease = lb.try_acquire("acme", amounts={"output_units": 200})
    lease.report("output_units", 40)
    del lease
    assert used(lb) == {"input_units": 0, "output_units": 40}


def test_a_check_uses_what_it_declares_and_a_spent_budget_says_when_to_return() -> None:
    lb = balancer()
    lb.check("acme", amounts={"input_units": 1_000})
    with pytest.raises(tenantry.BudgetExhausted) as caught:
        lb.check("acme", amounts={"input_units": 1})
    assert caught.value.retry_after_ns == 86_400_000_000_000
    with pytest.raises(tenantry.CostTooHigh):
        lb.try_acquire("acme", amounts={"output_units": 1_001})


def test_an_unknown_dimension_is_refused_nothing_is_taken_down_and_the_lease_goes_on() -> None:
    lb = balancer()
    with pytest.raises(tenantry.UnknownDimension):
        lb.try_acquire("acme", amounts={"input_units": 5, "tokens": 1})
    lease = lb.try_acquire("acme", amounts={"input_units": 5})
    with pytest.raises(tenantry.UnknownDimension):
        lease.report("tokens", 1)
    with pytest.raises(tenantry.UnknownDimension):
        lease.finish("success", amounts={"input_units": 9, "tokens": 1})
    assert not lease.finished
    assert lease.finish()
    assert used(lb) == {"input_units": 5, "output_units": 0}


def test_as_many_dimensions_as_there_can_be_and_one_more() -> None:
    names = tuple(f"d{number}" for number in range(8))
    lb = balancer(names)
    amounts = {name: number + 1 for number, name in enumerate(names)}
    lb.try_acquire("acme", amounts=amounts).finish(amounts={**amounts, "d1": 70})
    assert used(lb) == {"d0": 1, "d1": 70}
    with pytest.raises(tenantry.UnknownDimension):
        lb.try_acquire("acme", amounts={**amounts, "d8": 1})


class Index:
    """A number that runs code when it is read."""

    def __init__(self, act: Callable[[], int]) -> None:
        self.act = act

    def __index__(self) -> int:
        return self.act()


def test_numbers_that_change_the_mapping_while_it_is_read_change_nothing() -> None:
    lb = balancer()
    amounts: dict[str, Any] = {}

    def clear() -> int:
        amounts.clear()
        amounts.update({f"x{number}": 1 for number in range(100)})
        return 3

    amounts.update(input_units=Index(clear), output_units=4)
    lb.try_acquire("acme", amounts=amounts).finish()
    assert used(lb) == {"input_units": 3, "output_units": 4}
    limit: dict[str, Any] = {"left": 1}

    def grow() -> int:
        limit.update({f"x{number}": 1 for number in range(100)})
        return 3

    limit["limit"] = Index(grow)
    lease = lb.try_acquire("acme")
    assert lease.report_upstream(requests=limit)
    lease.finish()


class Odd(collections.UserDict[str, int]):
    """A mapping whose items are none."""

    def items(self) -> Any:
        return [1, 2]


class Broken(Mapping[str, int]):
    """A mapping that cannot be read."""

    def __getitem__(self, name: str) -> int:
        raise LookupError("broken")

    def __iter__(self) -> Iterator[str]:
        return iter(["input_units"])

    def __len__(self) -> int:
        return 1


def broken() -> int:
    raise LookupError("broken")


@pytest.mark.parametrize(
    ("amounts", "error", "words"),
    [
        (5, TypeError, "^amounts: give a mapping of names to numbers, not int"),
        ("input_units", TypeError, "^amounts: .*not str"),
        ([("input_units", 1)], TypeError, "^amounts: .*not list"),
        ({5: 1}, TypeError, "^amounts: use text as names, not int"),
        ({b"input_units": 1}, TypeError, "^amounts: use text as names, not bytes"),
        ({"input_units": -1}, OverflowError, r'^amounts\["input_units"\]: give a whole number from 0 to'),
        ({"input_units": 2**64}, OverflowError, r'^amounts\["input_units"\]'),
        ({"input_units": 10**5_000}, OverflowError, r'^amounts\["input_units"\]'),
        ({"input_units": 1.5}, TypeError, r'^amounts\["input_units"\]: .*, not float'),
        ({"input_units": "1"}, TypeError, r'^amounts\["input_units"\]: .*, not str'),
        ({"input_units": None}, TypeError, r'^amounts\["input_units"\]: .*, not NoneType'),
        ({"input_units": Index(broken)}, LookupError, "broken"),
        ({"a\ud800": 1}, UnicodeEncodeError, "surrogates"),
        (Odd(), TypeError, "int"),
        (Broken(), LookupError, "broken"),
    ],
)
def test_amounts_of_any_other_kind_are_errors_that_name_them(amounts: Any, error: type[Exception], words: str) -> None:
    lb = balancer()
    lease = lb.try_acquire("acme")
    calls: list[Callable[[], object]] = [
        lambda: lb.try_acquire("acme", amounts=amounts),
        lambda: lb.acquire("acme", amounts=amounts),
        lambda: lb.acquire_blocking("acme", amounts=amounts),
        lambda: lb.check("acme", amounts=amounts),
        lambda: lease.finish(amounts=amounts),
    ]
    for call in calls:
        with pytest.raises(error, match=words):
            call()
    assert lease.finish()
    assert used(lb) == {"input_units": 0, "output_units": 0}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("input_units", -1), OverflowError, "^amount: give a whole number"),
        (("input_units", 2**64), OverflowError, "^amount"),
        (("input_units", 1.5), TypeError, "^amount: .*, not float"),
        ((5, 1), TypeError, "int"),
        ((b"input_units", 1), TypeError, "bytes"),
        (("a\ud800", 1), UnicodeEncodeError, "surrogates"),
        (("input_units",), TypeError, "amount"),
    ],
)
def test_a_report_of_any_other_kind_is_an_error(arguments: tuple[Any, ...], error: type[Exception], words: str) -> None:
    lease = balancer().try_acquire("acme")
    with pytest.raises(error, match=words):
        lease.report(*arguments)
    assert lease.finish()


def test_a_handle_goes_wherever_an_id_goes() -> None:
    lb = balancer()
    acme = lb.handle("acme")
    assert (acme.id, repr(acme)) == ("acme", '<TenantHandle "acme">')
    lb.try_acquire(acme, amounts={"input_units": 1}).finish()
    lb.acquire_blocking(acme).finish()
    lb.check(acme, amounts={"input_units": 2})
    assert used(lb)["input_units"] == 3
    assert lb.limits_of(acme) == lb.limits_of("acme")
    assert lb.tenant_stats(acme) == lb.tenant_stats("acme")


async def test_a_handle_is_as_good_as_its_id_elsewhere_and_before_the_tenant_is_there() -> None:
    acme, nobody = balancer().handle("acme"), balancer().handle("nobody")
    lb = balancer()
    async with lb.acquire(acme) as lease:
        assert lease.address == "http://10.0.0.1:80"
    for unknown in (nobody, lb.handle(""), lb.handle("x" * 256)):
        with pytest.raises(tenantry.UnknownTenant):
            lb.try_acquire(unknown)


@pytest.mark.parametrize("tenant", [None, 5, b"acme", ["acme"], tenantry.TenantHandle, object()])
def test_what_is_neither_id_nor_handle_is_an_error_that_says_so(tenant: Any) -> None:
    lb = balancer()
    calls: list[Callable[[], object]] = [
        lambda: lb.try_acquire(tenant),
        lambda: lb.acquire(tenant),
        lambda: lb.acquire_blocking(tenant),
        lambda: lb.check(tenant),
        lambda: lb.limits_of(tenant),
        lambda: lb.tenant_stats(tenant),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="^tenant: give its id as str, or a TenantHandle, not "):
            call()
    with pytest.raises(TypeError):
        lb.handle(tenant)


def test_what_is_said_while_another_word_is_told_is_told_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    capacity = {"kind": "aimd", "min": 1, "initial": 1, "max": 10}
    pools = {"api": {"endpoints": ["http://10.0.0.1:80"], "capacity": capacity}}
    tenants = {"acme": {"budget": {"output_units": 1_000, "per": "day"}}}
    clock = tenantry.ManualClock()
    lb = tenantry.Balancer({"dimensions": ["output_units"], "pools": pools, "tenants": tenants}, clock=clock)
    lease = lb.try_acquire("acme")
    said: list[bool] = []
    unraisable: list[type[BaseException] | None] = []
    monkeypatch.setattr("sys.unraisablehook", lambda hooked: unraisable.append(hooked.exc_type))

    class Future:
        """What the first byte wakes, for it brings a second seat: in the middle of being told."""

        def done(self) -> bool:
            return False

        def set_result(self, _: None) -> None:
            said.extend([lease.report("output_units", 42), lease.report("tokens", 1), lease.finish(), lease.finish()])
            said.append(lease.report("output_units", 99))

    waiting, future = lb.acquire("acme", timeout=100.0), Future()
    assert waiting._poll(future) is None  # type: ignore[arg-type]
    clock.advance(1_000_000)
    assert lease.first_byte() is True
    # The second `finish`, and what comes after the first, is too late; an error has nobody else to go to.
    assert said == [True, True, True, False, False]
    assert unraisable == [tenantry.UnknownDimension]
    assert lease.finished and used(lb) == {"output_units": 42}
    granted = waiting.poll()
    assert granted is not None and granted.finish()
