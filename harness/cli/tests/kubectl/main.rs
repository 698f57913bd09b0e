//! What a user does with kubectl in a cluster of `gateproof cluster up`, and what kubectl prints.
//!
//! kubectl is the judge: it parses the answers with client-go and decides by them. It is looked for
//! on `PATH` and at `GATEPROOF_KUBECTL`; without it the walks are ignored and say so.

mod cluster;
mod walks;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use cluster::Cluster;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let kubectl = kubectl();
    let trials = walks::ALL.iter().map(|(name, walk)| match kubectl.clone() {
        Some(kubectl) => Trial::test(*name, move || {
            walk(&Cluster::up(kubectl));
            Ok(())
        }),
        None => Trial::test(*name, || Ok(()))
            .with_kind("no kubectl on PATH or at GATEPROOF_KUBECTL")
            .with_ignored_flag(true),
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn kubectl() -> Option<PathBuf> {
    if let Some(path) = env::var_os("GATEPROOF_KUBECTL") {
        return Some(PathBuf::from(path));
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.is_file())
}
