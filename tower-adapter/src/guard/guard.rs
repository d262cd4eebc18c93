use std::{
    fmt,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use http::HeaderMap;
use tenantry::{Clock, SystemClock, Time};

use super::{
    Ban, ClientNetwork, Example, GuardEvent, GuardPolicy, GuardSnapshot, Mode, Neighbours, Subject,
    credential::secret,
    log::Log,
    offence::Offence,
    record::{Record, Sentence, Terms},
    table::Table,
};
use crate::tenant::TenantId;

/// Watches who is refused, and bans those who do it too often. Clones share one memory.
///
/// ```
/// use std::time::Duration;
/// use tenantry_tower::guard::{Guard, GuardPolicy, Subject};
///
/// let guard = Guard::new(GuardPolicy::new());
/// let client: Subject = "192.0.2.7".parse()?;
/// guard.ban(&client, Duration::from_secs(600));
/// assert_eq!(guard.bans()[0].subject(), &client);
/// assert!(guard.unban(&client));
/// assert!(guard.bans().is_empty());
/// # Ok::<(), tenantry_tower::guard::SubjectError>(())
/// ```
#[derive(Clone)]
pub struct Guard {
    shared: Arc<Shared>,
}

struct Shared {
    policy: GuardPolicy,
    clock: Box<dyn Clock>,
    clients: Table<ClientNetwork>,
    tenants: Table<TenantId>,
    log: Log,
    hasher: RandomState,
}

/// What an answer was to, as far as it matters.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) client: Option<ClientNetwork>,
    pub(super) tenant: Option<&'a TenantId>,
    pub(super) credential: Option<u64>,
}

/// Why somebody is refused: for how long yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Banned(pub(super) Duration);

impl Guard {
    /// Watches by this policy.
    #[must_use]
    pub fn new(policy: GuardPolicy) -> Self {
        Self::with_clock(policy, SystemClock::new())
    }

    /// Goes by this clock.
    #[must_use]
    pub fn with_clock(policy: GuardPolicy, clock: impl Clock + 'static) -> Self {
        let (capacity, hasher) = (policy.capacity.get(), RandomState::new());
        let (clients, tenants) = (Table::new(capacity, hasher.clone()), Table::new(capacity, hasher.clone()));
        let shared = Shared { policy, clock: Box::new(clock), clients, tenants, log: Log::default(), hasher };
        Self { shared: Arc::new(shared) }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &GuardPolicy {
        &self.shared.policy
    }

    /// Bans somebody for so long, whoever is on the lists of the allowed; nobody behind a banned address is served then, whatever [`Neighbours`] says of bans by rules. A ban that would
    /// end later stays. Whether there was room: where other bans of operators take every place that it could have there is none.
    pub fn ban(&self, subject: &Subject, time: Duration) -> bool {
        let now = self.shared.clock.now();
        let ban = |record: &mut Record| record.ban(None, time, now);
        match subject {
            Subject::Client(client) => self.shared.clients.enter(client, now, ban),
            Subject::Tenant(tenant) => self.shared.tenants.enter(tenant, now, ban),
        }
        self.is_banned(subject, now)
    }

    /// Ends a ban, and forgets what led to it. Whether there was one.
    pub fn unban(&self, subject: &Subject) -> bool {
        let now = self.shared.clock.now();
        let pardon = |record: &mut Record| record.pardon(now);
        let pardoned = match subject {
            Subject::Client(client) => self.shared.clients.find(client, pardon),
            Subject::Tenant(tenant) => self.shared.tenants.find(tenant, pardon),
        };
        pardoned.unwrap_or(false)
    }

    /// Carries the bans of another one on, for as long as they have yet: of the one whose place this takes, when its policy changes. What was counted against those who are not banned is forgotten, and so is who has proved himself, and how often somebody was banned before.
    pub fn carry_on(&self, before: &Self) {
        let now = self.shared.clock.now();
        for ban in before.bans() {
            let carry = |record: &mut Record| record.ban(ban.rule, ban.remaining, now);
            match &ban.subject {
                Subject::Client(client) => self.shared.clients.enter(client, now, carry),
                Subject::Tenant(tenant) => self.shared.tenants.enter(tenant, now, carry),
            }
        }
    }

    /// The bans in force, those that end last first.
    #[must_use]
    pub fn bans(&self) -> Vec<Ban> {
        let (now, mut bans) = (self.shared.clock.now(), vec![]);
        self.shared.clients.each(|client, record| bans.extend(record.listed(Subject::Client(*client), now)));
        self.shared.tenants.each(|tenant, record| {
            bans.extend(record.listed(Subject::Tenant(tenant.clone()), now));
        });
        bans.sort_by(|a, b| b.remaining.cmp(&a.remaining).then_with(|| a.subject.cmp(&b.subject)));
        bans
    }

    /// Whether somebody from this address is banned, and for how long yet.
    #[must_use]
    pub fn remaining(&self, address: IpAddr) -> Option<Duration> {
        let now = self.shared.clock.now();
        self.shared.clients.find(&ClientNetwork::of(address), |record| record.remaining(now))?
    }

    /// Whether nobody who comes from this address is served, whatever the request: for whoever can refuse the connection itself. So it is while the address is banned and nobody is known there whom the ban
    /// spares ([`Neighbours`]). A trusted hop is not meant by what its clients do, and who is allowed is not watched. What is refused by this counts as a refused request does.
    #[must_use]
    pub fn refuses(&self, address: IpAddr) -> bool {
        let Shared { policy, clock, clients, log, .. } = &*self.shared;
        if policy.hops.contains(address) || policy.allowed.contains(address) {
            return false;
        }
        let now = clock.now();
        let refused = clients.find(&ClientNetwork::of(address), |record| {
            let spares = policy.known == Neighbours::Served && record.spares_somebody(now);
            !spares && record.admit(now).is_err()
        });
        let is_refused = refused.unwrap_or(false);
        if is_refused {
            log.refused();
        }
        is_refused
    }

    /// All that there is to see, for a status page.
    #[must_use]
    pub fn snapshot(&self) -> GuardSnapshot {
        let (mut clients, mut tenants) = (0, 0);
        self.shared.clients.each(|_, _| clients += 1);
        self.shared.tenants.each(|_, _| tenants += 1);
        let displaced = self.shared.clients.displaced() + self.shared.tenants.displaced();
        GuardSnapshot { displaced, clients, tenants, ..self.shared.log.snapshot(self.bans()) }
    }

    /// What has happened since the last call, oldest first. At most the last 256 are kept; each is also a [`tracing`] event of level WARN, target `tenantry::guard`.
    #[must_use]
    pub fn take_events(&self) -> Vec<GuardEvent> {
        self.shared.log.take_events()
    }

    /// Whether somebody from there may go on, with these credentials; `Ok(true)`: they have authenticated from there before.
    pub(super) fn admit(&self, client: ClientNetwork, credential: Option<u64>) -> Result<bool, Banned> {
        let (now, neighbours) = (self.shared.clock.now(), self.shared.policy.known);
        let admitted = self.shared.clients.find(&client, |record| {
            let is_known = credential.is_some_and(|credential| record.known().touch(credential, now));
            if is_known && neighbours == Neighbours::Served && !record.is_by_operator(now) {
                return Ok(true);
            }
            record.admit(now).map(|()| is_known).map_err(Banned)
        });
        admitted.unwrap_or(Ok(false)).inspect_err(|_| self.shared.log.refused())
    }

    /// Whether somebody of this tenant may go on.
    pub(super) fn admit_tenant(&self, tenant: &TenantId) -> Result<(), Banned> {
        let Shared { policy, clock, tenants, log, .. } = &*self.shared;
        let now = clock.now();
        if policy.is_allowed(tenant)
            && tenants.find(tenant, |record| record.remaining(now)).flatten().is_none()
        {
            return Ok(());
        }
        let entered = tenants.enter(tenant, now, |record| {
            record.admit(now)?;
            Ok(record.pace(Terms { policy, most: policy.tenants, now }))
        });
        match entered {
            Err(remaining) => {
                log.refused();
                Err(Banned(remaining))
            }
            Ok(sentence) => {
                self.pass(&Subject::Tenant(tenant.clone()), sentence);
                Ok(())
            }
        }
    }

    /// Counts an offence against all who are to blame.
    pub(super) fn charge(&self, offence: Offence, asked: &Asked<'_>, shown: &str) {
        let Shared { policy, clock, clients, tenants, log, .. } = &*self.shared;
        if asked.tenant.is_some_and(|tenant| policy.is_allowed(tenant)) {
            return;
        }
        let now = clock.now();
        log.offence(offence.rule);
        let charge = |record: &mut Record, most| {
            record.show(Example { code: offence.code, request: shown.into() });
            if let Some(credential) = asked.credential.filter(|_| offence.is_grave()) {
                record.known().forget(credential);
            }
            let sentences = record.charge(offence, asked.credential, Terms { policy, most, now });
            // Whoever brings a ban about is not the one who is spared by it.
            if let Some(credential) = asked.credential.filter(|_| sentences.iter().any(Sentence::is_enforced))
            {
                record.known().forget(credential);
            }
            sentences
        };
        if let Some(client) = asked.client {
            let sentences = clients.enter(&client, now, |record| charge(record, Mode::Enforce));
            self.pass(&Subject::Client(client), sentences);
        }
        if let Some(tenant) = asked.tenant.filter(|_| !offence.is_guess) {
            let sentences = tenants.enter(tenant, now, |record| charge(record, policy.tenants));
            self.pass(&Subject::Tenant(tenant.clone()), sentences);
        }
    }

    /// These credentials have authenticated somebody of this tenant from there.
    pub(super) fn remember(&self, client: ClientNetwork, credential: u64, tenant: &TenantId) {
        let Shared { clock, clients, hasher, .. } = &*self.shared;
        let now = clock.now();
        #[expect(clippy::cast_possible_truncation, reason = "a part of a hash")]
        let tenant = hasher.hash_one(tenant) as u32;
        clients.enter(&client, now, |record| record.known().remember(credential, tenant, now));
    }

    /// A keyed hash of what stands in the headers for credentials, whatever its form; `None` where nothing does.
    pub(super) fn credential(&self, headers: &HeaderMap) -> Option<u64> {
        let mut hasher = self.shared.hasher.build_hasher();
        let mut is_there = false;
        for name in &self.shared.policy.credentials {
            for value in headers.get_all(name) {
                is_there = true;
                (name.as_str(), secret(value)).hash(&mut hasher);
            }
        }
        is_there.then(|| hasher.finish())
    }

    fn is_banned(&self, subject: &Subject, now: Time) -> bool {
        let remaining = |record: &mut Record| record.remaining(now);
        let found = match subject {
            Subject::Client(client) => self.shared.clients.find(client, remaining),
            Subject::Tenant(tenant) => self.shared.tenants.find(tenant, remaining),
        };
        found.flatten().is_some()
    }

    fn pass(&self, subject: &Subject, sentences: impl IntoIterator<Item = Sentence>) {
        let at_unix = self.shared.clock.unix();
        for sentence in sentences {
            let Sentence { rule, mode, breach, ban, bans, examples } = sentence;
            self.shared.log.event(GuardEvent {
                subject: subject.clone(),
                rule,
                mode,
                count: breach.count,
                over: breach.over,
                ban,
                bans,
                examples: examples.into(),
                at_unix,
            });
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("policy", &self.shared.policy).finish_non_exhaustive()
    }
}
