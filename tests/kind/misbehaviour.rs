//! Nodes that misbehave: each ends in bounded time, with a message that names the node, the action
//! and what was seen, with evidence on disk and nothing left.
//!
//! The messages are snapshots; names of this process, times and addresses are replaced.

use std::time::Duration;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::plan::Plan;
use gateproof_core::report::{BringUp, ExitCode, exit_code};
use gateproof_kind::settings::Deadlines;
use libtest_mimic::Failed;
use regex::Regex;

use crate::Work;
use crate::bench::{Bench, Ran};

/// How long a misbehaving cluster may take, from the start to the removal of the last container.
const BOUND: Duration = Duration::from_secs(90);

/// What nodes do wrong, and which node it is that the message must name.
const CASES: [(&str, &str); 10] = [
    ("init-fails", "control-plane"),
    ("join-fails:worker2", "worker2"),
    ("dies-during-join:worker", "worker"),
    ("dies-at-boot:worker", "worker"),
    ("no-ready-line:worker2", "worker2"),
    ("exec-hangs", "control-plane"),
    ("join-hangs:worker", "worker"),
    ("disk-full:worker2", "worker2"),
    ("api-silent", ""),
    ("never-registers:worker", "worker"),
];

pub(crate) fn tests() -> Vec<(String, Work)> {
    CASES
        .into_iter()
        .map(|(how, node)| {
            let work: Work = Box::new(move |bench| ends_with_a_message(bench, how, node));
            (format!("misbehaviour::{}", how.replace(':', "_")), work)
        })
        .collect()
}

fn ends_with_a_message(bench: &Bench, how: &str, node: &str) -> Result<(), Failed> {
    let image = bench.misbehaving(how)?;
    let cluster = Bench::small_plan()?;
    let name = cluster.name.to_string();
    let plan = Plan { provider: ProviderKind::Kind, clusters: vec![cluster] };
    let ran = bench.run_on(&plan, 1, &image, |workplace| {
        workplace.settings.deadlines = impatient();
    })?;
    if exit_code(&ran.report) != ExitCode::Inconclusive {
        return Err(format!(
            "exit code {:?}: a harness that cannot find out says so",
            exit_code(&ran.report)
        )
        .into());
    }
    if ran.took > BOUND {
        return Err(format!("it took {:?}, longer than {BOUND:?}", ran.took).into());
    }
    let reason = reason(&ran)?;
    if !reason.contains(node) {
        return Err(format!("the message does not name {node}: {reason}").into());
    }
    let collected = gateproof_tests::files(&ran.evidence, "log");
    if collected.is_empty() {
        return Err(format!("no logs in {}: {reason}", ran.evidence.display()).into());
    }
    bench.must_be_gone(&plan)?;
    let mut shown = redacted(&reason, &name, &ran, bench);
    if node.is_empty() {
        // Whichever of the workers was the first to give up.
        shown = shown.replace("CLUSTER-worker2", "CLUSTER-worker");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(how.replace(':', "_"), shown));
    Ok(())
}

/// The usual deadlines, shorter: nothing here takes long unless it hangs.
pub(crate) fn impatient() -> Deadlines {
    Deadlines {
        boot: Duration::from_secs(8),
        command: Duration::from_secs(10),
        init: Duration::from_secs(15),
        join: Duration::from_secs(15),
        registration: Duration::from_secs(10),
        evidence: Duration::from_secs(15),
        ..Deadlines::default()
    }
}

pub(crate) fn reason(ran: &Ran) -> Result<String, Failed> {
    match &ran.report.clusters[0].bring_up {
        BringUp::Failed { reason } => Ok(reason.clone()),
        other => Err(format!("the cluster came up: {other:?}").into()),
    }
}

fn redacted(text: &str, cluster: &str, ran: &Ran, bench: &Bench) -> String {
    let text = text
        .replace(&ran.evidence.display().to_string(), "EVIDENCE")
        .replace(&bench.folder().display().to_string(), "FOLDER")
        .replace(cluster, "CLUSTER");
    let rules = [
        (r"\b[0-9a-f]{12,64}\b", "ID"),
        (r"\b\d+\.\d+\.\d+\.\d+\b", "ADDRESS"),
        (r"ADDRESS:\d{4,5}", "ADDRESS:PORT"),
        (r"\b\d+(\.\d+)? (ms|s)\b", "TIME"),
        (r"\d+ looks", "LOOKS"),
        (r"one look", "LOOKS"),
    ];
    rules.iter().fold(text, |text, (pattern, by)| {
        let pattern = Regex::new(pattern).expect("a pattern that is part of the program");
        pattern.replace_all(&text, *by).into_owned()
    })
}
