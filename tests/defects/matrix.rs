//! What the rules find where: a page computed from every defect, `docs/findings-matrix.md`.
//!
//! Compared when all defects were run; `make bless` writes it anew. A rule that no defect provokes
//! stands in [`NOT_PROVOKED`] with the reason, so that none is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::sync::{Mutex, PoisonError};

use gateproof_core::cluster::ProviderKind;
use gateproof_core::expectation::Expected;
use gateproof_core::finding::{Finding, Role, rules};
use gateproof_core::plan::selection::Selection;
use gateproof_core::plan::{self, TrialPlan};
use gateproof_core::scenario::catalog;
use gateproof_runner::discover;
use gateproof_tests::root;

use crate::case::Defect;
use crate::table;

const PAGE: &str = "docs/findings-matrix.md";

/// Rules that cannot be provoked on the embedded cluster, and why.
const NOT_PROVOKED: &[(&str, &str)] = &[
    ("GP0009", "such keys are refused before anything runs: see `wrong-helm-keys`"),
    ("GP0010", "values that leave kube-proxy replacement off are refused before anything runs"),
    ("GP0022", "two Gateways on one port of the hosts are refused before anything runs"),
    ("GP0029", "nothing is upgraded here with a part left behind"),
    ("GP0034", "values that leave Gateway API support off are refused before anything runs"),
    ("GP0045", "the data plane here does not say why TLS to a backend failed"),
    ("GP0051", "what comes and goes here has a cause that shows, and a rule of its own"),
    ("GP0070", "only checks of clusters that exist try handshakes where TLS is passed through"),
    ("GP0081", "a trial whose backends do not come up ends before there is a Gateway"),
    ("GP0082", "what keeps ending here is down whenever it is looked at"),
    ("GP0090", "it is for checks of clusters that exist, whose claims are read off their objects"),
];

/// What was found, by base and name of each defect.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    rows: Mutex<BTreeMap<(&'static str, &'static str), Row>>,
}

/// Numbers of rules by what they are to the failure.
#[derive(Debug, Default, Clone)]
struct Row {
    causes: BTreeSet<String>,
    contributing: BTreeSet<String>,
    explanations: BTreeSet<String>,
}

impl Row {
    fn of(findings: &[Finding]) -> Self {
        let mut row = Self::default();
        for finding in findings {
            let rules = match finding.role {
                Role::Cause => &mut row.causes,
                Role::Contributing => &mut row.contributing,
                Role::Explanation => &mut row.explanations,
            };
            rules.insert(finding.rule.to_string());
        }
        row
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.causes.iter().chain(&self.contributing).chain(&self.explanations)
    }
}

impl Matrix {
    /// Takes in what was found about a defect.
    pub(crate) fn add(&self, defect: &Defect, findings: &[Finding]) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.insert((defect.base, defect.name), Row::of(findings));
    }

    /// Compares the page, or writes it when snapshots are rewritten. Where only some defects were
    /// run there is nothing to compare.
    pub(crate) fn compare(&self) -> Result<(), String> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if rows.len() != table::defects().count() {
            return Ok(());
        }
        let path = root().join(PAGE);
        let expected_to_fail = expected_to_fail()?;
        let page = page(&rows, &expected_to_fail);
        if is_blessed() {
            return fs::write(&path, page).map_err(|error| format!("{PAGE}: {error}"));
        }
        forgotten(&rows, &expected_to_fail)?;
        let there = fs::read_to_string(&path).unwrap_or_default();
        if there == page {
            return Ok(());
        }
        let changed: Vec<&str> = page.lines().filter(|line| !there.contains(line)).collect();
        Err(format!(
            "{PAGE} is not what the rules find; `make bless` writes it anew. New lines:\n{}",
            changed.join("\n")
        ))
    }
}

/// The same wish that snapshots follow.
#[expect(clippy::disallowed_methods, reason = "this is the entry point of a program")]
fn is_blessed() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|wish| wish == "always")
}

/// Trials of the documented scenarios that are not to pass.
fn expected_to_fail() -> Result<Vec<TrialPlan>, String> {
    let folders = ["scenarios", "tests/gateways"].map(|folder| root().join(folder));
    let tree = discover::discover(&folders, Some(&root().join("clusters")))
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let style = gateproof_core::source::render::Style::Plain;
    let catalog = catalog::load(&tree).map_err(|problems| problems.render(style))?;
    let plan = plan::make(&catalog, ProviderKind::Embedded, &Selection::default())
        .map_err(|error| error.to_string())?;
    let trials = plan.clusters.into_iter().flat_map(|cluster| cluster.trials);
    Ok(trials.filter(|trial| trial.expect.is_some()).collect())
}

/// Every rule is provoked somewhere, or said not to be.
fn forgotten(
    rows: &BTreeMap<(&str, &str), Row>,
    expected_to_fail: &[TrialPlan],
) -> Result<(), String> {
    let mut found: BTreeSet<String> = rows.values().flat_map(Row::all).cloned().collect();
    found.extend(expected_to_fail.iter().filter_map(|trial| match &trial.expect {
        Some(Expected::Failure { finding }) => Some(finding.to_string()),
        Some(Expected::Refusal { .. }) | None => None,
    }));
    let excused: BTreeSet<&str> = NOT_PROVOKED.iter().map(|(id, _)| *id).collect();
    let forgotten: Vec<&str> = rules::ALL
        .iter()
        .map(|rule| rule.id)
        .filter(|id| !found.contains(*id) && !excused.contains(id))
        .collect();
    let provoked: Vec<&&str> = excused.iter().filter(|id| found.contains(**id)).collect();
    if !forgotten.is_empty() {
        return Err(format!("no defect provokes {}, and nothing says why", forgotten.join(", ")));
    }
    if !provoked.is_empty() {
        return Err(format!("said not to be provoked, and is: {provoked:?}"));
    }
    Ok(())
}

fn page(rows: &BTreeMap<(&str, &str), Row>, expected_to_fail: &[TrialPlan]) -> String {
    let mut text = String::from(
        "# Faults, scenarios and findings\n\n\
         <!-- Computed by `cargo test --test defects`; `make bless` writes it anew. -->\n\n\
         What the rules find on the embedded cluster, for every defect of `tests/defects` (a small \
         change to a healthy scenario, or a fault) and for every scenario that is to fail. On the \
         healthy scenarios and on changes that look much the same and break nothing, no rule names \
         a cause. Where no cause is named, the claim itself is what is wrong. `gateproof explain` \
         says what each number means.\n\n\
         ## Defects\n\n\
         | scenario | defect | causes | contributing | explained as normal |\n\
         |---|---|---|---|---|\n",
    );
    let list = |rules: &BTreeSet<String>| rules.iter().cloned().collect::<Vec<_>>().join(", ");
    for ((base, name), row) in rows {
        let words = name.replace('_', " ");
        let (causes, contributing, explained) =
            (list(&row.causes), list(&row.contributing), list(&row.explanations));
        writeln!(text, "| {base} | {words} | {causes} | {contributing} | {explained} |")
            .expect("text grows");
    }
    text.push_str(
        "\n## Scenarios that are not to pass\n\n| trial | what is expected |\n|---|---|\n",
    );
    for trial in expected_to_fail {
        let expected = trial.expect.as_ref().map(ToString::to_string).unwrap_or_default();
        writeln!(text, "| {} | {expected} |", trial.name).expect("text grows");
    }
    if !NOT_PROVOKED.is_empty() {
        text.push_str("\n## Rules that are not provoked here\n\n| rule | why |\n|---|---|\n");
        for (id, why) in NOT_PROVOKED {
            writeln!(text, "| {id} | {why} |").expect("text grows");
        }
    }
    text
}
