//! `otel`: traces and metrics to a collector, where the gateway is built with the feature `otel`. Otherwise the table is an error that says so.

#[cfg(not(feature = "otel"))]
mod absent;
#[cfg(feature = "otel")]
mod present;

#[cfg(not(feature = "otel"))]
pub use absent::{OtelTable, Sending};
#[cfg(not(feature = "otel"))]
pub(crate) use absent::{ServerSpans, ServerSpansLayer, attempt_spans, server_spans};
#[cfg(feature = "otel")]
pub use present::{OtelTable, Sending};
#[cfg(feature = "otel")]
pub(crate) use present::{ServerSpans, ServerSpansLayer, attempt_spans, server_spans};
