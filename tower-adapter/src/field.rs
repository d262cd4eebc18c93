//! Names of header fields, as servers behind may read them.

use http::{HeaderMap, HeaderName, request::Parts};

/// Whether some server takes both for one: CGI, WSGI and PHP know no signs in names but `_`, and write it for all others.
pub(crate) fn is_alike(one: &HeaderName, other: &HeaderName) -> bool {
    begins_alike(one, other.as_str()) && one.as_str().len() == other.as_str().len()
}

/// Whether some server takes its beginning for this one.
pub(crate) fn begins_alike(name: &HeaderName, beginning: &str) -> bool {
    let read = |byte: &u8| if byte.is_ascii_alphanumeric() { *byte } else { b'_' };
    let name = name.as_str().as_bytes().get(..beginning.len());
    name.is_some_and(|name| name.iter().map(read).eq(beginning.as_bytes().iter().map(read)))
}

/// Takes out all fields of such names.
pub(crate) fn remove(headers: &mut HeaderMap, is_wrong: impl Fn(&HeaderName) -> bool) {
    let wrong: Vec<HeaderName> = headers.keys().filter(|name| is_wrong(name)).cloned().collect();
    for name in wrong {
        headers.remove(name);
    }
}

/// Takes out what some server would take for this one, which itself stays.
pub(crate) fn remove_lookalikes(headers: &mut HeaderMap, own: &HeaderName) {
    remove(headers, |name| name != own && is_alike(name, own));
}

/// Fields that were taken off a request because they say who somebody is: none of them may come behind its body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Withheld(Vec<HeaderName>);

impl Withheld {
    /// Withholds one more.
    pub(crate) fn add(request: &mut Parts, name: &HeaderName) {
        let Self(names) = request.extensions.get_or_insert_default();
        if !names.contains(name) {
            names.push(name.clone());
        }
    }

    /// All of this request's.
    pub(crate) fn of(request: &Parts) -> &[HeaderName] {
        request.extensions.get::<Self>().map_or(&[], |Self(names)| names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookalikes_go_and_all_others_stay() {
        let names = ["x-tenant", "x_tenant", "x.tenant", "x_tenants", "x_other", "x-tenant-id"];
        let mut headers: HeaderMap =
            names.map(|name| (HeaderName::from_static(name), "v".parse().unwrap())).into_iter().collect();
        remove_lookalikes(&mut headers, &HeaderName::from_static("x-tenant"));
        assert_eq!(headers.len(), 4);
        assert!(
            ["x-tenant", "x_tenants", "x_other", "x-tenant-id"]
                .iter()
                .all(|name| headers.contains_key(*name))
        );
    }

    #[test]
    fn names_that_differ_in_signs_only_are_alike() {
        let name = HeaderName::from_static;
        for alike in ["x-tenant", "x_tenant", "x.tenant", "x~tenant"] {
            assert!(
                is_alike(&name(alike), &name("x-tenant")) && is_alike(&name("x_tenant"), &name(alike)),
                "{alike}"
            );
        }
        for other in ["xtenant", "x-tenants", "x-tenan", "x--tenant", "y-tenant"] {
            assert!(!is_alike(&name(other), &name("x-tenant")), "{other}");
        }
        assert!(begins_alike(&name("x_forwarded_for"), "x-forwarded-"));
        assert!(!begins_alike(&name("x-forwarded"), "x-forwarded-"));
    }
}
