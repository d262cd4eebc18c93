use std::{fmt, sync::Arc, time::Duration};

use http::request::Parts;
use jsonwebtoken::{Validation, decode, errors::ErrorKind};
use serde_json::Value;

use super::{Algorithm, Jwks, JwtError, header::Header, set::Set};
use crate::identity::{Authenticate, ClaimPath, Credential, Decision, Fault, Identity, Refusal, Scheme};

/// Checks JSON Web Tokens; see the [module](super) for the rules.
///
/// ```
/// use tenantry_tower::identity::{
///     ClaimPath, IdentityLayer,
///     jwt::{Algorithm, Jwks, Jwt},
/// };
///
/// let keys = Jwks::file("/var/run/issuer/jwks.json");
/// let jwt = Jwt::new(keys, [Algorithm::Rs256])?
///     .with_issuer("https://issuer.example")
///     .with_audience("https://api.example")
///     .with_tenant_claim(ClaimPath::new("org.id"));
/// let layer = IdentityLayer::new(jwt);
/// # Ok::<(), tenantry_tower::identity::jwt::JwtError>(())
/// ```
#[derive(Clone)]
pub struct Jwt {
    keys: Jwks,
    credential: Credential,
    rules: Arc<Rules>,
}

#[derive(Clone)]
struct Rules {
    /// One for each algorithm, so that a token's own word chooses among what is pinned.
    validations: Vec<(Algorithm, Validation)>,
    tenant: ClaimPath,
    scopes: ClaimPath,
}

impl Jwt {
    /// Tokens in `Authorization: Bearer`, signed in one of these ways with one of these keys, whose tenant is the claim `tenant`.
    ///
    /// # Errors
    /// Without algorithms, and with those of shared secrets beside those of public keys.
    pub fn new(keys: Jwks, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self, JwtError> {
        let mut validations: Vec<(Algorithm, Validation)> = Vec::new();
        for algorithm in algorithms {
            let mut validation = Validation::new(algorithm.within());
            validation.validate_nbf = true;
            validations.push((algorithm, validation));
        }
        let (first, rest) = validations.split_first().ok_or(JwtError::NoAlgorithm)?;
        if rest.iter().any(|(other, _)| other.is_symmetric() != first.0.is_symmetric()) {
            return Err(JwtError::Mixed);
        }
        let (tenant, scopes) = (ClaimPath::new("tenant"), ClaimPath::new("scope"));
        let rules = Arc::new(Rules { validations, tenant, scopes });
        Ok(Self { keys, credential: Credential::bearer(), rules })
    }

    /// Accepts only this issuer's (`iss`). Default: anybody's that the keys can check.
    #[must_use]
    pub fn with_issuer(self, issuer: &str) -> Self {
        self.validated(|validation| {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".into());
        })
    }

    /// Accepts only those for this audience (`aud`). Default: only those that name none.
    #[must_use]
    pub fn with_audience(self, audience: &str) -> Self {
        self.validated(|validation| {
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".into());
        })
    }

    /// How far clocks may differ, in whole seconds. Default 60 s.
    #[must_use]
    pub fn with_leeway(self, leeway: Duration) -> Self {
        self.validated(|validation| validation.leeway = leeway.as_secs())
    }

    /// Which claim names the tenant: text, or a whole number. Default `tenant`.
    #[must_use]
    pub fn with_tenant_claim(mut self, claim: ClaimPath) -> Self {
        Arc::make_mut(&mut self.rules).tenant = claim;
        self
    }

    /// Which claim holds the scopes: words between spaces (RFC 8693), or a list. Default `scope`.
    #[must_use]
    pub fn with_scopes_claim(mut self, claim: ClaimPath) -> Self {
        Arc::make_mut(&mut self.rules).scopes = claim;
        self
    }

    /// Where tokens are. Default `Authorization: Bearer`, taken off.
    #[must_use]
    pub fn with_credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    fn validated(mut self, revise: impl Fn(&mut Validation)) -> Self {
        for (_, validation) in &mut Arc::make_mut(&mut self.rules).validations {
            revise(validation);
        }
        self
    }
}

impl Authenticate for Jwt {
    fn authenticate(&self, request: &mut Parts) -> Decision {
        let token = match self.credential.take(request) {
            Ok(token) => token,
            Err(refusal) => return refusal.into(),
        };
        let scheme = self.credential.scheme();
        let invalid = move |fault| Refusal::Invalid(scheme, fault);
        let header = Header::of(token.as_str()).and_then(|header| self.rules.accept(header));
        let header = match header {
            Ok(header) => header,
            Err(fault) => return invalid(fault).into(),
        };
        if let Some(set) = self.keys.at_hand(header.kid.as_deref()) {
            return self.rules.check(token.as_str(), &header, &set, scheme).into();
        }
        let (keys, rules) = (self.keys.clone(), Arc::clone(&self.rules));
        Decision::later(async move {
            let set = keys.look(header.kid.clone()).await.ok_or(Refusal::Unavailable)?;
            rules.check(token.as_str(), &header, &set, scheme)
        })
    }
}

impl Rules {
    fn accept(&self, header: Header) -> Result<Header, Fault> {
        self.validation(header.algorithm).map(|_| header)
    }

    fn validation(&self, algorithm: Algorithm) -> Result<&Validation, Fault> {
        let row = self.validations.iter().find(|(pinned, _)| *pinned == algorithm);
        row.map(|(_, validation)| validation).ok_or(Fault::Algorithm)
    }

    fn check(&self, token: &str, header: &Header, set: &Set, scheme: Scheme) -> Result<Identity, Refusal> {
        let claims = self.verify(token, header, set).map_err(|fault| Refusal::Invalid(scheme, fault))?;
        let tenant = self.tenant.name(&claims).ok_or(Refusal::Unknown(scheme))?;
        let identity = Identity::new(tenant, scheme).with_scopes(scopes(self.scopes.find(&claims)));
        let identity = match claims.get("sub").and_then(Value::as_str) {
            Some(subject) => identity.with_subject(subject),
            None => identity,
        };
        Ok(identity.with_claims(claims))
    }

    fn verify(&self, token: &str, header: &Header, set: &Set) -> Result<Value, Fault> {
        let validation = self.validation(header.algorithm)?;
        match decode::<Value>(token, set.find(header)?, validation) {
            Ok(token) => Ok(token.claims),
            Err(error) => Err(fault(error.kind())),
        }
    }
}

fn scopes(claim: Option<&Value>) -> Vec<Box<str>> {
    match claim {
        Some(Value::String(words)) => words.split_ascii_whitespace().map(Into::into).collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(Into::into).collect(),
        _ => Vec::new(),
    }
}

fn fault(kind: &ErrorKind) -> Fault {
    match kind {
        ErrorKind::ExpiredSignature => Fault::Expired,
        ErrorKind::ImmatureSignature => Fault::NotYetValid,
        ErrorKind::InvalidIssuer => Fault::Issuer,
        ErrorKind::InvalidAudience => Fault::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Fault::Issuer,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Fault::Audience,
        ErrorKind::InvalidAlgorithm => Fault::Algorithm,
        ErrorKind::InvalidSignature => Fault::Signature,
        _ => Fault::Malformed,
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("keys", &self.keys)
            .field("credential", &self.credential)
            .field("tenant", &self.rules.tenant)
            .field("scopes", &self.rules.scopes)
            .finish_non_exhaustive()
    }
}
