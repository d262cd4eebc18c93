//! What an endpoint says of its own load.

use std::collections::BTreeMap;

/// A load report, after ORCA (Open Request Cost Aggregation, `xds.data.orca.v3.OrcaLoadReport`).
///
/// Hand it to a lease with [`report_load`](crate::Lease::report_load). Feature `orca` reads it from the header
/// `endpoint-load-metrics` and from its binary forms. What is not reported is 0.
///
/// ```
/// use tenantry::LoadReport;
///
/// let report = LoadReport::new().with_cpu_utilization(0.7).with_rps(120.0).with_eps(2.0);
/// assert_eq!(report.utilization(), 0.7);
/// assert_eq!(report.with_application_utilization(0.9).utilization(), 0.9);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadReport {
    pub(super) cpu_utilization: f64,
    pub(super) mem_utilization: f64,
    pub(super) application_utilization: f64,
    pub(super) rps: f64,
    pub(super) eps: f64,
    pub(super) named_metrics: BTreeMap<String, f64>,
    pub(super) utilizations: BTreeMap<String, f64>,
    pub(super) request_cost: BTreeMap<String, f64>,
}

impl LoadReport {
    /// A report that says nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cpu_utilization: 0.0,
            mem_utilization: 0.0,
            application_utilization: 0.0,
            rps: 0.0,
            eps: 0.0,
            named_metrics: BTreeMap::new(),
            utilizations: BTreeMap::new(),
            request_cost: BTreeMap::new(),
        }
    }

    /// The share of the processors in use; above 1 where there are more than asked for.
    #[must_use]
    pub const fn with_cpu_utilization(mut self, share: f64) -> Self {
        self.cpu_utilization = share;
        self
    }

    /// The application's own measure of how busy it is, which goes before that of the processors.
    #[must_use]
    pub const fn with_application_utilization(mut self, share: f64) -> Self {
        self.application_utilization = share;
        self
    }

    /// Requests per second that the endpoint serves.
    #[must_use]
    pub const fn with_rps(mut self, rate: f64) -> Self {
        self.rps = rate;
        self
    }

    /// Errors per second among them.
    #[must_use]
    pub const fn with_eps(mut self, rate: f64) -> Self {
        self.eps = rate;
        self
    }

    /// How busy it is: the application's measure where there is one, else the processors'.
    #[must_use]
    pub const fn utilization(&self) -> f64 {
        if self.application_utilization > 0.0 { self.application_utilization } else { self.cpu_utilization }
    }

    /// The share of the processors in use.
    #[must_use]
    pub const fn cpu_utilization(&self) -> f64 {
        self.cpu_utilization
    }

    /// The share of the memory in use.
    #[must_use]
    pub const fn mem_utilization(&self) -> f64 {
        self.mem_utilization
    }

    /// The application's own measure.
    #[must_use]
    pub const fn application_utilization(&self) -> f64 {
        self.application_utilization
    }

    /// Requests per second.
    #[must_use]
    pub const fn rps(&self) -> f64 {
        self.rps
    }

    /// Errors per second.
    #[must_use]
    pub const fn eps(&self) -> f64 {
        self.eps
    }

    /// The application's metrics, by name.
    #[must_use]
    pub const fn named_metrics(&self) -> &BTreeMap<String, f64> {
        &self.named_metrics
    }

    /// Utilizations of other resources, by name.
    #[must_use]
    pub const fn utilizations(&self) -> &BTreeMap<String, f64> {
        &self.utilizations
    }

    /// What the request has cost, by name.
    #[must_use]
    pub const fn request_cost(&self) -> &BTreeMap<String, f64> {
        &self.request_cost
    }
}
