//! The command as its users run it: arguments, exit codes, signals, reports.

mod broken_input;
mod cluster;
mod documents;
mod exit_codes;
mod explain;
mod images;
mod kind;
mod pipes;
mod plan;
mod predict;
mod prober;
mod secrets;
mod signals;
mod support;
