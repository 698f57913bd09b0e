//! Gateways beyond the documented scenarios, one corner of the Gateway API each, over variants and
//! versions: `cargo test --test gateways`, with trial names as filters.

use std::process::ExitCode;

use gateproof_tests::scenarios_as_tests;

fn main() -> ExitCode {
    scenarios_as_tests("tests/gateways")
}
