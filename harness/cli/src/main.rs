//! The `gateproof` command.
fn main() {}
