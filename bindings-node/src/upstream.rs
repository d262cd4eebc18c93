//! What an answer tells of its endpoint's own limits.

use napi_derive::napi;
use tenantry::{UpstreamLimit as Limit, UpstreamReport as Report};

use crate::{
    native::NativeBalancer,
    numbers::{milliseconds, whole},
    tickets::Ticket,
};

/// What is left of one limit; `lib/` has checked the figures.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct UpstreamLimit {
    /// So much.
    pub left: f64,
    /// Of so much.
    pub limit: Option<f64>,
    /// It begins anew after so many milliseconds.
    pub reset_ms: Option<f64>,
    /// It begins anew at this time since 1970.
    pub reset_at_ms: Option<f64>,
}

/// All that one answer tells.
#[napi(object)]
#[derive(Debug)]
#[non_exhaustive]
pub struct UpstreamReport {
    /// What is left of requests.
    pub requests: Option<UpstreamLimit>,
    /// What is left of cost.
    pub cost: Option<UpstreamLimit>,
    /// How long the endpoint wants to be left alone.
    pub retry_after_ms: Option<f64>,
}

#[napi]
impl NativeBalancer {
    /// Learns what the answer to this lease's request tells.
    #[napi(catch_unwind)]
    pub fn report_upstream(&self, slot: u32, generation: u32, report: UpstreamReport) {
        let mut told = Report::new();
        if let Some(requests) = report.requests {
            told = told.with_requests(requests.into());
        }
        if let Some(cost) = report.cost {
            told = told.with_cost(cost.into());
        }
        if let Some(wait) = report.retry_after_ms {
            told = told.with_retry_after(milliseconds(wait));
        }
        self.state.with_lease(Ticket { slot, generation }, |lease| lease.report_upstream(&told));
    }
}

impl From<UpstreamLimit> for Limit {
    fn from(told: UpstreamLimit) -> Self {
        let mut limit = Self::left(whole(told.left));
        if let Some(amount) = told.limit {
            limit = limit.with_limit(whole(amount));
        }
        match (told.reset_ms, told.reset_at_ms) {
            (Some(wait), _) => limit.resets_in(milliseconds(wait)),
            (None, Some(at)) => limit.resets_at_unix(milliseconds(at)),
            (None, None) => limit,
        }
    }
}
