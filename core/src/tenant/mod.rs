//! Tenants: who is calling, what they may, and what they have used.

mod build;
mod directory;
mod id;
mod lineage;
mod registry;
mod slab;
mod state;
mod terms;

pub(crate) use build::{Listed, Listing};
pub(crate) use directory::{Directory, Found};
pub(crate) use id::{IdHasher, IdKey};
pub(crate) use lineage::Lineages;
pub(crate) use registry::Registry;
pub(crate) use slab::Slab;
pub(crate) use state::{Entry, EntryError, Tenant};
pub(crate) use terms::{Ancestor, Limits, QuotaLists, Terms};
