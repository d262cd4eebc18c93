//! Load signals: what strategies compare endpoints by.

mod peak_ewma;

pub(crate) use peak_ewma::PeakLatency;
