//! Endpoints from a file that is written in every way that files are written.

#![cfg(feature = "discovery-file")]

use std::{
    fs,
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

use tenantry::{Balancer, Config, DiscoverySpec, DiscoveryStatus, PoolSpec};
use tenantry_tower::discovery::{Discoverer, Discovering, DiscoveryError, Source, WatchedFile};
use tokio::{
    join,
    time::{sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_secs(86_400);

/// A folder of this test's own, gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tenantry-discovery-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("it was there");
    }
}

/// As it should be done.
fn replace(path: &Path, content: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, content).expect("written");
    fs::rename(beside, path).expect("renamed");
}

fn balancer() -> Balancer {
    Balancer::new(Config::new().with_pool("api", PoolSpec::default())).expect("usable")
}

fn addresses(balancer: &Balancer) -> Vec<String> {
    let pool = balancer.pool_stats("api").expect("it is there");
    pool.endpoints().iter().map(|endpoint| endpoint.address().to_owned()).collect()
}

async fn find(source: &mut WatchedFile) -> Result<Vec<String>, DiscoveryError> {
    let found = source.find().await?;
    Ok(found.endpoints().iter().map(|endpoint| endpoint.address().to_owned()).collect())
}

async fn until(discovering: &Discovering, is_so: impl FnMut(&DiscoveryStatus) -> bool) -> DiscoveryStatus {
    let mut seen = discovering.watch();
    let status = timeout(PATIENCE, seen.wait_for(is_so)).await.expect("it comes about").expect("it runs");
    status.clone()
}

/// Read once a day, and after a failure, too: whatever is seen sooner, the watcher has told.
fn watched_only(path: &Path) -> (WatchedFile, DiscoverySpec) {
    let file = WatchedFile::new(path).expect("a known ending").with_poll_interval(DAY);
    let file = file.with_settling(Duration::from_millis(1));
    let spec = DiscoverySpec::new().with_ceiling(DAY).with_first_retry(DAY).with_longest_retry(DAY);
    (file, spec)
}

#[tokio::test]
async fn what_is_renamed_into_place_is_seen_at_once_and_also_what_is_written_in_place() {
    let (folder, balancer) = (Folder::new("rename"), balancer());
    let path = folder.file("endpoints.json");
    replace(&path, r#"["http://10.0.0.1:80"]"#);
    let (file, spec) = watched_only(&path);
    let discovering =
        Discoverer::new(&balancer, "api", file).with_spec(spec).start().expect("the pool is there");
    until(&discovering, |status| status.endpoints() == 1).await;
    replace(&path, r#"["http://10.0.0.2:80", { "address": "http://10.0.0.3:80", "weight": 2 }]"#);
    until(&discovering, |status| status.endpoints() == 2).await;
    assert_eq!(addresses(&balancer), ["http://10.0.0.2:80", "http://10.0.0.3:80"]);
    fs::write(&path, r#"["http://10.0.0.4:80", "http://10.0.0.5:80", "http://10.0.0.6:80"]"#)
        .expect("written");
    until(&discovering, |status| status.endpoints() == 3).await;
    // Again, because a rename has put another file in the place of the one that was there.
    replace(&path, r#"["http://10.0.0.7:80"]"#);
    until(&discovering, |status| status.endpoints() == 1).await;
    assert_eq!(addresses(&balancer), ["http://10.0.0.7:80"]);
}

#[tokio::test]
async fn bad_content_and_a_deleted_file_keep_the_last_state_until_it_comes_back() {
    let (folder, balancer) = (Folder::new("bad"), balancer());
    let path = folder.file("endpoints.toml");
    let (file, spec) = watched_only(&path);
    let discovering =
        Discoverer::new(&balancer, "api", file).with_spec(spec).start().expect("the pool is there");
    until(&discovering, |status| status.failures() == 1).await;
    replace(&path, "endpoints = ['http://10.0.0.1:80']");
    until(&discovering, |status| status.endpoints() == 1).await;
    let file_name = path.display().to_string();
    for (content, problem) in [
        ("endpoints = ['http://10.0.0.2:80", "write valid Toml"),
        ("", "add the key `endpoints`"),
        ("endpoints = [{ address = 'http://10.0.0.2:80', wieght = 2 }]", "endpoints[0].wieght"),
        ("endpoints = ['a', 'a']", "list each address once"),
        ("endpoints = []", "may_empty"),
    ] {
        replace(&path, content);
        let told = |status: &DiscoveryStatus| {
            status.last_failure().is_some_and(|failure| failure.problem().contains(problem))
        };
        let status = until(&discovering, told).await;
        assert!(status.failures() > 0 && status.endpoints() == 1, "{content}");
        assert_eq!(status.source(), format!("file {file_name}"));
        assert_eq!(addresses(&balancer), ["http://10.0.0.1:80"], "{content}");
    }
    fs::remove_file(&path).expect("it was there");
    let gone = |status: &DiscoveryStatus| {
        let problem = status.last_failure().expect("there were some").problem();
        problem.starts_with(&file_name) && problem.contains("os error 2")
    };
    until(&discovering, gone).await;
    assert_eq!(addresses(&balancer), ["http://10.0.0.1:80"]);
    replace(&path, "endpoints = ['http://10.0.0.9:80']");
    until(&discovering, |status| status.failures() == 0).await;
    assert_eq!(addresses(&balancer), ["http://10.0.0.9:80"]);
}

#[tokio::test(start_paused = true)]
async fn half_a_list_is_not_taken_for_a_list() {
    let folder = Folder::new("half");
    let path = folder.file("endpoints.yaml");
    fs::write(&path, "- http://10.0.0.1:80\n").expect("written");
    let settling = Duration::from_secs(1);
    let mut file = WatchedFile::new(&path).expect("a known ending").with_settling(settling);
    // Each state is valid YAML, the last but one with a port that is cut off.
    let write = async {
        for content in
            ["- http://10.0.0.1:80\n- http://10.0.0.2:80", "- http://10.0.0.1:80\n- http://10.0.0.2:8080\n"]
        {
            sleep(settling / 2).await;
            fs::write(&path, content).expect("written");
            sleep(settling / 2).await;
        }
    };
    let (found, ()) = join!(find(&mut file), write);
    assert_eq!(found.expect("a good answer"), ["http://10.0.0.1:80", "http://10.0.0.2:8080"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_never_stops_changing_is_given_up() {
    let folder = Folder::new("restless");
    let path = folder.file("endpoints.json");
    fs::write(&path, "[]").expect("written");
    let settling = Duration::from_secs(2);
    let mut file = WatchedFile::new(&path).expect("a known ending").with_settling(settling);
    let mut finding = pin!(find(&mut file));
    let mut writes = 0;
    let error = loop {
        tokio::select! {
            found = &mut finding => break found.expect_err("it changes"),
            () = sleep(settling / 2) => {
                writes += 1;
                replace(&path, &format!("[\"http://10.0.0.1:{writes}\"]"));
            }
        }
    };
    assert!(error.to_string().contains("does not stop changing"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_no_watcher_tells_is_found_by_reading_now_and_then() {
    let (folder, elsewhere, balancer) = (Folder::new("link"), Folder::new("target"), balancer());
    let (link, target) = (folder.file("endpoints.json"), elsewhere.file("endpoints.json"));
    fs::write(&target, r#"["http://10.0.0.1:80"]"#).expect("written");
    std::os::unix::fs::symlink(&target, &link).expect("a link");
    let file = WatchedFile::new(&link).expect("a known ending");
    let discovering = Discoverer::new(&balancer, "api", file).start().expect("the pool is there");
    discovering.watch().wait_for(|status| status.endpoints() == 1).await.expect("it runs");
    // Another folder is not watched.
    replace(&target, r#"["http://10.0.0.1:80", "http://10.0.0.2:80"]"#);
    discovering.watch().wait_for(|status| status.endpoints() == 2).await.expect("it runs");
    assert_eq!(addresses(&balancer), ["http://10.0.0.1:80", "http://10.0.0.2:80"]);
}

#[tokio::test]
async fn a_link_that_is_changed_as_kubernetes_mounts_are_is_followed() {
    let (folder, balancer) = (Folder::new("mount"), balancer());
    for (version, host) in [("v1", 1), ("v2", 2)] {
        fs::create_dir(folder.file(version)).expect("a folder");
        let content = format!("[\"http://10.0.0.{host}:80\"]");
        fs::write(folder.file(version).join("endpoints.json"), content).expect("written");
    }
    let link = |to: &str, from: &str| std::os::unix::fs::symlink(to, folder.file(from)).expect("a link");
    link("v1", "..data");
    link("..data/endpoints.json", "endpoints.json");
    let (file, spec) = watched_only(&folder.file("endpoints.json"));
    let discovering =
        Discoverer::new(&balancer, "api", file).with_spec(spec).start().expect("the pool is there");
    until(&discovering, |status| status.endpoints() == 1).await;
    link("v2", "..new");
    fs::rename(folder.file("..new"), folder.file("..data")).expect("renamed");
    let seen = async {
        while addresses(&balancer) != ["http://10.0.0.2:80"] {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, seen).await.expect("it is seen");
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_not_there_yet_is_watched_when_it_comes() {
    let folder = Folder::new("later");
    let path = folder.file("mounted").join("endpoints.yml");
    let mut file = WatchedFile::new(&path).expect("a known ending");
    assert!(find(&mut file).await.is_err());
    fs::create_dir(folder.file("mounted")).expect("a folder");
    fs::write(&path, "endpoints:\n  - http://10.0.0.1:80\n").expect("written");
    let found = file.find().await.expect("a good answer");
    assert_eq!((found.endpoints().len(), found.problem()), (1, None));
    assert_eq!(found.ttl(), Some(Duration::from_secs(5)));
    // It goes and comes back as another one.
    fs::remove_dir_all(folder.file("mounted")).expect("it was there");
    assert!(find(&mut file).await.is_err());
    fs::create_dir(folder.file("mounted")).expect("a folder");
    fs::write(&path, "[http://10.0.0.2:80]").expect("written");
    assert_eq!(find(&mut file).await.expect("a good answer"), ["http://10.0.0.2:80"]);
    assert_eq!(file.find().await.expect("the same").problem(), None);
}

#[test]
fn an_unknown_ending_is_refused() {
    for name in ["endpoints", "endpoints.xml", "endpoints.json.bak"] {
        let error = WatchedFile::new(name).expect_err("not a list's").to_string();
        assert_eq!(error, format!("{name}: let its name end in .json, .toml, .yaml or .yml"));
    }
}
