//! `gateproof predict` as its users run it.

mod recorded;
