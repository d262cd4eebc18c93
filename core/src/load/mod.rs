//! Load signals: what strategies compare endpoints by.

mod failing;
mod peak_ewma;
mod probe_report;
mod report;
#[cfg(feature = "orca")]
mod report_binary;
#[cfg(feature = "orca")]
mod report_header;
#[cfg(feature = "orca")]
mod report_json;
mod reported;
mod server_load;

pub(crate) use failing::{Failing, penalty};
pub(crate) use peak_ewma::PeakLatency;
pub use probe_report::ProbeReport;
pub use report::LoadReport;
#[cfg(feature = "orca")]
pub use report_header::LoadReportError;
pub(crate) use reported::{ReportedLoad, WeightRules};
pub use server_load::{Begun, ServerLoad};
