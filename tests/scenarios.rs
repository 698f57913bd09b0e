//! Every trial of every scenario as a test of its own:
//! `cargo test --test scenarios`, with trial names as filters.

use std::process::ExitCode;

use gateproof_tests::scenarios_as_tests;

fn main() -> ExitCode {
    scenarios_as_tests("scenarios")
}
