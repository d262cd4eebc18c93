use http::request::Parts;

use super::{Authenticate, Decision, Refusal};

/// Two ways: the second is asked where the first finds no credentials. Credentials that are there and do not hold are refused, whatever else
/// the request carries. Where neither finds any, the first way's challenge is the answer.
///
/// Let them look in different places: with two that read `Authorization: Bearer`, the first would refuse what is meant for the second.
#[derive(Clone, Debug)]
pub struct AnyOf<A, B> {
    first: A,
    second: B,
}

impl<A: Authenticate, B: Authenticate> AnyOf<A, B> {
    /// The first, or else the second.
    pub const fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: Authenticate, B: Authenticate> Authenticate for AnyOf<A, B> {
    fn authenticate(&self, request: &mut Parts) -> Decision {
        match self.first.authenticate(request) {
            Decision::Now(Err(missing @ Refusal::Missing(_))) => match self.second.authenticate(request) {
                Decision::Now(Err(Refusal::Missing(_))) => missing.into(),
                decided => decided,
            },
            decided => decided,
        }
    }
}
