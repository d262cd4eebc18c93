//! Health learnt from real traffic: who is left out for a while, and how it comes back.

mod outlier;

pub(crate) use outlier::{Outlier, OutlierRules};
