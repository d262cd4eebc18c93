"""Where a request wants to go: session affinity, and endpoints that it avoids."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support import ADDRESSES, at_rest, config

import tenantry


def test_a_token_returns_to_its_endpoint() -> None:
    lb = tenantry.Balancer(config())
    with lb.try_acquire("acme") as first:
        token, address = first.affinity_token, first.address
        assert first.pool == "api" and token is not None
    assert first.affinity_token is None and first.pool is None
    for _ in range(4):
        with lb.try_acquire("acme", affinity=token) as lease:
            assert (lease.address, lease.affinity_token) == (address, token)
        with lb.acquire_blocking("acme", affinity=token) as lease:
            assert lease.address == address
    at_rest(lb)


def test_a_strangers_or_a_forged_token_counts_as_none() -> None:
    lb = tenantry.Balancer(config())
    with lb.try_acquire("acme") as lease:
        token = lease.affinity_token
    for forged in (token, "x", ""):
        addresses = set()
        for _ in range(2):
            with lb.try_acquire("globex", affinity=forged) as lease:
                addresses.add(lease.address)
        assert addresses == set(ADDRESSES)


def test_an_address_is_preferred_and_not_beside_a_token() -> None:
    lb = tenantry.Balancer(config())
    for _ in range(4):
        with lb.try_acquire("acme", prefer=ADDRESSES[1]) as lease:
            assert lease.address == ADDRESSES[1]
    with pytest.raises(ValueError, match="not both"):
        lb.try_acquire("acme", affinity="x", prefer=ADDRESSES[1])
    at_rest(lb)


async def test_a_retry_goes_elsewhere_and_back_only_where_nobody_else_is_left() -> None:
    lb = tenantry.Balancer(config())
    for avoided, expected in ((ADDRESSES[:1], ADDRESSES[1]), (list(ADDRESSES[1:]), ADDRESSES[0])):
        for _ in range(4):
            lb.try_acquire("acme", avoid=avoided, attempt="retry").finish()
            with lb.try_acquire("acme", avoid=avoided) as lease:
                assert lease.address == expected
            with lb.acquire_blocking("acme", avoid=avoided) as lease:
                assert lease.address == expected
            async with lb.acquire("acme", avoid=avoided) as lease:
                assert lease.address == expected
    for nobody in ((), None, ["http://elsewhere"], ADDRESSES):
        served = [lb.try_acquire("acme", avoid=nobody) for _ in range(2)]
        assert {lease.address for lease in served} == set(ADDRESSES)
        for lease in served:
            lease.finish()
    with pytest.raises(tenantry.NoEndpoint):
        lb.try_acquire("acme", avoid=ADDRESSES, attempt="hedge")
    at_rest(lb)


def test_a_request_that_waits_still_avoids() -> None:
    lb = tenantry.Balancer(config(capacity=1))
    seat = lb.try_acquire("acme")
    waits = [lb.acquire("acme", avoid=[ADDRESSES[index]]) for index in (0, 1)]

    async def served() -> list[str]:
        addresses = []
        for wait in waits:
            lease = await wait
            addresses.append(lease.address)
            lease.finish()
        return addresses

    seat.finish()
    assert asyncio.run(served()) == [ADDRESSES[1], ADDRESSES[0]]
    at_rest(lb)


@pytest.mark.parametrize("avoid", ["http://10.0.0.1:80", 5, [5], [b"http://10.0.0.1:80"], object(), {"http://10.0.0.1:80"}])
def test_what_is_no_list_of_addresses_is_an_error_that_names_it(avoid: Any) -> None:
    lb = tenantry.Balancer(config())
    for ask in (lb.try_acquire, lb.acquire, lb.acquire_blocking):
        with pytest.raises(TypeError, match="avoid"):
            ask("acme", avoid=avoid)
    at_rest(lb)
