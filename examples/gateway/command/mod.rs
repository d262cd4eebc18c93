//! The command line: what can be asked of the binary beside serving.

mod arguments;
mod ask;
mod check;
mod frame;
mod pages;
mod print;
mod schema;
mod suspicions;
mod top;

pub use arguments::{Arguments, Command, Written};
pub use ask::{AskError, healthy};
pub use check::{Findings, check};
pub use frame::frame;
pub use pages::{completion, manual};
pub use print::{PrintError, effective, print};
pub use schema::schema;
pub use top::top;
