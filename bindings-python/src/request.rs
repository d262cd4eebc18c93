//! The arguments of a request.

use std::time::Duration;

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    pybacked::PyBackedStr,
    types::{PyBytes, PyString},
};
use tenantry::{Attempt, HealthOverride, Request, TenantPage};

use crate::{amounts::Amounts, tenant::Tenant};

/// What hash strategies keep together: text or bytes.
pub(crate) struct Key<'a>(&'a [u8]);

impl<'a> Key<'a> {
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Key<'a> {
    type Error = PyErr;

    fn extract(key: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if key.is_instance_of::<PyString>() {
            Ok(Self(key.extract::<&'a str>()?.as_bytes()))
        } else if key.is_instance_of::<PyBytes>() {
            Ok(Self(key.extract::<&'a [u8]>()?))
        } else {
            Err(PyTypeError::new_err(format!("give str or bytes, not {}", key.get_type().name()?)))
        }
    }
}

/// A list of addresses.
pub(crate) struct Addresses(Vec<PyBackedStr>);

impl Addresses {
    /// As the core takes them.
    #[inline]
    fn shown(addresses: Option<&Self>) -> Vec<&str> {
        addresses
            .map_or_else(Vec::new, |Self(addresses)| addresses.iter().map(|address| &**address).collect())
    }
}

impl<'py> FromPyObject<'_, 'py> for Addresses {
    type Error = PyErr;

    fn extract(addresses: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if addresses.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("give a list of addresses, not one address"));
        }
        addresses.extract().map(Self)
    }
}

/// What a caller says of a request, as Python's keyword arguments. One more is a line here, one in `ask`, and its name where it is
/// taken.
pub(crate) struct Wish<'a> {
    pub(crate) tenant: Tenant<'a>,
    pub(crate) pool: Option<&'a str>,
    pub(crate) key: Option<Key<'a>>,
    pub(crate) cost: u64,
    pub(crate) priority: i64,
    pub(crate) seats: i64,
    pub(crate) attempt: &'a str,
    pub(crate) amounts: Option<Amounts>,
    pub(crate) affinity: Option<&'a str>,
    pub(crate) prefer: Option<&'a str>,
    pub(crate) avoid: Option<Addresses>,
    pub(crate) timeout: Option<f64>,
}

impl Wish<'_> {
    /// Does something with the core's request.
    #[inline]
    pub(crate) fn ask<R>(self, act: impl FnOnce(Request<'_>) -> PyResult<R>) -> PyResult<R> {
        let amounts = Amounts::pairs(self.amounts.as_ref());
        let avoided = Addresses::shown(self.avoid.as_ref());
        let mut request = limited(self.tenant, self.pool, self.cost, &amounts)
            .priority(urgency(self.priority)?)
            .seats(width(self.seats)?)
            .attempt(attempt(self.attempt)?)
            .avoid(&avoided);
        if let Some(Key(key)) = self.key {
            request = request.key(key);
        }
        match (self.affinity, self.prefer) {
            (None, None) => {}
            (Some(token), None) => request = request.affinity(token),
            (None, Some(address)) => request = request.prefer(address),
            (Some(_), Some(_)) => return Err(PyValueError::new_err("affinity: give it or prefer, not both")),
        }
        if let Some(seconds) = self.timeout {
            request = request.timeout(patience(seconds)?);
        }
        act(request)
    }
}

/// What the limits alone need to know.
#[inline]
pub(crate) fn limited<'a>(
    tenant: Tenant<'a>,
    pool: Option<&'a str>,
    cost: u64,
    amounts: &'a [(&'a str, u64)],
) -> Request<'a> {
    let request = tenant.request().cost(cost).amounts(amounts);
    match pool {
        Some(pool) => request.pool(pool),
        None => request,
    }
}

#[inline]
fn urgency(priority: i64) -> PyResult<u8> {
    u8::try_from(priority).ok().filter(|urgency| *urgency <= LEAST_URGENT).ok_or_else(|| {
        PyValueError::new_err(format!(
            "priority: give 0 (most urgent) to {LEAST_URGENT} (least), not {priority}"
        ))
    })
}

#[inline]
fn width(seats: i64) -> PyResult<u32> {
    u32::try_from(seats).ok().filter(|width| *width > 0).ok_or_else(|| {
        PyValueError::new_err(format!("seats: give a number from 1 to {}, not {seats}", u32::MAX))
    })
}

#[inline]
fn attempt(name: &str) -> PyResult<Attempt> {
    let wrong =
        || PyValueError::new_err(format!("attempt: give \"first\", \"retry\" or \"hedge\", not {name:?}"));
    Attempt::from_name(name).ok_or_else(wrong)
}

/// Where a page of tenants starts, and how many it may hold.
pub(crate) fn page_bounds(start: i64, most: i64) -> PyResult<(u32, u32)> {
    let from = u32::try_from(start).map_err(|_| {
        PyValueError::new_err(format!("start: give 0 or what the page before has as next, not {start}"))
    })?;
    let size = u32::try_from(most).ok().filter(|most| (1..=TenantPage::LARGEST).contains(most));
    let wrong = || {
        PyValueError::new_err(format!("most: give a number from 1 to {}, not {most}", TenantPage::LARGEST))
    };
    Ok((from, size.ok_or_else(wrong)?))
}

/// How long to wait. Zero or less, as in `asyncio.wait_for`: not at all.
fn patience(seconds: f64) -> PyResult<Duration> {
    if seconds.is_nan() {
        return Err(PyValueError::new_err("timeout: give seconds, not NaN"));
    }
    // Beyond what a `Duration` holds is for ever.
    Ok(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

/// What an operator decides of an endpoint's health.
pub(crate) fn health_override(name: &str) -> PyResult<HealthOverride> {
    HealthOverride::from_name(name).ok_or_else(|| {
        PyValueError::new_err(format!("health: give 'disabled', 'ejected' or 'healthy', not '{name}'"))
    })
}

/// A measured time.
pub(crate) fn measured(name: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        PyValueError::new_err(format!("{name}: give finite seconds of zero or more, not {seconds}"))
    })
}

/// RFC 9218's last urgency.
const LEAST_URGENT: u8 = 7;
