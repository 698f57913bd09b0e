//! A defect as data, and how a changed scenario is loaded and run.

use std::fs;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::plan::selection::Selection;
use gateproof_core::plan::{self, Plan};
use gateproof_core::report::RunReport;
use gateproof_core::scenario::catalog;
use gateproof_core::source::render::Style;
use gateproof_core::source::{Role, SourceTree};
use gateproof_core::verdict::Verdict;
use gateproof_runner::Diagnose;
use gateproof_tests::{diagnosed, files, root};
use libtest_mimic::Failed;
use tokio::runtime::Runtime;

use crate::{in_words, pem};

/// A text of the base, which must be there exactly once, and what takes its place.
pub(crate) type Change = (&'static str, &'static str);

/// A scenario that must not pass.
#[derive(Debug)]
pub(crate) struct Defect {
    /// What is wrong, as a claim.
    pub(crate) name: &'static str,
    /// The healthy scenario.
    pub(crate) base: &'static str,
    /// What makes it a defect.
    pub(crate) changes: &'static [Change],
    /// The trial's verdict.
    pub(crate) verdict: Verdict,
    /// The steps, then the checks, that do not pass.
    pub(crate) failing: &'static [&'static str],
    /// Changes that look much the same and break nothing; without them, the base alone is it.
    pub(crate) look_alike: Option<&'static [Change]>,
}

/// Runs a base with these changes on the embedded cluster, and has the rules look at it whatever
/// comes of it.
pub(crate) fn run(runtime: &Runtime, base: &str, changes: &[Change]) -> Result<RunReport, Failed> {
    diagnosed(runtime, &planned(base, changes)?, Diagnose::Always)
}

fn planned(base: &str, changes: &[Change]) -> Result<Plan, Failed> {
    let path = format!("tests/defects/bases/{base}.yaml");
    let mut tree = SourceTree::new();
    for file in files(&root().join("clusters"), "yaml") {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tree.insert(Role::Topology, format!("clusters/{name}"), fs::read_to_string(&file)?);
    }
    let text = changed(fs::read_to_string(root().join(&path))?, changes)?;
    tree.insert(Role::Scenario, path, pem::filled_in(text));
    let catalog = catalog::load(&tree).map_err(|problems| problems.render(Style::Plain))?;
    let plan = plan::make(&catalog, ProviderKind::Embedded, &Selection::default())?;
    match plan.clusters.iter().map(|cluster| cluster.trials.len()).sum() {
        1 => Ok(plan),
        other => Err(format!("a base has one trial, {base} has {other}").into()),
    }
}

fn changed(mut text: String, changes: &[Change]) -> Result<String, Failed> {
    for change in changes {
        let count = text.matches(change.0).count();
        if count != 1 {
            return Err(format!("cannot replace {}: found {count} times", in_words(change)).into());
        }
        text = text.replacen(change.0, change.1, 1);
    }
    Ok(text)
}
