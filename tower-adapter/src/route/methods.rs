use std::{error, fmt};

use http::Method;

/// A set of HTTP methods, of the nine of RFC 9110 and RFC 5789.
///
/// ```
/// use tenantry_tower::route::Methods;
///
/// let methods = Methods::parse(["GET", "HEAD"])?;
/// assert!(methods.contains(&http::Method::GET));
/// assert_eq!(methods.to_string(), "GET, HEAD");
/// # Ok::<(), tenantry_tower::route::MethodsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Methods(u16);

impl Methods {
    /// These.
    ///
    /// # Errors
    /// The first that is not one of the nine.
    pub fn parse<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<Self, MethodsError> {
        names.into_iter().try_fold(Self::default(), |set, name| {
            let place = NAMES.iter().position(|known| *known == name.as_ref());
            let place = place.ok_or_else(|| MethodsError { name: name.as_ref().into() })?;
            Ok(Self(set.0 | 1 << place))
        })
    }

    /// Whether the method is one of them.
    #[must_use]
    pub fn contains(self, method: &Method) -> bool {
        NAMES.iter().position(|name| *name == method.as_str()).is_some_and(|place| self.0 & 1 << place != 0)
    }

    pub(super) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(super) const fn overlaps(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Every one.
    pub(super) const ALL: Self = Self((1 << NAMES.len()) - 1);
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (place, name) in NAMES.iter().enumerate() {
            if self.0 & 1 << place != 0 {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// What is no method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodsError {
    name: Box<str>,
}

impl fmt::Display for MethodsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no method: write one of {}, in upper case", self.name, NAMES.join(", "))
    }
}

impl error::Error for MethodsError {}

const NAMES: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
