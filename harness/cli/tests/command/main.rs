//! The command as its users run it: arguments, exit codes, signals, reports.

mod exit_codes;
mod signals;
mod support;
