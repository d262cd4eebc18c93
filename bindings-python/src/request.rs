//! The arguments of a request.

use std::time::Duration;

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyBytes, PyString},
};
use tenantry::{Request, TenantPage};

/// What hash strategies keep together: text or bytes.
pub(crate) struct Key<'a>(&'a [u8]);

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

/// The core's request.
#[inline]
pub(crate) fn request<'a>(
    tenant: &'a str,
    pool: Option<&'a str>,
    key: Option<Key<'a>>,
    cost: u64,
) -> Request<'a> {
    let mut request = Request::new(tenant).cost(cost);
    if let Some(pool) = pool {
        request = request.pool(pool);
    }
    if let Some(Key(key)) = key {
        request = request.key(key);
    }
    request
}

/// The same, as urgent and as wide as the caller says.
#[inline]
pub(crate) fn shaped(request: Request<'_>, priority: i64, seats: i64) -> PyResult<Request<'_>> {
    let urgency =
        u8::try_from(priority).ok().filter(|urgency| *urgency <= LEAST_URGENT).ok_or_else(|| {
            PyValueError::new_err(format!(
                "priority: give 0 (most urgent) to {LEAST_URGENT} (least), not {priority}"
            ))
        })?;
    let width = u32::try_from(seats).ok().filter(|width| *width > 0).ok_or_else(|| {
        PyValueError::new_err(format!("seats: give a number from 1 to {}, not {seats}", u32::MAX))
    })?;
    Ok(request.priority(urgency).seats(width))
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
pub(crate) fn patience(seconds: f64) -> PyResult<Duration> {
    if seconds.is_nan() {
        return Err(PyValueError::new_err("timeout: give seconds, not NaN"));
    }
    // Beyond what a `Duration` holds is for ever.
    Ok(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

/// A measured time.
pub(crate) fn measured(name: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        PyValueError::new_err(format!("{name}: give finite seconds of zero or more, not {seconds}"))
    })
}

/// RFC 9218's last urgency.
const LEAST_URGENT: u8 = 7;
