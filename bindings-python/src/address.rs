//! Endpoint addresses as Python strings, made once and not once per lease.
//!
//! A new `str` costs 30 to 40 ns, a reference to one that is there 3. Each thread keeps a small table from an endpoint's place
//! in memory to its string; the text is compared too, because an endpoint that is gone may leave its place to another.
//! A table per thread needs no lock, and so none in free-threaded Python.

use std::{cell::RefCell, ptr};

use pyo3::{prelude::*, types::PyString};
use tenantry::Endpoint;

struct Known {
    text: Box<str>,
    string: Py<PyString>,
}

thread_local! {
    static KNOWN: RefCell<Vec<Option<Known>>> = const { RefCell::new(Vec::new()) };
}

/// The endpoint's address.
#[inline]
pub(crate) fn address(py: Python<'_>, endpoint: &Endpoint) -> Py<PyString> {
    let text = endpoint.address();
    let known = KNOWN.try_with(|known| {
        // Never borrowed already: nothing in here runs Python code. If it were, a new string would do.
        let mut known = known.try_borrow_mut().ok()?;
        if known.is_empty() {
            known.resize_with(PLACES, || None);
        }
        let place = &mut known[place(endpoint)];
        match place {
            Some(known) if *known.text == *text => Some(known.string.clone_ref(py)),
            _ => Some(learn(py, text, place)),
        }
    });
    known.ok().flatten().unwrap_or_else(|| PyString::new(py, text).unbind())
}

#[cold]
fn learn(py: Python<'_>, text: &str, place: &mut Option<Known>) -> Py<PyString> {
    let string = PyString::new(py, text).unbind();
    *place = Some(Known { text: text.into(), string: string.clone_ref(py) });
    string
}

/// Fibonacci hashing of where it lies: the top bits of the product.
fn place(endpoint: &Endpoint) -> usize {
    let spread = (ptr::from_ref(endpoint).addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(spread >> (64 - PLACES.ilog2())).unwrap_or(0)
}

/// How many strings a thread keeps; 256 · 24 bytes. A power of two.
const PLACES: usize = 256;
