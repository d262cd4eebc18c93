//! What an answer tells of whoever asked.

use http::{Extensions, Method, StatusCode, Uri};
use tenantry::Rejection;

use super::{Rule, bucket::WHOLE, probe_path::is_probe};
use crate::{
    identity::{self, Fault},
    route,
};

/// One thing that a client should not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offence {
    pub(super) rule: Rule,
    /// In tenths.
    pub(super) weight: u32,
    /// Whether it named somebody whom nobody knows.
    pub(super) is_guess: bool,
    pub(super) code: &'static str,
}

impl Offence {
    const fn whole(rule: Rule, code: &'static str) -> Self {
        Self { rule, weight: WHOLE, is_guess: false, code }
    }

    const fn weighing(self, weight: u32) -> Self {
        Self { weight, ..self }
    }

    const fn guessing(self) -> Self {
        Self { is_guess: true, ..self }
    }

    /// What this answer tells.
    pub(super) fn of(status: StatusCode, extensions: &Extensions, uri: &Uri) -> Option<Self> {
        if let Some(refusal) = extensions.get::<identity::Refusal>() {
            return of_identity(*refusal);
        }
        if let Some(refusal) = extensions.get::<route::Refusal>() {
            return Some(of_route(*refusal, uri));
        }
        match extensions.get::<Rejection>() {
            Some(Rejection::UnknownTenant) => {
                Some(Self::whole(Rule::Authentication, Rejection::UnknownTenant.code()).guessing())
            }
            Some(rejection @ Rejection::PoolForbidden) => Some(Self::whole(Rule::Probing, rejection.code())),
            Some(_) => None,
            // An upstream's own: applications ask for what is not there, too.
            None => (status == StatusCode::NOT_FOUND).then(|| not_found("NOT_FOUND", 1, uri)),
        }
    }

    /// Whether somebody who does it is none to be spared.
    pub(super) const fn is_grave(self) -> bool {
        self.weight >= WHOLE
    }
}

fn of_identity(refusal: identity::Refusal) -> Option<Offence> {
    let failed = Offence::whole(Rule::Authentication, refusal.code());
    match refusal {
        // Browsers and many clients ask without, and send credentials when they are asked to.
        identity::Refusal::Missing(_) => Some(failed.weighing(2)),
        // They were good once, or will be: no guess.
        identity::Refusal::Invalid(_, Fault::Expired | Fault::NotYetValid) => Some(failed.weighing(1)),
        identity::Refusal::Invalid(..) | identity::Refusal::Unknown(_) => Some(failed.guessing()),
        identity::Refusal::Untrusted => Some(Offence::whole(Rule::Probing, refusal.code())),
        identity::Refusal::Unavailable => None,
    }
}

fn of_route(refusal: route::Refusal, uri: &Uri) -> Offence {
    let probing = Offence::whole(Rule::Probing, refusal.code());
    match refusal {
        route::Refusal::NotFound => not_found(refusal.code(), WHOLE, uri),
        route::Refusal::Method(_) => probing.weighing(WHOLE / 2),
        route::Refusal::Path(_) | route::Refusal::Host | route::Refusal::Tenant | route::Refusal::Scope => {
            probing
        }
    }
}

/// A path that scanners look for is evidence, and no more than that: only where nothing is there does it count, and it bans nobody alone.
fn not_found(code: &'static str, weight: u32, uri: &Uri) -> Offence {
    let weight = if is_probe(uri.path()) { 5 * WHOLE } else { weight };
    Offence::whole(Rule::Scanning, code).weighing(weight)
}

/// What is shown of a request: method and the beginning of the path, where the path is what counts. Never the query, and no header.
pub(super) fn shown(offence: Offence, method: &Method, uri: &Uri) -> Box<str> {
    match offence.rule {
        Rule::Probing | Rule::Scanning => {
            let path: String = uri.path().chars().take(SHOWN).collect();
            format!("{method} {path}").into()
        }
        _ => method.as_str().into(),
    }
}

/// How many characters of a path are shown.
const SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Scheme;

    fn of<T: Clone + Send + Sync + 'static>(reason: T, status: u16, path: &str) -> Option<(Rule, u32, bool)> {
        let mut extensions = Extensions::new();
        extensions.insert(reason);
        let uri = path.parse().unwrap();
        let offence = Offence::of(StatusCode::from_u16(status).unwrap(), &extensions, &uri);
        offence.map(|offence| (offence.rule, offence.weight, offence.is_guess))
    }

    #[test]
    fn guesses_weigh_more_than_what_honest_clients_do() {
        let identity = |refusal| of(refusal, 401, "/");
        let bad = identity::Refusal::Invalid(Scheme::Bearer, Fault::NoSuchKey);
        let expired = identity::Refusal::Invalid(Scheme::Bearer, Fault::Expired);
        assert_eq!(identity(bad), Some((Rule::Authentication, 10, true)));
        assert_eq!(
            identity(identity::Refusal::Unknown(Scheme::Bearer)),
            Some((Rule::Authentication, 10, true))
        );
        assert_eq!(identity(expired), Some((Rule::Authentication, 1, false)));
        assert_eq!(
            identity(identity::Refusal::Missing(Scheme::Bearer)),
            Some((Rule::Authentication, 2, false))
        );
        assert_eq!(identity(identity::Refusal::Untrusted), Some((Rule::Probing, 10, false)));
        assert_eq!(identity(identity::Refusal::Unavailable), None);
    }

    #[test]
    fn routes_and_pools_that_are_not_theirs_are_probing_and_nowhere_is_scanning() {
        assert_eq!(of(route::Refusal::Tenant, 403, "/"), Some((Rule::Probing, 10, false)));
        assert_eq!(of(Rejection::PoolForbidden, 403, "/"), Some((Rule::Probing, 10, false)));
        assert_eq!(of(Rejection::UnknownTenant, 403, "/"), Some((Rule::Authentication, 10, true)));
        assert_eq!(of(route::Refusal::NotFound, 404, "/x"), Some((Rule::Scanning, 10, false)));
        assert_eq!(of(route::Refusal::NotFound, 404, "/a/.env"), Some((Rule::Scanning, 50, false)));
        assert_eq!(of((), 404, "/orders/7"), Some((Rule::Scanning, 1, false)));
        assert_eq!(of((), 404, "/wp-login.php"), Some((Rule::Scanning, 50, false)));
    }

    #[test]
    fn what_a_server_lacks_and_what_limits_refuse_is_no_offence() {
        for status in [200, 400, 401, 403, 429, 500, 503] {
            assert_eq!(of((), status, "/.env"), None, "an upstream's own {status}");
        }
        assert_eq!(of(Rejection::Saturated, 503, "/"), None);
    }

    #[test]
    fn no_query_and_no_long_path_is_shown() {
        let uri = format!("/{}?token=s3cr3t", "a".repeat(500)).parse().unwrap();
        let scan = Offence::whole(Rule::Scanning, "NO_ROUTE");
        assert_eq!(*shown(scan, &Method::GET, &uri), format!("GET /{}", "a".repeat(63)));
        assert_eq!(&*shown(Offence::whole(Rule::Authentication, "A"), &Method::GET, &uri), "GET");
    }
}
