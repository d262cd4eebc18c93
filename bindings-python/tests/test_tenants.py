"""One tenant is set or removed at runtime; grants, pools with an owner, and the clock's date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support import Make, config

import tenantry

DECEMBER = 1_796_083_200
"""2026-12-01T00:00:00Z, in seconds since 1970."""


def test_a_tenant_is_added_changed_and_removed_while_leases_are_out(make: Make) -> None:
    lb = make(config(), tenantry.ManualClock())
    with pytest.raises(tenantry.UnknownTenant):
        lb.check("newcomer")
    lb.set_tenant("newcomer", {"rate": "2/s", "weight": 3})
    lease = lb.try_acquire("newcomer")
    lb.set_tenant(lb.handle("newcomer"), {"rate": {"requests": 3, "per": "1s"}})
    # What it has used stays used.
    limits = lb.limits_of("newcomer")
    assert limits is not None and (limits[0].used, limits[0].remaining) == (1, 2)
    assert lb.remove_tenant("newcomer") is True
    assert lb.remove_tenant(lb.handle("newcomer")) is False
    with pytest.raises(tenantry.UnknownTenant):
        lb.try_acquire("newcomer")
    assert lease.finish()


def test_a_tenants_parent_and_pools_are_those_in_force() -> None:
    pools = {"api": {"endpoints": ["http://10.0.0.1:80"]}, "gpu": {"endpoints": ["http://10.0.0.2:80"]}}
    lb = tenantry.Balancer({"pools": pools, "tenants": {"org": {"rate": "1/s"}}}, clock=tenantry.ManualClock())
    lb.set_tenant("team", {"parent": "org", "pools": ["gpu"]})
    lb.check("team")
    with pytest.raises(tenantry.RateLimited):
        lb.check("org")
    with pytest.raises(tenantry.PoolForbidden):
        lb.check("team", pool="api")
    with pytest.raises(tenantry.ConfigError) as caught:
        lb.remove_tenant("org")
    assert (caught.value.path, "beneath it" in caught.value.fix) == ("tenants.org", True)


def test_a_tenants_own_limits_are_told_apart_from_its_parents(make: Make) -> None:
    document = config()
    document["tenants"] = {"org": {"rate": "9/s"}, "team": {"parent": "org", "rate": ["2/s", {"cost": 5, "per": "1m"}]}}
    lb = make(document, tenantry.ManualClock())
    lb.check("team", cost=3)
    own, every = lb.own_limits_of("team"), lb.limits_of(lb.handle("team"))
    assert own is not None and every is not None
    assert [(limit.parent, limit.unit, limit.used) for limit in own] == [(None, "requests", 1), (None, "cost", 3)]
    assert every[:2] == own and [limit.parent for limit in every] == [None, None, "org"]
    assert lb.own_limits_of("nobody") is None and lb.own_limits_of(lb.handle("org")) == lb.limits_of("org")
    with pytest.raises(TypeError):
        lb.own_limits_of(7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tenant", "spec", "path"),
    [
        ("acme", {"wieght": 3}, "tenants.acme.wieght"),
        ("acme", {"weight": -1}, "tenants.acme.weight"),
        ("acme", {"rate": ["1/s", "fast"]}, "tenants.acme.rate[1]"),
        ("acme", {"parent": "nobody"}, "tenants.acme.parent"),
        ("acme", {"pools": ["api", "apl"]}, "tenants.acme.pools[1]"),
        ("acme", {"budget": {"tokens": 1, "per": "day"}}, "tenants.acme.budget"),
        ("acme", {"weight": float("nan")}, "tenants.acme.weight"),
        ("acme", {"pools": [b"api"]}, "tenants.acme.pools[0]"),
        ("acme", {5: 1}, "tenants.acme"),
        ("a b", {"weight": True}, 'tenants."a b".weight'),
        ("", {}, "tenants"),
        ("x" * 256, {}, "tenants"),
        ("(other)", {}, "tenants"),
    ],
)
def test_a_bad_term_is_named_with_its_place_in_the_document_and_changes_nothing(
    make: Make, tenant: str, spec: dict[Any, Any], path: str
) -> None:
    lb = make(config(rate="5/s"))
    with pytest.raises(tenantry.ConfigError) as caught:
        lb.set_tenant(tenant, spec)
    assert (caught.value.path, bool(caught.value.fix)) == (path, True)
    limits = lb.limits_of("acme")
    assert limits is not None and limits[0].amount == 5


def test_what_is_no_tenant_or_no_mapping_is_an_error_that_says_so(make: Make) -> None:
    lb = make()
    calls: list[tuple[Callable[[Any], object], Any, type[Exception], str]] = [
        (lambda spec: lb.set_tenant("acme", spec), None, TypeError, "^spec: give the tenant's keys as a mapping, not NoneType"),
        (lambda spec: lb.set_tenant("acme", spec), [("weight", 3)], TypeError, "^spec: .*not list"),
        (lambda tenant: lb.set_tenant(tenant, {}), 5, TypeError, "^tenant: "),
        (lambda tenant: lb.remove_tenant(tenant), b"acme", TypeError, "^tenant: "),
        (lambda tenant: lb.set_tenant(tenant, {}), "a\ud800", UnicodeEncodeError, "surrogates"),
        (lambda tenant: lb.remove_tenant(tenant), "a\ud800", UnicodeEncodeError, "surrogates"),
    ]
    for call, argument, error, words in calls:
        with pytest.raises(error, match=words):
            call(argument)
    cycle: dict[str, Any] = {}
    cycle["seats"] = cycle
    with pytest.raises(tenantry.ConfigError, match="without cycles"):
        lb.set_tenant("acme", cycle)


def test_a_grant_begins_and_ends_and_guests_count_under_the_owners_limits() -> None:
    grant = {"pool": "gpu", "from": "2026-12-01T00:00:00Z", "until": "2026-12-01T01:01:00+01:00"}
    pool = {"endpoints": ["http://10.0.0.1:80"], "owner": "acme"}
    tenants = {"acme": {"rate": {"cost": 100, "per": "1h"}}, "guest": {"pools": [grant]}, "stranger": {}}
    clock = tenantry.ManualClock(unix=DECEMBER - 1)
    lb = tenantry.Balancer({"pools": {"gpu": pool}, "tenants": tenants}, clock=clock)

    def allowed(tenant: str, cost: int = 1) -> bool:
        try:
            lb.try_acquire(tenant, cost=cost).finish()
        except tenantry.PoolForbidden:
            return False
        return True

    clock.advance(999_999_999)
    assert (allowed("acme"), allowed("guest"), allowed("stranger")) == (True, False, False)
    clock.advance(1)
    assert allowed("guest", 60)
    with pytest.raises(tenantry.RateLimited):
        allowed("guest", 60)
    clock.advance(60_000_000_000 - 1)
    assert allowed("guest")
    clock.advance(1)
    assert not allowed("guest")
    with pytest.raises(tenantry.ConfigError, match="owns the pool"):
        lb.remove_tenant("acme")


def test_a_clocks_date_is_what_calendars_go_by() -> None:
    budget = {"cost": 100, "per": "month", "time_zone": "Europe/Rome"}
    pools = {"api": {"endpoints": ["http://10.0.0.1:80"]}}
    # 90 s before December begins in Rome.
    clock = tenantry.ManualClock(unix=DECEMBER - 3_600 - 90.0)
    lb = tenantry.Balancer({"pools": pools, "tenants": {"acme": {"budget": budget}}}, clock=clock)
    lb.check("acme", cost=100)
    with pytest.raises(tenantry.BudgetExhausted) as caught:
        lb.check("acme")
    assert (caught.value.retry_after_ns, clock.now) == (90_000_000_000, 0)


@pytest.mark.parametrize(
    ("unix", "error"),
    [
        (-1, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (2**64, ValueError),
        (10**400, ValueError),
        ("2026-12-01", TypeError),
        (b"0", TypeError),
    ],
)
def test_what_is_no_date_is_an_error_that_says_so(unix: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="^unix: give "):
        tenantry.ManualClock(unix=unix)
