//! Failures as stories: which check or step, what was claimed, expected and seen, where, and what
//! to look at. Failures that say the same of many nodes are told once.

mod text;

use std::borrow::Cow;
use std::collections::BTreeSet;

use gateproof_core::event::{CheckResult, Evidence};
use gateproof_core::report::{RunReport, TrialReport};
use gateproof_core::verdict::{Failure, FailureKind, Judgement, Verdict};

use crate::layout::wrap::clean;
use crate::view::diagnosis;

pub(crate) use text::{Detail, accounts, tell_all};

/// Everything to say about one check or step that did not pass, or about a trial as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Story<'a> {
    pub(crate) verdict: Verdict,
    pub(crate) about: About<'a>,
    pub(crate) groups: Vec<Group<'a>>,
}

/// What a story is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum About<'a> {
    Check(&'a CheckResult),
    Step(&'a str),
    /// The trial, and the reason it gives.
    Trial(&'a str),
}

/// Failures that say the same, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group<'a> {
    pub(crate) kind: FailureKind,
    pub(crate) expected: &'a str,
    pub(crate) seen: Cow<'a, str>,
    pub(crate) hints: Vec<&'a str>,
    /// Such as `on 5 of 5 nodes`; empty when there is one place.
    pub(crate) extent: String,
    pub(crate) places: Vec<&'a str>,
}

/// The stories of a trial, in the order in which things happened. A trial that passed, or
/// failed as it was expected to, has none;
/// one that did not has at least one.
pub(crate) fn stories<'a>(report: &RunReport, trial: &'a TrialReport) -> Vec<Story<'a>> {
    if trial.is_as_expected() {
        return Vec::new();
    }
    let nodes: BTreeSet<&str> = report
        .cluster(&trial.summary.cluster)
        .map(|cluster| cluster.nodes.iter().map(|node| node.name.as_str()).collect())
        .unwrap_or_default();
    let no_evidence = Evidence::default();
    let steps = trial.steps.iter().filter(|step| !step.failures.is_empty()).map(|step| Story {
        verdict: Judgement { failures: step.failures.clone() }.verdict(),
        about: About::Step(&step.step),
        groups: group(&step.failures, &no_evidence, &nodes),
    });
    let failing =
        |check: &&CheckResult| matches!(check.verdict, Verdict::Failed | Verdict::Inconclusive);
    let checks = trial.checks.iter().filter(failing).map(|check| Story {
        verdict: check.verdict,
        about: About::Check(check),
        groups: group(&check.failures, &check.evidence, &nodes),
    });
    let mut stories: Vec<_> = steps.chain(checks).collect();
    match (&trial.reason, trial.verdict) {
        (_, Verdict::Passed | Verdict::Skipped) => {}
        (Some(reason), verdict) => {
            stories.push(Story { verdict, about: About::Trial(reason), groups: Vec::new() });
        }
        (None, verdict) if stories.is_empty() => {
            let about = About::Trial("the log gives neither a failure nor a reason");
            stories.push(Story { verdict, about, groups: Vec::new() });
        }
        (None, _) => {}
    }
    stories
}

/// What is wrong with a trial in one line, the gravest first, and the cause where one is known;
/// `None` when nothing is.
pub(crate) fn headline(report: &RunReport, trial: &TrialReport) -> Option<String> {
    let stories = stories(report, trial);
    let story = gravest(&stories, trial)?.headline();
    let cause = diagnosis::headline(trial).map(|cause| format!("; {cause}")).unwrap_or_default();
    Some(format!("{story}{cause}"))
}

/// The story to tell first: a failure, even if something else was left undecided before it.
pub(crate) fn gravest<'s, 'a>(
    stories: &'s [Story<'a>],
    trial: &TrialReport,
) -> Option<&'s Story<'a>> {
    stories.iter().find(|story| story.verdict == trial.verdict).or(stories.first())
}

impl Story<'_> {
    /// The name of what it is about.
    pub(crate) fn name(&self) -> &str {
        match self.about {
            About::Check(check) => &check.check,
            About::Step(step) => step,
            About::Trial(_) => "trial",
        }
    }

    /// A word for the kind of failure, for reports that sort by it.
    pub(crate) fn kind(&self) -> &str {
        match self.about {
            About::Check(check) => &check.kind,
            About::Step(_) => "step",
            About::Trial(_) => "trial",
        }
    }

    /// The story in one line.
    pub(crate) fn headline(&self) -> String {
        let line = match (self.groups.first(), self.about) {
            (_, About::Trial(reason)) => reason.to_owned(),
            (None, _) => format!("{}: {}, without a reason in the log", self.name(), self.verdict),
            (Some(first), _) => {
                let place = match (first.extent.as_str(), first.places.first()) {
                    ("", Some(place)) => format!(" at {place}"),
                    ("", None) => String::new(),
                    (extent, _) => format!(" {extent}"),
                };
                let more = match self.groups.len() {
                    1 => String::new(),
                    groups => format!("; and {} more", groups - 1),
                };
                let (name, expected, seen) = (self.name(), first.expected, &first.seen);
                format!("{name}: expected {expected}, seen {seen}{place}{more}")
            }
        };
        clean(&line)
    }
}

/// Puts together what says the same; the places keep their order. Refutations come first.
fn group<'a>(
    failures: &'a [Failure],
    evidence: &Evidence,
    nodes: &BTreeSet<&str>,
) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for failure in failures {
        let same = |group: &&mut Group<'_>| {
            group.kind == failure.kind
                && group.expected == failure.expected
                && without_pod(&group.seen) == without_pod(&failure.seen)
        };
        if let Some(group) = groups.iter_mut().find(same) {
            if !group.places.contains(&failure.place.as_str()) {
                group.places.push(&failure.place);
            }
            if group.seen != failure.seen {
                group.seen = Cow::Owned(without_pod(&failure.seen).into_owned());
            }
            for hint in &failure.hints {
                if !group.hints.contains(&hint.as_str()) {
                    group.hints.push(hint);
                }
            }
        } else {
            groups.push(Group {
                kind: failure.kind,
                expected: &failure.expected,
                seen: Cow::Borrowed(&failure.seen),
                hints: failure.hints.iter().map(String::as_str).collect(),
                extent: String::new(),
                places: vec![&failure.place],
            });
        }
    }
    let probed = places_of(evidence);
    for group in &mut groups {
        group.extent = extent(&group.places, &probed, nodes);
    }
    groups.sort_by_key(|group| group.kind == FailureKind::Undecided);
    groups
}

/// What was seen, but for the pod that answered: replicas of one backend that answer alike are no
/// different failures. The probes' own lines still name the pods.
fn without_pod(seen: &str) -> Cow<'_, str> {
    let pod = seen.split_once(" (pod ").and_then(|(before, rest)| {
        let (_, after) = rest.split_once(')')?;
        Some((before, after))
    });
    pod.map_or(Cow::Borrowed(seen), |(before, after)| Cow::Owned(format!("{before}{after}")))
}

/// Every place that the evidence speaks of.
fn places_of(evidence: &Evidence) -> Vec<&str> {
    let http = evidence.http.iter().map(|placed| placed.place.as_str());
    let tcp = evidence.tcp.iter().map(|placed| placed.place.as_str());
    let handshakes = evidence.handshakes.iter().map(|placed| placed.place.as_str());
    let grid = evidence.grid.iter().flat_map(|grid| &grid.cells);
    let grid = grid.map(|cell| cell.endpoint.node.as_str());
    let targets = evidence.targets.iter().flat_map(|report| &report.targets);
    let targets = targets.map(|target| target.place.as_str());
    http.chain(tcp).chain(handshakes).chain(grid).chain(targets).collect()
}

/// How far a failure reaches, in words that go before a list of places.
fn extent(places: &[&str], probed: &[&str], nodes: &BTreeSet<&str>) -> String {
    if places.len() < 2 {
        return String::new();
    }
    let Some(failing) = nodes_of(places, nodes) else {
        return format!("at {} places", places.len());
    };
    let among: BTreeSet<&str> = probed
        .iter()
        .filter_map(|place| node_of(place, nodes))
        .chain(failing.iter().copied())
        .collect();
    let of = if probed.is_empty() { String::new() } else { format!(" of {}", among.len()) };
    let noun = if among.len() == 1 { "node" } else { "nodes" };
    let sockets = if places.len() == failing.len() {
        String::new()
    } else {
        format!(" ({} sockets)", places.len())
    };
    format!("on {}{of} {noun}{sockets}", failing.len())
}

/// The nodes that places lie on, if each of them lies on one.
fn nodes_of<'p>(places: &[&'p str], nodes: &BTreeSet<&str>) -> Option<BTreeSet<&'p str>> {
    places.iter().map(|place| node_of(place, nodes)).collect()
}

/// The node that a place starts with.
fn node_of<'p>(place: &'p str, nodes: &BTreeSet<&str>) -> Option<&'p str> {
    place.split_whitespace().next().filter(|word| nodes.contains(word))
}
