//! What is to be said of clusters: how they came up, what went wrong with them, where evidence lies,
//! and which of them still stand.

use std::collections::BTreeMap;
use std::time::Duration;

use gateproof_core::report::{
    ActionReport, BringUp, ClusterReport, EvidenceReport, Removal, RunReport,
};

use crate::view::duration::human;
use crate::view::trials::count;

/// An action in words, with the node it is done on.
pub(crate) fn of_node(action: &str, node: Option<&str>) -> String {
    match node {
        Some(node) => format!("{action} on {node}"),
        None => action.to_owned(),
    }
}

/// What the time went into: the longest actions, those on several nodes as one.
pub(crate) fn longest_actions(cluster: &ClusterReport) -> String {
    const SHOWN: usize = 3;
    let mut longest: BTreeMap<&str, Duration> = BTreeMap::new();
    for action in &cluster.actions {
        let took = longest.entry(&action.action).or_default();
        *took = (*took).max(action.took.unwrap_or_default());
    }
    let mut longest: Vec<_> = longest.into_iter().collect();
    longest.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
    let shown = longest.iter().take(SHOWN);
    shown.map(|(action, took)| format!("{action} {}", human(*took))).collect::<Vec<_>>().join(", ")
}

/// An action that failed: what, where, after how long, and why.
pub(crate) fn failed_action(action: &ActionReport) -> Option<String> {
    let problem = action.problem.as_ref()?;
    let what = of_node(&action.action, action.node.as_deref());
    let after = action.took.map(|took| format!(" after {}", human(took))).unwrap_or_default();
    Some(format!("{what}{after}: {problem}"))
}

/// Where evidence lies.
pub(crate) fn evidence(evidence: &EvidenceReport) -> String {
    let files = count(evidence.files, "file");
    match &evidence.problem {
        None => format!("{} ({files})", evidence.folder),
        Some(problem) => format!("{} ({files}; not all: {problem})", evidence.folder),
    }
}

/// Clusters that did not come or go as they should, and those that were kept.
pub(crate) fn notes(report: &RunReport) -> Vec<String> {
    report.clusters.iter().flat_map(of_cluster).collect()
}

fn of_cluster(cluster: &ClusterReport) -> Vec<String> {
    let name = &cluster.name;
    let mut notes: Vec<String> =
        cluster.warnings().map(|warning| format!("warning: cluster {name}: {warning}")).collect();
    if let BringUp::Failed { reason } = &cluster.bring_up {
        notes.push(format!("cluster {name} could not be brought up: {reason}"));
        let about_it = cluster.evidence.iter().filter(|evidence| evidence.trial.is_none());
        notes.extend(
            about_it.map(|found| format!("evidence of cluster {name}: {}", evidence(found))),
        );
    }
    match &cluster.removal {
        Some(Removal::Removed { problem: Some(problem) }) => {
            notes.push(format!("cluster {name} was not removed cleanly: {problem}"));
        }
        Some(Removal::Kept) => notes.push(kept(name.as_str())),
        Some(Removal::Removed { problem: None }) | None => {}
    }
    notes
}

/// How to reach and remove a cluster that was kept.
pub(crate) fn kept(name: &str) -> String {
    format!(
        "cluster {name} was kept and is yours now: `gateproof cluster kubeconfig {name}` reaches it, `gateproof cluster down {name}` removes it"
    )
}

#[cfg(test)]
mod tests {
    use gateproof_core::cluster::ProviderKind;
    use gateproof_core::event::Event;
    use gateproof_core::name::ClusterName;
    use gateproof_core::report::RunReport;

    use super::{longest_actions, notes};
    use crate::sample::{DEDICATED, Log, ms};

    fn cluster() -> ClusterName {
        ClusterName::new("a")
    }

    fn done(log: Log, action: &str, node: Option<&str>, took: u64, problem: Option<&str>) -> Log {
        let (cluster, node) = (cluster(), node.map(str::to_owned));
        let (action, problem) = (action.to_owned(), problem.map(str::to_owned));
        let started = Event::ActionStarted {
            cluster: cluster.clone(),
            action: action.clone(),
            node: node.clone(),
        };
        let took = ms(took);
        log.then(0, started).then(1, Event::ActionFinished { cluster, action, node, problem, took })
    }

    fn report(log: Log) -> RunReport {
        RunReport::fold(&log.end().records).expect("a sound log")
    }

    #[test]
    fn time_went_into_the_longest_actions_and_nodes_count_once() {
        let mut log = Log::of(ProviderKind::Kind, &[DEDICATED]);
        log = done(log, "network", None, 20, None);
        log = done(log, "kubeadm init", Some("a-control-plane"), 21_000, None);
        log = done(log, "kubeadm join", Some("a-worker"), 6000, None);
        log = done(log, "kubeadm join", Some("a-worker2"), 7000, None);
        log = done(log, "containers", None, 900, None);
        let report = report(log);
        let expected = "kubeadm init 21.0s, kubeadm join 7.0s, containers 900ms";
        assert_eq!(longest_actions(&report.clusters[0]), expected);
        assert_eq!(notes(&report), Vec::<String>::new());
    }

    #[test]
    fn what_a_user_should_know_of_a_cluster_is_told_once() {
        let log = done(Log::of(ProviderKind::Kind, &[DEDICATED]), "network", None, 20, None);
        let warned = |log: Log| {
            let action = "choose versions".to_owned();
            let warning = "Cilium 1.22.0 is newer than what is known here".to_owned();
            log.then(1, Event::ActionWarned { cluster: cluster(), action, node: None, warning })
        };
        let told = notes(&report(warned(warned(log))));
        assert_eq!(told, ["warning: cluster a: Cilium 1.22.0 is newer than what is known here"]);
    }

    #[test]
    fn cluster_that_stands_or_did_not_go_is_told_with_the_way_on() {
        let log = Log::of(ProviderKind::Kind, &[DEDICATED]);
        let kept = log.clone().then(1, Event::ClusterKept { cluster: cluster() });
        let told = notes(&report(kept)).join("\n");
        for part in ["gateproof cluster kubeconfig a`", "gateproof cluster down a`"] {
            assert!(told.contains(part), "{told}");
        }
        let problem = Some("not done after 60 s".to_owned());
        let stuck = log.then(1, Event::ClusterRemoved { cluster: cluster(), problem });
        let told = notes(&report(stuck)).join("\n");
        assert_eq!(told, "cluster a was not removed cleanly: not done after 60 s");
    }
}
