use serde_json::Value;

/// Where a claim stands in the JSON that credentials carry: a name, or names that lead into objects, `org.id`.
///
/// A whole name comes first, so that names with dots in them (`https://example.com/tenant`) can be said, too.
///
/// ```
/// use serde_json::json;
/// use tenantry_tower::identity::ClaimPath;
///
/// let claims = json!({ "org": { "id": "acme" }, "https://example.com/tenant": "umbrella" });
/// assert_eq!(ClaimPath::new("org.id").find(&claims), Some(&json!("acme")));
/// assert_eq!(ClaimPath::new("https://example.com/tenant").find(&claims), Some(&json!("umbrella")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Box<str>);

impl ClaimPath {
    /// The claim at this path.
    pub fn new(path: impl Into<Box<str>>) -> Self {
        Self(path.into())
    }

    /// What stands there.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Value) -> Option<&'a Value> {
        let nested = || self.0.split('.').try_fold(claims, |value, name| value.as_object()?.get(name));
        claims.as_object()?.get(&*self.0).or_else(nested)
    }

    /// What stands there, where it can name somebody: text that is not empty, or a whole number.
    #[cfg(feature = "identity-jwt")]
    pub(super) fn name(&self, claims: &Value) -> Option<String> {
        match self.find(claims)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
            _ => None,
        }
    }
}
