//! What has been used of limits, as bytes that outlive the process: budgets and debts survive a restart.
//!
//! A [`Ledger`] is taken of a running balancer and put back into the next one. Where the bytes are kept is up to a [`LedgerStore`];
//! `tenantry-tower` has one that keeps them in a file. The bytes carry a version and a checksum (SipHash-1-3 of 128 bits), so that torn, damaged
//! and foreign ones are told apart from whole ones, and nothing is half read.

use std::{error, fmt, time::Duration};

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

use crate::limit::{LimitRecord, QuotaRecords};

/// What tenants have used of their limits at one moment. Tenants that have nothing to remember are not in it.
///
/// ```
/// use tenantry::{Balancer, Budget, BudgetPeriod, Config, Ledger, PoolSpec, RateUnit, Request, TenantSpec};
///
/// let budget = Budget::of(RateUnit::Cost, 1_000, BudgetPeriod::Month);
/// let config = Config::new()
///     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
///     .with_tenant("acme", TenantSpec::new().with_budget(budget));
/// let before = Balancer::new(config.clone())?;
/// drop(before.try_acquire(&Request::new("acme").cost(400))?);
/// let bytes = before.ledger().to_bytes();
///
/// // … another process, later …
/// let after = Balancer::new(config)?;
/// let restored = after.restore(&Ledger::from_bytes(&bytes)?);
/// assert_eq!((restored.tenants(), restored.left_out()), (1, 0));
/// assert_eq!(after.limits_of("acme").expect("it is there")[0].remaining(), 600);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Nanoseconds since 1970.
    pub(crate) taken: u64,
    /// What [`Balancer::settlements`](crate::Balancer::settlements) was.
    #[serde(skip)]
    pub(crate) settlements: u64,
    pub(crate) tenants: Vec<TenantRecord>,
}

/// What one tenant has used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TenantRecord {
    /// `None`: the tenant that newcomers past the bound share.
    pub(crate) id: Option<String>,
    pub(crate) quotas: QuotaRecords,
    pub(crate) limits: Vec<LimitRecord>,
}

impl Ledger {
    /// When it was taken, since 1970.
    #[must_use]
    pub const fn taken_at(&self) -> Duration {
        Duration::from_nanos(self.taken)
    }

    /// How many tenants are in it.
    #[must_use]
    pub fn tenants(&self) -> usize {
        self.tenants.len()
    }

    /// What [`Balancer::settlements`](crate::Balancer::settlements) was when it was taken; 0 in one that was read from bytes.
    #[must_use]
    pub const fn settlements(&self) -> u64 {
        self.settlements
    }

    /// The bytes to keep: a head of 36 (what it is, version, length, checksum), and the content.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "writing figures and text to memory does not fail")]
    pub fn to_bytes(&self) -> Vec<u8> {
        let content = postcard::to_allocvec(self).expect("what is in a ledger can be written down");
        let mut bytes = Vec::with_capacity(HEAD + content.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&checksum(&content));
        bytes.extend_from_slice(&content);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) has written, all of it or nothing.
    ///
    /// # Errors
    /// [`LedgerError`] where the bytes are not a whole ledger of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LedgerError> {
        let (magic, rest) = bytes.split_first_chunk().ok_or(LedgerError::NotALedger)?;
        if magic != MAGIC {
            return Err(LedgerError::NotALedger);
        }
        let torn = LedgerError::Torn { bytes: bytes.len() as u64 };
        let (version, rest) = rest.split_first_chunk().ok_or(torn)?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(LedgerError::OtherVersion { version });
        }
        let (length, rest) = rest.split_first_chunk().ok_or(torn)?;
        let (sum, content) = rest.split_first_chunk().ok_or(torn)?;
        if content.len() as u64 != u64::from_le_bytes(*length) {
            return Err(torn);
        }
        if checksum(content) != *sum {
            return Err(LedgerError::Damaged);
        }
        let (ledger, rest): (Self, _) =
            postcard::take_from_bytes(content).map_err(|_| LedgerError::Damaged)?;
        let sound = |tenant: &TenantRecord| {
            tenant.quotas.iter().all(|(quota, _)| quota.is_sound())
                && tenant.limits.iter().all(LimitRecord::is_sound)
        };
        let sound = rest.is_empty() && ledger.tenants.iter().all(sound);
        if sound { Ok(ledger) } else { Err(LedgerError::Damaged) }
    }
}

/// Where a ledger is kept between two lives of a process.
pub trait LedgerStore: Send + Sync {
    /// Why the store could not be read or written.
    type Error: error::Error + Send + Sync + 'static;

    /// Keeps a ledger in place of the one before: after a crash at any moment, one of the two is loaded, whole.
    ///
    /// # Errors
    /// When the store could not be written; then the ledger before is still kept.
    fn save(&self, ledger: &Ledger) -> Result<(), Self::Error>;

    /// The ledger that was last saved; `None` where none ever was.
    ///
    /// # Errors
    /// When there is one and it could not be read whole.
    fn load(&self) -> Result<Option<Ledger>, Self::Error>;
}

/// What putting a ledger back has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    pub(crate) tenants: usize,
    pub(crate) left_out: usize,
}

impl Restored {
    /// How many tenants have back what they had used.
    #[must_use]
    pub const fn tenants(&self) -> usize {
        self.tenants
    }

    /// How many of the ledger's tenants the configuration neither names nor lets be made.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out
    }
}

/// Why bytes are not a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerError {
    /// They do not begin as a ledger does.
    NotALedger,
    /// They are a ledger of a version that this one cannot read.
    OtherVersion {
        /// The version that they are of.
        version: u32,
    },
    /// They end too soon, or too late.
    Torn {
        /// How many there are.
        bytes: u64,
    },
    /// They are as many as they should be, but not those that were written.
    Damaged,
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotALedger => f.write_str("not a ledger: give the bytes that `to_bytes` returned"),
            Self::OtherVersion { version } => {
                write!(
                    f,
                    "a ledger of version {version}, and only version {VERSION} can be read: start without it"
                )
            }
            Self::Torn { bytes } => {
                write!(f, "a ledger that was not written to its end ({bytes} bytes): load the one before it")
            }
            Self::Damaged => f.write_str("a damaged ledger, by its checksum: load the one before it"),
        }
    }
}

impl error::Error for LedgerError {}

fn checksum(content: &[u8]) -> [u8; 16] {
    let mut hasher = SipHasher13::new();
    hasher.write(content);
    hasher.finish128().as_bytes()
}

const MAGIC: &[u8; 8] = b"tenantry";
const VERSION: u32 = 1;
const HEAD: usize = 8 + 4 + 8 + 16;
