//! `gateproof check` and `gateproof run --provider existing` against embedded clusters, whose API is
//! reached as any other: by a kubeconfig, over a socket, and with a proxy in between that counts,
//! delays, forbids, fails and cuts.

mod bed;
mod check;
mod inside;
mod proxy;
mod run;
mod session;
#[path = "../command/support.rs"]
#[expect(dead_code, reason = "shared with the suite of the command, which uses all of it")]
mod support;
