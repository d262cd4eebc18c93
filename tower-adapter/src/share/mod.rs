//! A part of all requests, drawn by seed and number: what [`fault`](crate::fault) and [`mirror`](crate::mirror) go by.

mod draw;
mod part;

pub use part::{Share, ShareError};
