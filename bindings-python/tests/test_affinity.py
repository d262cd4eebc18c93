"""Session affinity."""

from __future__ import annotations

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
