//! Tenants: who is calling, what they may, and what they have used.

mod build;
mod directory;
mod entry;
mod eviction;
mod lineage;
mod lookup;
mod newcomers;
mod permits;
mod quota_lists;
mod registry;
mod revise;
mod segments;
mod slab;
mod state;
mod terms;
mod terms_list;
mod visits;
mod words;

pub(crate) use build::{Listed, Listing, MadeSpec};
pub(crate) use directory::Directory;
pub(crate) use entry::{Entry, EntryError};
pub(crate) use lineage::Lineages;
pub(crate) use lookup::{Found, Lookup};
pub(crate) use quota_lists::QuotaLists;
pub(crate) use registry::{Kept, Registry};
pub(crate) use revise::{Revised, Revision};
pub(crate) use segments::Segments;
pub(crate) use slab::Slab;
pub(crate) use state::Tenant;
pub(crate) use terms::{Ancestor, Limits, Terms};
pub(crate) use visits::{Mark, Visits};
