//! `gateproof predict` as its users run it.

mod document;
mod input;
mod output;
mod recorded;
