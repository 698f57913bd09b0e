//! What the trials ran on: clusters with their nodes and what was done for them, and the run itself.

use gateproof_core::cluster::{Node, NodeRole};
use gateproof_core::report::{
    ActionReport, BringUp, ClusterReport, LogState, Removal, RunReport, exit_code,
};

use super::markup::Markup;
use super::parts::{Rank, heading, list, paragraph, points, section, table};
use crate::layout::{Table, Text, Tone};
use crate::view::cluster;
use crate::view::duration::{human, human_or_dash};
use crate::view::point::Point;

/// The clusters; no section when none was spoken of.
pub(super) fn clusters(html: &mut Markup, report: &RunReport) {
    if report.clusters.is_empty() {
        return;
    }
    section(html, "clusters", "Clusters", |html| {
        for one in &report.clusters {
            html.within("details", &[("class", "cluster")], |html| {
                html.within("summary", &[], |html| {
                    html.within("h3", &[], |html| {
                        html.text(one.name.as_str());
                        html.leaf("span", &[("class", "headline")], &bring_up(&one.bring_up));
                    });
                });
                html.within("div", &[("class", "body")], |html| of(html, one));
            });
        }
    });
}

fn bring_up(bring_up: &BringUp) -> String {
    match bring_up {
        BringUp::Running => "not up when the log ends".to_owned(),
        BringUp::Ready { took } => format!("up after {}", human(*took)),
        BringUp::Failed { reason } => format!("could not be brought up: {reason}"),
    }
}

fn of(html: &mut Markup, one: &ClusterReport) {
    let gone = match &one.removal {
        None => "not said to be removed".to_owned(),
        Some(Removal::Removed { problem: None }) => "removed".to_owned(),
        Some(Removal::Removed { problem: Some(problem) }) => {
            format!("not removed cleanly: {problem}")
        }
        Some(Removal::Kept) => cluster::kept(one.name.as_str()),
    };
    paragraph(html, "subject", &gone);
    let warnings: Vec<_> = one.warnings().map(|warning| format!("warning: {warning}")).collect();
    list(html, "notes", &warnings);
    if !one.nodes.is_empty() {
        table(html, &format!("Nodes of {}", one.name), &nodes(&one.nodes));
    }
    if !one.actions.is_empty() {
        table(html, &format!("What was done for {}", one.name), &actions(&one.actions));
    }
    let evidence: Vec<_> = one.evidence.iter().map(cluster::evidence).collect();
    if !evidence.is_empty() {
        heading(html, Rank::Part, "Evidence");
        list(html, "notes", &evidence);
    }
}

fn nodes(nodes: &[Node]) -> Table {
    let head = ["node", "role", "addresses", "zone", "labels"];
    let row = |node: &Node| {
        let role = match node.role {
            NodeRole::ControlPlane => "control plane",
            NodeRole::Worker => "worker",
        };
        let addresses: Vec<_> = node.addresses.iter().map(ToString::to_string).collect();
        let labels: Vec<_> =
            node.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        vec![
            Text::plain(node.name.as_str()),
            Text::plain(role),
            Text::plain(addresses.join(", ")),
            Text::plain(node.zone().unwrap_or("-")),
            Text::new(Tone::Quiet, labels.join(", ")),
        ]
    };
    Table { head: head.map(ToOwned::to_owned).to_vec(), rows: nodes.iter().map(row).collect() }
}

fn actions(actions: &[ActionReport]) -> Table {
    let head = ["action", "took", "came to"];
    let row = |action: &ActionReport| {
        let came_to = match (&action.problem, action.took, &action.awaiting) {
            (Some(problem), _, _) => Text::new(Tone::Bad, format!("failed: {problem}")),
            (None, Some(_), _) => Text::plain("done"),
            (None, None, Some(missing)) => {
                Text::new(Tone::Unsure, format!("not done, waiting for {missing}"))
            }
            (None, None, None) => Text::new(Tone::Unsure, "not done"),
        };
        let what = cluster::of_node(&action.action, action.node.as_deref());
        vec![Text::plain(what), Text::plain(human_or_dash(action.took)), came_to]
    };
    Table { head: head.map(ToOwned::to_owned).to_vec(), rows: actions.iter().map(row).collect() }
}

/// The run in facts.
pub(super) fn run(html: &mut Markup, report: &RunReport) {
    let subjects: Vec<_> = report.subjects().into_iter().map(ToString::to_string).collect();
    let mut versions: Vec<_> =
        report.trials.iter().map(|trial| trial.summary.cilium.to_string()).collect();
    versions.sort();
    versions.dedup();
    let log = match &report.log {
        LogState::Open => "still open".to_owned(),
        LogState::Whole => "whole".to_owned(),
        LogState::Truncated => "ends before the run did".to_owned(),
        LogState::Broken { reason } => format!("broken: {reason}"),
    };
    let plain = |label: &'static str, text: String| Point::new(label, Tone::Plain, text);
    let mut facts = vec![
        plain("run", report.run.clone()),
        plain("started", report.started.clone()),
        plain("took", human(report.took)),
        plain("gateproof", report.gateproof.clone()),
        plain("provider", report.provider.to_string()),
        plain("carried by", subjects.join(", ")),
        plain("Cilium", versions.join(", ")),
        plain("exit code", exit_code(report).code().to_string()),
        plain("event log", log),
    ];
    facts.extend(report.shard.map(|shard| plain("part", shard.to_string())));
    facts.extend(report.interrupted.clone().map(|cause| plain("interrupted by", cause)));
    points(html, &facts);
}
