use std::{fmt, sync::Arc};

use http::{Method, request::Parts};

/// Which requests may reach endpoints more than once.
///
/// Default: those whose method says so (`GET`, `HEAD`, `PUT`, `DELETE`, `OPTIONS`, `TRACE`; RFC 9110 §9.2.2), and those with an `Idempotency-Key`, by
/// which the endpoint tells them apart.
///
/// ```
/// use http::Request;
/// use tenantry_tower::retry::Idempotency;
///
/// let searches = Idempotency::by(|head| head.uri.path() == "/search");
/// let (head, ()) = Request::post("/search").body(())?.into_parts();
/// assert!(searches.covers(&head) && !Idempotency::default().covers(&head));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Idempotency {
    rule: Option<Arc<Rule>>,
}

type Rule = dyn Fn(&Parts) -> bool + Send + Sync;

impl Idempotency {
    /// Those of which a function says so, and no others.
    #[must_use]
    pub fn by(rule: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        Self { rule: Some(Arc::new(rule)) }
    }

    /// Whether this request is one of them.
    #[must_use]
    pub fn covers(&self, head: &Parts) -> bool {
        match &self.rule {
            Some(rule) => rule(head),
            None => is_idempotent(&head.method) || head.headers.contains_key("idempotency-key"),
        }
    }
}

fn is_idempotent(method: &Method) -> bool {
    method.is_safe() || matches!(*method, Method::PUT | Method::DELETE)
}

impl fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.rule.is_some() {
            "Idempotency(a function)"
        } else {
            "Idempotency(by method or key)"
        })
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn methods_and_keys_say_what_may_be_repeated() {
        let covers = |method: &str, key: Option<&str>| {
            let request = Request::builder().method(method);
            let request =
                key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key));
            Idempotency::default().covers(&request.body(()).unwrap().into_parts().0)
        };
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"] {
            assert!(covers(method, None), "{method}");
        }
        for method in ["POST", "PATCH", "CONNECT", "LOCK"] {
            assert!(!covers(method, None) && covers(method, Some("8e03978e")), "{method}");
        }
    }
}
