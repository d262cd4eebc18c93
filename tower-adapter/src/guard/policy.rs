use std::{collections::HashSet, num::NonZeroU32, time::Duration};

use http::{HeaderName, header::AUTHORIZATION};

use super::{Mode, Rule, RuleSpec, SurgeSpec, origin::X_FORWARDED_FOR};
use crate::{identity::Networks, tenant::TenantId};

/// What is too much, and what becomes of it.
///
/// ```
/// use std::{num::NonZeroU32, time::Duration};
/// use tenantry_tower::{guard::{GuardPolicy, Mode, Rule, RuleSpec}, identity::Networks};
///
/// let policy = GuardPolicy::new()
///     .with_trusted_hops(Networks::parse(["10.0.0.0/8"])?)
///     .with_rule(Rule::Scanning, RuleSpec::new(NonZeroU32::new(50).unwrap(), Duration::from_secs(60)).with_mode(Mode::Shadow))
///     .with_bans(Duration::from_secs(30), Duration::from_secs(3600));
/// # Ok::<(), tenantry_tower::identity::NetworksError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GuardPolicy {
    rules: [RuleSpec; 4],
    pub(super) surge: SurgeSpec,
    pub(super) tenants: Mode,
    pub(super) known: Neighbours,
    pub(super) first_ban: Duration,
    pub(super) longest_ban: Duration,
    pub(super) forgiveness: Duration,
    pub(super) capacity: NonZeroU32,
    pub(super) hops: Networks,
    pub(super) address_header: HeaderName,
    pub(super) allowed: Networks,
    allowed_tenants: HashSet<TenantId>,
    pub(super) credentials: Vec<HeaderName>,
}

/// What becomes of the others behind the address of somebody who is banned (a company, a mobile network).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Neighbours {
    /// Those whose credentials have authenticated from there before the ban, within a day, are served. A guess is none of these, so it is no way around the ban.
    #[default]
    Served,
    /// They are refused, too.
    Refused,
}

impl Default for GuardPolicy {
    fn default() -> Self {
        let each = |limit, seconds| RuleSpec::new(limit, Duration::from_secs(seconds));
        Self {
            rules: [each(AUTHENTICATION, 60), each(ENUMERATION, 3600), each(PROBING, 60), each(SCANNING, 60)],
            surge: SurgeSpec::default(),
            tenants: Mode::Shadow,
            known: Neighbours::Served,
            first_ban: Duration::from_secs(60),
            longest_ban: Duration::from_secs(24 * 3600),
            forgiveness: Duration::from_secs(3600),
            capacity: CAPACITY,
            hops: Networks::default(),
            address_header: X_FORWARDED_FOR,
            allowed: Networks::default(),
            allowed_tenants: HashSet::new(),
            credentials: vec![AUTHORIZATION, HeaderName::from_static("x-api-key")],
        }
    }
}

impl GuardPolicy {
    /// The defaults: 10 failed authentications, 20 probes or 30 scans in a minute, 30 different ids in an hour; bans from a minute to a day.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another limit, window or mode for a rule. [`Rule::Rate`] takes the mode alone; the rest of it is [`with_surge`](Self::with_surge).
    #[must_use]
    pub fn with_rule(mut self, rule: Rule, spec: RuleSpec) -> Self {
        match self.rules.get_mut(rule.index()) {
            Some(there) => *there = spec,
            None => self.surge.mode = spec.mode,
        }
        self
    }

    /// When a tenant's rate is abnormal.
    #[must_use]
    pub const fn with_surge(mut self, surge: SurgeSpec) -> Self {
        self.surge = surge;
        self
    }

    /// The most that becomes of tenants, whatever the rules' own modes are. Default [`Mode::Shadow`]: all clients of a tenant share a ban of it, so one program that
    /// has gone wrong would take the others with it. Clients' addresses go by the rules alone.
    #[must_use]
    pub const fn with_tenants(mut self, most: Mode) -> Self {
        self.tenants = most;
        self
    }

    /// What becomes of the others behind a banned address.
    #[must_use]
    pub const fn with_neighbours(mut self, neighbours: Neighbours) -> Self {
        self.known = neighbours;
        self
    }

    /// How long the first ban is, and the longest: each is twice the one before. Default 1 min and 24 h.
    #[must_use]
    pub fn with_bans(mut self, first: Duration, longest: Duration) -> Self {
        self.first_ban = first;
        self.longest_ban = longest.max(first);
        self
    }

    /// How long somebody must be at peace, after a ban, for one ban to be forgotten: the next is half as long. Default 1 h.
    #[must_use]
    pub fn with_forgiveness(mut self, peace: Duration) -> Self {
        self.forgiveness = peace.max(Duration::from_nanos(1));
        self
    }

    /// How many clients are remembered at most, and as many tenants. Default 32 768. One takes up to about 520 bytes (`cargo nextest run -p tenantry-tower --test guard_memory --no-capture`).
    #[must_use]
    pub const fn with_capacity(mut self, capacity: NonZeroU32) -> Self {
        self.capacity = capacity;
        self
    }

    /// Peers that say truly who their clients are. Default: none, so clients are the peers of connections. They are never banned themselves.
    #[must_use]
    pub fn with_trusted_hops(mut self, hops: Networks) -> Self {
        self.hops = hops;
        self
    }

    /// Where trusted hops say it: a list of addresses to which each hop appends, or one address. Default `x-forwarded-for`. A hop must set this one: what it merely passes on
    /// is the client's own word. (`Forwarded` cannot be it: its elements hold more than addresses, which clients may write in part.)
    #[must_use]
    pub fn with_address_header(mut self, header: HeaderName) -> Self {
        self.address_header = header;
        self
    }

    /// Addresses that are not watched. Default: none.
    #[must_use]
    pub fn with_allowed_networks(mut self, networks: Networks) -> Self {
        self.allowed = networks;
        self
    }

    /// Tenants that are not watched; neither are the addresses that they come from, as far as their own requests go. Default: none.
    #[must_use]
    pub fn with_allowed_tenants<T: Into<TenantId>>(mut self, tenants: impl IntoIterator<Item = T>) -> Self {
        self.allowed_tenants = tenants.into_iter().map(Into::into).collect();
        self
    }

    /// The headers that credentials, or the ids of tenants, stand in: what is told apart by them, as a keyed hash, and never kept. Default `authorization` and `x-api-key`.
    #[must_use]
    pub fn with_credential_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.credentials = headers.into_iter().collect();
        self
    }

    /// The limit of a rule. [`Rule::Rate`] has none.
    #[must_use]
    pub fn rule(&self, rule: Rule) -> Option<&RuleSpec> {
        self.rules.get(rule.index())
    }

    /// Whose word counts on who the client is.
    #[must_use]
    pub const fn trusted_hops(&self) -> &Networks {
        &self.hops
    }

    pub(super) fn is_allowed(&self, tenant: &TenantId) -> bool {
        self.allowed_tenants.contains(tenant)
    }
}

const AUTHENTICATION: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
const ENUMERATION: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
const PROBING: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
const SCANNING: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
const CAPACITY: NonZeroU32 = NonZeroU32::new(32_768).expect("not zero");
