//! What a decision of [`tenantry`] costs: the floor under it, the peers beside it, and the harness that compares them.
//!
//! Figures come from `cargo bench -p tenantry-benches`; the README of this folder says how to read them.
#![expect(clippy::missing_panics_doc, reason = "a bench ends where its set-up fails")]

pub mod assembled;
pub mod curves;
pub mod floor;
pub mod harness;
pub mod ids;
pub mod report;
pub mod stage;
