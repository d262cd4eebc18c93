//! Tenantry for Python: conversion between Python's types and the core's, and nothing decided.
//!
//! The Python package `tenantry` re-exports what is here; `_native.pyi` is its documented face. Every entry point that runs the
//! core goes through [`guard`], so that a bug there is a Python exception and never a panic.

#![forbid(unsafe_code)]

mod acquire;
mod address;
mod balancer;
mod blocking;
mod config;
mod done;
mod guard;
mod lease;
mod outcome;
mod overhead;
mod rejection;
mod request;
mod stats;
mod time;
mod waker;

#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::{
        acquire::Acquire, balancer::Balancer, guard::_panic, lease::Lease, overhead::_bench_rust,
        time::ManualClock,
    };

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "what Python calls it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
