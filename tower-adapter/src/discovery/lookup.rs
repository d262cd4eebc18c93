//! Single questions to name servers, each with its last good answer.

use std::{collections::HashMap, net::IpAddr};

use hickory_resolver::{
    TokioResolver,
    net::{DnsError, NetError},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, Record, RecordType, rdata::SRV},
    },
};

use super::DiscoveryError;

/// What is asked for of one name.
pub(super) type Question = (Name, RecordType);

/// The addresses that questions had, the last time that they had an answer.
pub(super) type LastGood = HashMap<Question, Vec<IpAddr>>;

/// The addresses of some names, from all of their questions.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// By name, in one order.
    pub(super) of: HashMap<Name, Vec<IpAddr>>,
    /// In seconds, the shortest; `None` where nothing was found.
    pub(super) ttl: Option<u32>,
    /// The last question without an answer.
    pub(super) problem: Option<DiscoveryError>,
    pub(super) last_good: LastGood,
}

impl Addresses {
    /// Takes in what a question brought. Without an answer the one before counts; that there is nothing is an answer.
    pub(super) fn take(
        &mut self,
        question: Question,
        answer: Result<(Vec<IpAddr>, Option<u32>), DiscoveryError>,
        last_good: &LastGood,
    ) {
        let addresses = match answer {
            Ok((addresses, ttl)) => {
                self.ttl = shorter(self.ttl, ttl);
                addresses
            }
            Err(problem) => {
                self.problem = Some(problem);
                last_good.get(&question).cloned().unwrap_or_default()
            }
        };
        let of_name = self.of.entry(question.0.clone()).or_default();
        of_name.extend(&addresses);
        of_name.sort_unstable();
        of_name.dedup();
        if !addresses.is_empty() {
            self.last_good.insert(question, addresses);
        }
    }
}

/// The addresses of one family, and the shortest TTL.
pub(super) async fn addresses(
    resolver: &TokioResolver,
    (name, family): Question,
) -> Result<(Vec<IpAddr>, Option<u32>), DiscoveryError> {
    let records = ask(resolver, name, family).await?;
    let address = |record: &Record| match &record.data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    };
    Ok((records.iter().filter_map(address).collect(), shortest_ttl(&records)))
}

/// The services of a name but those that say that there is none (the root as their target), and the shortest TTL.
pub(super) async fn services(
    resolver: &TokioResolver,
    name: Name,
) -> Result<(Vec<SRV>, Option<u32>), DiscoveryError> {
    let records = ask(resolver, name, RecordType::SRV).await?;
    let service = |record: &Record| match &record.data {
        RData::SRV(service) if !service.target.is_root() => Some(service.clone()),
        _ => None,
    };
    Ok((records.iter().filter_map(service).collect(), shortest_ttl(&records)))
}

pub(super) fn shorter(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    [a, b].into_iter().flatten().min()
}

/// An answer's records; that there are none is an answer, too.
async fn ask(
    resolver: &TokioResolver,
    name: Name,
    record_type: RecordType,
) -> Result<Vec<Record>, DiscoveryError> {
    let is_negative = |code| matches!(code, ResponseCode::NXDomain | ResponseCode::NoError);
    match resolver.lookup(name.clone(), record_type).await {
        Ok(lookup) => Ok(lookup.answers().to_vec()),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) if is_negative(none.response_code) => Ok(vec![]),
        Err(error) => {
            let (name, record) = (name.to_string(), record_type.into());
            Err(DiscoveryError::Lookup { name, record, problem: error.to_string() })
        }
    }
}

/// Those of aliases on the way count, too.
fn shortest_ttl(records: &[Record]) -> Option<u32> {
    records.iter().map(|record| record.ttl).min()
}
