//! Amounts of dimensions, and other whole numbers, as Python gives them.

use pyo3::{
    exceptions::{PyOverflowError, PyTypeError},
    prelude::*,
    pybacked::PyBackedStr,
    types::{PyMapping, PyString},
};

/// What is declared or reported of dimensions, by their names.
pub(crate) struct Amounts(Vec<(PyBackedStr, u64)>);

impl Amounts {
    /// One of them.
    pub(crate) fn one(dimension: PyBackedStr, amount: u64) -> Self {
        Self(vec![(dimension, amount)])
    }

    /// As the core takes them. Nothing is allocated for none.
    #[inline]
    pub(crate) fn pairs(amounts: Option<&Self>) -> Vec<(&str, u64)> {
        amounts.map_or_else(Vec::new, Self::all)
    }

    #[inline(never)]
    fn all(&self) -> Vec<(&str, u64)> {
        self.0.iter().map(|(name, amount)| (&**name, *amount)).collect()
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Amounts {
    type Error = PyErr;

    fn extract(amounts: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let Ok(mapping) = amounts.cast::<PyMapping>() else {
            let kind = amounts.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "amounts: give a mapping of names to numbers, not {kind}"
            )));
        };
        // A list of its own: numbers may run code of theirs when they are read, and that may change the mapping.
        let items = mapping.items()?;
        items.iter().map(|item| named(&item)).collect::<PyResult<_>>().map(Self)
    }
}

fn named(item: &Bound<'_, PyAny>) -> PyResult<(PyBackedStr, u64)> {
    let (name, amount): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
    let Ok(name) = name.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!(
            "amounts: use text as names, not {}",
            name.get_type().name()?
        )));
    };
    let name = PyBackedStr::try_from(name.clone())?;
    let amount = whole(&format!("amounts[{:?}]", &*name), &amount)?;
    Ok((name, amount))
}

/// The argument `cost`.
#[inline]
pub(crate) fn cost(cost: &Bound<'_, PyAny>) -> PyResult<u64> {
    cost.extract().or_else(|_| whole("cost", cost))
}

/// The argument `cost` where it may be left out.
pub(crate) fn optional_cost(cost: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    if cost.is_none() { Ok(None) } else { self::cost(cost).map(Some) }
}

/// The argument `amount`.
pub(crate) fn amount(amount: &Bound<'_, PyAny>) -> PyResult<u64> {
    whole("amount", amount)
}

/// A whole number that fits, or an error that names it.
#[cold]
pub(crate) fn whole(what: &str, number: &Bound<'_, PyAny>) -> PyResult<u64> {
    let py = number.py();
    number.extract().map_err(|error: PyErr| {
        let give = format!("{what}: give a whole number from 0 to 2**64 - 1");
        if error.is_instance_of::<PyOverflowError>(py) {
            // Not shown: Python refuses to write down the longest ones.
            PyOverflowError::new_err(give)
        } else if error.is_instance_of::<PyTypeError>(py) {
            match number.get_type().name() {
                Ok(kind) => PyTypeError::new_err(format!("{give}, not {kind}")),
                Err(error) => error,
            }
        } else {
            // Its own, from what it ran to be read.
            error
        }
    })
}
