use std::{
    fmt::{self, Display},
    fs::File,
    future::Future,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use tokio::{
    sync::Mutex,
    task::{spawn, spawn_blocking},
    time::{Instant, timeout},
};
use tracing::{info, warn};

#[cfg(feature = "tls")]
use super::https;
use super::{JwtError, fetch::Fetch, http, set::Set};
#[cfg(feature = "tls")]
use crate::tls::ClientTls;

/// The keys that tokens are signed with: fixed, or fetched and kept. Clones share them.
///
/// Fetched keys are fetched at the first token, again once they are older than [`with_max_age`](Self::with_max_age), and when a token names a key that is not
/// among them, but [not too often](Self::with_cooldown), whatever clients send. One fetch is under way at most, and a client that goes away does not end it. When
/// it fails or takes longer than 5 s, the last good keys stay, however old, and the next attempt is 5 s later; it is a `tracing` event of level WARN, target
/// `tenantry::identity`. So a key that the issuer takes away is accepted for as long as `max_age`, and longer where the issuer cannot be reached.
#[derive(Clone)]
pub struct Jwks {
    shared: Arc<Shared>,
}

struct Shared {
    set: ArcSwapOption<Set>,
    source: Option<Fetch>,
    /// Before which no other fetch begins; held while one is under way.
    next: Mutex<Option<Instant>>,
    max_age: Duration,
    cooldown: Duration,
}

impl Jwks {
    /// A key set as JSON (RFC 7517), for ever.
    ///
    /// # Errors
    /// When it is none, or has no key of use.
    pub fn fixed(json: &[u8]) -> Result<Self, JwtError> {
        Ok(Self::with(Some(Set::parse(json)?), None))
    }

    /// One secret that the issuer shares, for the algorithms HS…; at least 32 random bytes.
    #[must_use]
    pub fn secret(secret: &[u8]) -> Self {
        Self::with(Some(Set::secret(secret)), None)
    }

    /// What an async function brings, over a client of your own.
    pub fn fetched<F, Fut, E>(fetch: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Bytes, E>> + Send + 'static,
        E: Display,
    {
        Self::with(None, Some(Fetch::new(fetch)))
    }

    /// A file, which somebody else may rewrite.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = Arc::new(path.into());
        Self::fetched(move || {
            let path = Arc::clone(&path);
            async move {
                let read = spawn_blocking(move || read(&path)).await;
                read.unwrap_or_else(|panic| Err(io::Error::other(panic)))
            }
        })
    }

    /// An `https://` URL, as issuers publish them (`jwks_uri`). The server's certificate is verified as the TLS says; redirects are not followed.
    ///
    /// # Errors
    /// When it is no such URL, or TLS cannot be spoken so: a file of roots that cannot be used, or a system that trusts nobody.
    #[cfg(feature = "tls")]
    pub fn url(url: &str, tls: &ClientTls) -> Result<Self, JwtError> {
        Ok(Self::with(None, Some(https::fetch(url, tls)?)))
    }

    /// An address of this machine, over plain HTTP: a sidecar's, or a development server's. For an issuer elsewhere there is `url` (feature `tls`), or
    /// an HTTPS client of your own ([`fetched`](Self::fetched)).
    ///
    /// # Errors
    /// When it is not `http://` and this machine's.
    pub fn local_url(url: &str) -> Result<Self, JwtError> {
        Ok(Self::with(None, Some(http::fetch(url)?)))
    }

    /// How old keys may become before they are fetched again. Default 10 min.
    #[must_use]
    pub fn with_max_age(self, age: Duration) -> Self {
        self.revised(|shared| shared.max_age = age)
    }

    /// How long after one fetch a token that names an unknown key may cause another. Default 30 s.
    #[must_use]
    pub fn with_cooldown(self, time: Duration) -> Self {
        self.revised(|shared| shared.cooldown = time)
    }

    /// Goes on with the keys that another one has fetched from the same place, and with its pause before the next fetch: of the one whose place this takes, when other
    /// settings do. Keys of one's own stay, and fixed ones.
    pub fn carry_on(&self, before: &Self) {
        let (now, before) = (&self.shared, &before.shared);
        if now.source.is_none() || before.source.is_none() || now.set.load().is_some() {
            return;
        }
        now.set.store(before.set.load_full());
        // Where a fetch is under way, who sends it there has the next word.
        if let (Ok(mut next), Ok(pause)) = (now.next.try_lock(), before.next.try_lock()) {
            *next = *pause;
        }
    }

    fn with(set: Option<Set>, source: Option<Fetch>) -> Self {
        let set = ArcSwapOption::from_pointee(set);
        let shared = Shared { set, source, next: Mutex::new(None), max_age: MAX_AGE, cooldown: COOLDOWN };
        Self { shared: Arc::new(shared) }
    }

    fn revised(self, revise: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Arc::into_inner(self.shared).expect("settings come before the first clone");
        revise(&mut shared);
        Self { shared: Arc::new(shared) }
    }

    /// The keys, where no fetch could make them better.
    pub(super) fn at_hand(&self, kid: Option<&str>) -> Option<Arc<Set>> {
        self.shared.set.load_full().filter(|set| self.shared.suffices(set, kid))
    }

    /// The best keys that can be had, `None` where there never were any.
    pub(super) async fn look(&self, kid: Option<String>) -> Option<Arc<Set>> {
        let shared = Arc::clone(&self.shared);
        // A task of its own: a client that goes away shall not end what others wait for.
        spawn(async move { shared.refresh(kid.as_deref()).await }).await.ok();
        self.shared.set.load_full()
    }
}

impl Shared {
    fn suffices(&self, set: &Set, kid: Option<&str>) -> bool {
        self.source.is_none() || (set.fetched.elapsed() <= self.max_age && set.knows(kid))
    }

    async fn refresh(&self, kid: Option<&str>) {
        let Some(source) = &self.source else { return };
        let is_known = self.set.load().as_ref().is_some_and(|set| set.knows(kid));
        // Who can be served with what is there does not wait for somebody else's fetch.
        let mut next = match self.next.try_lock() {
            Ok(next) => next,
            Err(_) if is_known => return,
            Err(_) => self.next.lock().await,
        };
        let is_done = self.set.load().as_ref().is_some_and(|set| self.suffices(set, kid));
        if is_done || next.is_some_and(|next| Instant::now() < next) {
            return;
        }
        let fetched = timeout(PATIENCE, source.fetch()).await;
        let fetched =
            fetched.unwrap_or_else(|_| Err(JwtError::Fetch { problem: "it takes too long".into() }));
        let pause = match fetched.and_then(|json| Set::parse(&json)) {
            Ok(set) => {
                info!(target: "tenantry::identity", "signing keys fetched");
                self.set.store(Some(Arc::new(set)));
                self.cooldown
            }
            Err(problem) => {
                warn!(target: "tenantry::identity", %problem, "signing keys not fetched, the last ones stay");
                self.cooldown.min(PATIENCE)
            }
        };
        *next = Some(Instant::now() + pause);
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks")
            .field("max_age", &self.shared.max_age)
            .field("cooldown", &self.shared.cooldown)
            .finish_non_exhaustive()
    }
}

fn read(path: &std::path::Path) -> io::Result<Bytes> {
    let mut content = vec![];
    File::open(path)?.take(LARGEST as u64).read_to_end(&mut content)?;
    Ok(content.into())
}

const MAX_AGE: Duration = Duration::from_secs(600);
const COOLDOWN: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes.
pub(super) const LARGEST: usize = 1 << 20;
