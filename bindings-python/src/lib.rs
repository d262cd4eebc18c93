//! Tenantry for Python: conversion between Python's types and the core's, and nothing decided.
//!
//! The Python package `tenantry` re-exports what is here; `_native.pyi` is its documented face. Every entry point that runs the
//! core goes through [`guard`], so that a bug there is a Python exception and never a panic.

#![forbid(unsafe_code)]

mod acquire;
mod address;
mod amounts;
mod backoff;
mod balancer;
mod blocking;
mod config;
mod discovery;
mod done;
mod events;
mod guard;
mod health_checks;
mod lease;
mod ledger;
mod outcome;
mod overhead;
mod probes;
mod rejection;
mod request;
mod server_load;
mod stats;
mod strategy;
mod tenant;
mod time;
mod upstream;
mod waker;

#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::{
        acquire::Acquire,
        backoff::Backoff,
        balancer::Balancer,
        discovery::Discovery,
        events::EventCursor,
        guard::_panic,
        health_checks::{HealthCheck, HealthChecks, HttpCheck},
        lease::Lease,
        ledger::_is_ledger,
        overhead::_bench_rust,
        probes::{Probe, Probes},
        server_load::{Begun, ServerLoad},
        strategy::Candidate,
        tenant::TenantHandle,
        time::ManualClock,
    };

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "what Python calls it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
