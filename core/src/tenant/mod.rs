//! Tenants: who is calling, what they may, and what they have used.

mod build;
mod directory;
mod eviction;
mod lineage;
mod newcomers;
mod registry;
mod revise;
mod slab;
mod state;
mod terms;
mod terms_list;

pub(crate) use build::{Listed, Listing, MadeSpec};
pub(crate) use directory::{Directory, Found, Lookup};
pub(crate) use lineage::Lineages;
pub(crate) use registry::Registry;
pub(crate) use revise::{Revised, Revision};
pub(crate) use slab::Slab;
pub(crate) use state::{Entry, EntryError, Tenant};
pub(crate) use terms::{Ancestor, Limits, QuotaLists, Terms};
