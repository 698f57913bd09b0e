//! One program under many names: everything a node image has, and Helm.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateproof_stand_in::run(std::env::args().collect())
}
