//! Endpoints from a file that somebody else writes.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher, recommended_watcher};
use tenantry::{EndpointSpec, Format};
use tokio::{sync::Notify, task::spawn_blocking, time::sleep};

use super::{DiscoveryError, Found, Source};

/// A list of endpoints in a file: JSON, TOML or YAML by its ending, each endpoint as in the configuration document, in a list or beneath the key `endpoints`.
///
/// ```toml
/// endpoints = ["http://10.0.0.1:8080", { address = "http://10.0.0.2:8080", weight = 2 }]
/// ```
///
/// Its folder is watched, so that a file that is renamed into place is seen at once; and it is read every few seconds besides, for file systems that tell nothing.
/// A new content counts once two readings that are [some time apart](Self::with_settling) agree, because half of a list may be a list, too. The safe way to write it is another file beside it and
/// a rename. A file that is gone, or holds what cannot be used, changes nothing.
///
/// ```
/// use tenantry_tower::discovery::{Discoverer, WatchedFile};
///
/// # use tenantry::{Balancer, Config, PoolSpec};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::default()))?;
/// let file = WatchedFile::new("/etc/gateway/endpoints.toml")?;
/// let discovering = Discoverer::new(&balancer, "api", file).start()?;
/// # Ok(())
/// # }
/// ```
pub struct WatchedFile {
    path: PathBuf,
    format: Format,
    poll_interval: Duration,
    settling: Duration,
    bell: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    /// The content that was used last, and what it says.
    used: Option<(Vec<u8>, Vec<EndpointSpec>)>,
}

impl WatchedFile {
    /// The file need not be there yet.
    ///
    /// # Errors
    /// When its ending is none of `json`, `toml`, `yaml` and `yml`.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, DiscoveryError> {
        let path = path.into();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let Some(format) = extension.and_then(Format::from_extension) else {
            let problem = "let its name end in .json, .toml, .yaml or .yml".to_owned();
            return Err(DiscoveryError::File { path, problem });
        };
        Ok(Self {
            path,
            format,
            poll_interval: POLL_INTERVAL,
            settling: SETTLING,
            bell: Arc::default(),
            watcher: None,
            used: None,
        })
    }

    /// How often it is read, whatever its watcher says; within the bounds of [`DiscoverySpec`](tenantry::DiscoverySpec). Default 5 s.
    #[must_use]
    pub const fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// For how long a new content must stay the same before it counts. Default 100 ms.
    #[must_use]
    pub const fn with_settling(mut self, time: Duration) -> Self {
        self.settling = time;
        self
    }

    /// Watches the folder, if it is not watched yet. The file itself may be another one after each rename.
    fn watch(&mut self) -> Result<(), DiscoveryError> {
        if self.watcher.is_some() {
            return Ok(());
        }
        let folder = folder(&self.path);
        let failed = |error: notify::Error| {
            let problem =
                format!("its folder is not watched, it is read every {:?}: {error}", self.poll_interval);
            DiscoveryError::File { path: self.path.clone(), problem }
        };
        let bell = Arc::clone(&self.bell);
        // A link's target changes elsewhere in the folder (as Kubernetes mounts its volumes): then any name counts.
        let name = if self.path.is_symlink() { None } else { self.path.file_name().map(ToOwned::to_owned) };
        let is_ours = move |path: &PathBuf| name.is_none() || path.file_name() == name.as_deref();
        let ring = move |event: notify::Result<Event>| match event {
            // Our own readings are accesses.
            Ok(event) if event.kind.is_access() || !event.paths.iter().any(&is_ours) => {}
            _ => bell.notify_one(),
        };
        let mut watcher = recommended_watcher(ring).map_err(failed)?;
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(failed)?;
        self.watcher = Some(watcher);
        Ok(())
    }

    async fn read(&self) -> Result<Vec<u8>, DiscoveryError> {
        let path = self.path.clone();
        let content = spawn_blocking(move || read(&path)).await;
        let content = content.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        content.map_err(|error| self.failed(error.to_string()))
    }

    /// What is in it, once it has stopped changing.
    async fn read_settled(&self) -> Result<Vec<u8>, DiscoveryError> {
        let mut content = self.read().await?;
        for _ in 0..MOST_READINGS {
            if self.used.as_ref().is_some_and(|(used, _)| *used == content) {
                return Ok(content);
            }
            sleep(self.settling).await;
            let again = self.read().await?;
            if again == content {
                return Ok(content);
            }
            content = again;
        }
        Err(self.failed("it does not stop changing".to_owned()))
    }

    fn parse(&self, content: &[u8]) -> Result<Vec<EndpointSpec>, DiscoveryError> {
        let text = str::from_utf8(content).map_err(|error| self.failed(format!("write UTF-8: {error}")))?;
        EndpointSpec::list_from_text(text, self.format)
            .map_err(|source| DiscoveryError::Content { path: self.path.clone(), source })
    }

    fn failed(&self, problem: String) -> DiscoveryError {
        DiscoveryError::File { path: self.path.clone(), problem }
    }
}

impl Source for WatchedFile {
    fn name(&self) -> String {
        format!("file {}", self.path.display())
    }

    async fn find(&mut self) -> Result<Found, DiscoveryError> {
        // First, so that nothing is missed in between.
        let watched = self.watch();
        let content = self.read_settled().await.inspect_err(|_| {
            if !folder(&self.path).exists() {
                // The folder that comes back is another one.
                self.watcher = None;
            }
        })?;
        let endpoints = match &self.used {
            Some((used, endpoints)) if *used == content => endpoints.clone(),
            _ => self.parse(&content)?,
        };
        let found = Found::new(endpoints.iter().cloned()).with_ttl(self.poll_interval);
        self.used = Some((content, endpoints));
        Ok(match watched {
            Ok(()) => found,
            Err(problem) => found.with_problem(problem),
        })
    }

    async fn changed(&mut self) {
        self.bell.notified().await;
    }
}

impl fmt::Debug for WatchedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedFile")
            .field("path", &self.path)
            .field("is_watched", &self.watcher.is_some())
            .finish_non_exhaustive()
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = vec![];
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("let it be at most {LARGEST} bytes")));
    }
    Ok(content)
}

const POLL_INTERVAL: Duration = Duration::from_secs(5);
const SETTLING: Duration = Duration::from_millis(100);
const MOST_READINGS: usize = 50;
/// Bytes.
const LARGEST: u64 = 16 << 20;
