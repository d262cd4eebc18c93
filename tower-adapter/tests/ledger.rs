//! The ledger's file under crashes: torn writes, half-done saves, and processes that are killed in the middle.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tenantry::{
    Balancer, Budget, BudgetPeriod, Config, LedgerStore, LimitStatus, Outcome, PoolSpec, Request, TenantSpec,
};
use tenantry_tower::ledger::{LedgerFile, LedgerFileError, LedgerKeeper};

/// A folder of this test's own, gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("tenantry-{name}-{}", std::process::id()));
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

fn balancer() -> Balancer {
    let budget = || Budget::cost(1_000_000_000_000, BudgetPeriod::Year);
    let config = Config::new()
        .with_pool("api", PoolSpec::new(["http://10.0.0.1:80"]))
        .with_tenant("org", TenantSpec::new().with_budget(budget()))
        .with_tenant("a", TenantSpec::new().with_parent("org").with_budget(budget()));
    Balancer::new(config).expect("usable")
}

fn open(path: &Path) -> (Balancer, LedgerKeeper<LedgerFile>) {
    let balancer = balancer();
    let keeper = LedgerKeeper::open(balancer.clone(), LedgerFile::open(path).expect("free")).expect("whole");
    (balancer, keeper)
}

/// What is used, which is the same for the tenant and its parent.
fn used(balancer: &Balancer) -> u64 {
    let [own, parents] = used_by_both(balancer);
    assert_eq!(own, parents, "all or nothing");
    own
}

fn used_by_both(balancer: &Balancer) -> [u64; 2] {
    let limits = balancer.limits_of("a").expect("it is there");
    let used: Vec<u64> = limits.iter().map(LimitStatus::used).collect();
    [used[0], used[1]]
}

fn settle(balancer: &Balancer, actual: u64) {
    let lease = balancer.try_acquire(&Request::new("a").cost(DECLARED)).expect("there is room");
    lease.finish(Outcome::success().with_cost(actual));
}

/// What a fresh process finds.
fn found(path: &Path) -> u64 {
    used(&open(path).0)
}

#[test]
fn whatever_a_crash_leaves_behind_a_whole_ledger_is_loaded() {
    let folder = Folder::new("crashes");
    let path = folder.file("ledger");
    let (balancer, keeper) = open(&path);
    for total in [100, 200] {
        settle(&balancer, 100);
        keeper.save().expect("it can be written");
        assert_eq!(used(&balancer), total);
    }
    drop((balancer, keeper));
    let (new, previous) = (folder.file("ledger.new"), folder.file("ledger.previous"));
    let whole = fs::read(&path).expect("it is there");
    assert_eq!(found(&path), 200);
    // While the next was being written.
    fs::write(&new, &whole[..whole.len() / 2]).expect("written");
    assert_eq!(found(&path), 200);
    // Between the two renames.
    fs::rename(&path, folder.file("aside")).expect("renamed");
    assert_eq!(found(&path), 100, "the new one is torn");
    fs::write(&new, &whole).expect("written");
    assert_eq!(found(&path), 200);
    // Torn by something else, at any place.
    for length in [0, 1, 20, whole.len() - 1] {
        fs::write(&path, &whole[..length]).expect("written");
        assert_eq!(found(&path), 100);
    }
    // Nothing is left: it is not taken for a fresh start.
    fs::write(&previous, b"tenantry").expect("written");
    let error = LedgerKeeper::open(self::balancer(), LedgerFile::open(&path).expect("free")).map(drop);
    let error = error.expect_err("neither is whole");
    assert!(
        matches!(error, LedgerFileError::Unreadable { .. }) && error.to_string().contains("ledger"),
        "{error}"
    );
}

#[test]
fn a_save_that_fails_leaves_what_was_saved_before() {
    let folder = Folder::new("failing");
    let path = folder.file("ledger");
    let (balancer, keeper) = open(&path);
    settle(&balancer, 100);
    keeper.save().expect("it can be written");
    // A folder where the new file should be.
    fs::create_dir(folder.file("ledger.new")).expect("made");
    settle(&balancer, 100);
    let error = keeper.save().expect_err("it cannot be written");
    assert!(error.to_string().starts_with("could not write"), "{error}");
    assert_eq!((keeper.failed(), keeper.unsaved()), (1, 1));
    fs::remove_dir(folder.file("ledger.new")).expect("removed");
    drop((balancer, keeper));
    assert_eq!(found(&path), 100);
}

#[test]
fn one_file_has_one_keeper() {
    let folder = Folder::new("locked");
    let path = folder.file("ledger");
    let first = LedgerFile::open(&path).expect("free");
    assert!(matches!(LedgerFile::open(&path), Err(LedgerFileError::InUse { .. })));
    assert!(first.load().expect("there is none").is_none());
    drop(first);
    assert!(LedgerFile::open(&path).is_ok());
    assert!(matches!(LedgerFile::open(folder.file("no/such/folder")), Err(LedgerFileError::Io { .. })));
}

#[test]
fn saving_in_the_background_ends_with_everything_saved() {
    let folder = Folder::new("background");
    let path = folder.file("ledger");
    let (balancer, keeper) = open(&path);
    let saving = keeper.save_every(Duration::from_millis(1));
    for _ in 0..1_000 {
        settle(&balancer, 100);
    }
    drop(saving);
    assert_eq!((keeper.unsaved(), keeper.failed()), (0, 0));
    drop((balancer, keeper));
    let (balancer, keeper) = open(&path);
    assert_eq!((keeper.restored().tenants(), used(&balancer)), (2, 100_000));
}

/// The process that the next test kills: two threads settle, and say what after each.
#[test]
#[ignore = "run by `killed_in_the_middle_of_100_000_settlements`"]
fn settles_until_it_is_killed() {
    let Some(path) = env::var_os("TENANTRY_LEDGER") else { return };
    let (balancer, keeper) = open(Path::new(&path));
    let [own, parents] = used_by_both(&balancer);
    // The other thread settled while the ledger was read, between one of the two and the other.
    assert!(own.abs_diff(parents) <= MOST_UNSAVED * LARGEST, "{own}, and {parents} of the parent");
    println!("restored {own}");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (balancer, keeper) = (&balancer, &keeper);
            scope.spawn(move || {
                for step in 0_u64.. {
                    let actual = DECLARED + (step * 7 + thread * 3) % (LARGEST - DECLARED + 1);
                    settle(balancer, actual);
                    println!("settled {actual}");
                    keeper.save_within(MOST_UNSAVED).expect("it can be written");
                }
            });
        }
    });
}

#[test]
fn killed_in_the_middle_of_100_000_settlements() {
    let folder = Folder::new("killed");
    let path = folder.file("ledger");
    let (mut truth, mut settlements, mut lives) = (0, 0_u64, 0);
    while settlements < 100_000 {
        let child = Command::new(env::current_exe().expect("a test"))
            .args(["--exact", "settles_until_it_is_killed", "--ignored", "--nocapture"])
            .env("TENANTRY_LEDGER", &path)
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.expect("it starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        // Other moments in every life, in and between saves.
        let (killed_after, mut settled, mut line) = (7_001 + 2_083 * (lives % 5), 0, String::new());
        while output.read_line(&mut line).expect("text") > 0 {
            // The test runner's own words may come before it on the same line.
            if let Some((_, figure)) = line.rsplit_once("restored ") {
                let restored: u64 = figure.trim().parse().expect("a number");
                let lost = (MOST_UNSAVED + THREADS) * LARGEST;
                assert!(
                    restored + lost >= truth,
                    "life {lives}: {restored} of {truth}: more is lost than the bound"
                );
                // Settled in the last moment, and not said any more.
                assert!(
                    restored <= truth + THREADS * LARGEST,
                    "life {lives}: {restored} of {truth}: charged twice"
                );
                truth = restored;
            } else if let Some((_, figure)) = line.rsplit_once("settled ") {
                truth += figure.trim().parse::<u64>().unwrap_or(0);
                settled += 1;
                if settled == killed_after {
                    child.kill().expect("it runs");
                }
            }
            line.clear();
        }
        child.wait().expect("it was killed");
        assert!(settled >= killed_after, "it ended by itself after {settled}");
        (settlements, lives) = (settlements + settled, lives + 1);
    }
    assert!(lives > 5);
}

const DECLARED: u64 = 10;
const LARGEST: u64 = 100;
const MOST_UNSAVED: u64 = 500;
const THREADS: u64 = 2;
