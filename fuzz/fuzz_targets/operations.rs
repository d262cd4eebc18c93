//! A list of operations against the model in `src/`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_fuzz::{Operation, run};

fuzz_target!(|operations: Vec<Operation>| run(&operations));
