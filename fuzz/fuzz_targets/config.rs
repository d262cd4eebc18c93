//! Any bytes as a config document: never a panic, and an error that says where and what to do.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry::{Balancer, Config, Format};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for format in [Format::Toml, Format::Yaml, Format::Json] {
        match Config::from_text(text, format).and_then(Balancer::new) {
            Ok(balancer) => drop(balancer.stats()),
            Err(error) => {
                assert!(!error.fix().is_empty(), "{error:?} says what to do");
                assert!(!error.to_string().is_empty());
                let _ = (error.path(), error.value());
            }
        }
    }
});
