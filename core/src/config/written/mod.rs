//! The effective form: a configuration as the document that says all of it, defaults included. Reading it gives the same configuration again.

mod balancing;
mod capacity;
mod entries;
mod health;
mod limits;
mod pool;
mod root;

use entries::{Entries, time};
