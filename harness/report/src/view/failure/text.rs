//! A story as lines of text, for the console and, without colour, for JUnit and Markdown.

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::name::TrialName;
use gateproof_core::report::{ClusterReport, RunReport, TrialReport};
use gateproof_core::verdict::FailureKind;

use super::{About, Group, Story, stories};
use crate::layout::wrap::clean;
use crate::layout::{Page, Tone};
use crate::view::trials::{shout, tone_of};
use crate::view::{self, evidence};

/// How much a story tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What is needed to act.
    Brief,
    /// What every probe saw as well.
    Full,
}

/// The stories of a trial, each in lines that fit the page. What to look at is said where it first
/// applies; a later story only points back to it, so that what is new in it is seen.
pub(crate) fn tell_all(
    report: &RunReport,
    trial: &TrialReport,
    page: Page,
    detail: Detail,
) -> Vec<Vec<String>> {
    let name = trial.summary.trial.as_str();
    let mut told = Told::new();
    let stories = stories(report, trial);
    let mut lines: Vec<_> =
        stories.iter().map(|story| tell(story, name, page, detail, &mut told)).collect();
    if let (Some(last), Some(cluster)) = (lines.last_mut(), report.cluster(&trial.summary.cluster))
    {
        last.extend(of_cluster(cluster, &trial.summary.trial, page));
    }
    lines
}

/// The actions of the trial's cluster that failed, and where evidence lies: once, at the end.
fn of_cluster(cluster: &ClusterReport, trial: &TrialName, page: Page) -> Vec<String> {
    let mut teller = Teller { page, lines: Vec::new() };
    for action in cluster.failed_actions().filter_map(view::cluster::failed_action) {
        teller.say("action", Tone::Bad, &action);
    }
    for evidence in cluster.evidence_about(trial) {
        teller.say("evidence", Tone::Plain, &view::cluster::evidence(evidence));
    }
    teller.lines
}

/// Hints that were given already, and with which check or step.
type Told = BTreeMap<String, String>;

/// The trial's name is in the heading, to copy.
fn tell(
    story: &Story<'_>,
    trial: &str,
    page: Page,
    detail: Detail,
    told: &mut Told,
) -> Vec<String> {
    let mut teller = Teller { page, lines: Vec::new() };
    let verdict = page.colour.paint(tone_of(story.verdict), &shout(story.verdict));
    teller.lines.push(format!("{verdict} {}", clean(trial)));
    match story.about {
        About::Check(check) => {
            teller.say("check", Tone::Heading, &check.check);
            teller.say("claim", Tone::Plain, &check.claim);
        }
        About::Step(step) => teller.say("step", Tone::Heading, step),
        About::Trial(reason) => teller.say("because", Tone::Plain, reason),
    }
    for group in &story.groups {
        teller.group(group, story.name(), told);
    }
    if let About::Check(check) = story.about {
        if story.groups.is_empty() {
            teller.say("because", Tone::Plain, "the log gives no reason");
        }
        teller.say("written", Tone::Plain, &check.origin);
        if detail == Detail::Full {
            for (index, line) in evidence::lines(&check.evidence).iter().enumerate() {
                teller.say(if index == 0 { "probes" } else { "" }, Tone::Quiet, line);
            }
        }
    }
    teller.lines
}

struct Teller {
    page: Page,
    lines: Vec<String>,
}

impl Teller {
    fn group(&mut self, group: &Group<'_>, story: &str, told: &mut Told) {
        let seen = match group.kind {
            FailureKind::Refuted => Tone::Bad,
            FailureKind::Undecided => Tone::Unsure,
        };
        self.say("expected", Tone::Plain, group.expected);
        self.say("seen", seen, &group.seen);
        let places = group.places.join(", ");
        match group.extent.as_str() {
            "" => self.say("where", Tone::Plain, &places),
            extent => self.say("where", Tone::Plain, &format!("{extent}: {places}")),
        }
        self.hints(&group.hints, story, told);
    }

    /// Hints that are new in full, then where the others were given. A single hint is shorter than
    /// the way back to it.
    fn hints(&mut self, hints: &[&str], story: &str, told: &mut Told) {
        let again: BTreeSet<String> =
            hints.iter().filter_map(|hint| told.get(*hint).cloned()).collect();
        let known = hints.iter().filter(|hint| told.contains_key(**hint)).count();
        let new = hints.iter().filter(|hint| known < 2 || !told.contains_key(**hint));
        let mut points: Vec<String> = new.map(|hint| (*hint).to_owned()).collect();
        if known >= 2 {
            let again: Vec<_> = again.iter().map(|name| format!("`{name}`")).collect();
            points.push(format!("{known} points given above, under {}", again.join(" and ")));
        }
        for (index, point) in points.iter().enumerate() {
            let label = if index == 0 { "look at" } else { "" };
            self.say(label, Tone::Plain, &format!("{}. {point}", index + 1));
        }
        for hint in hints {
            told.entry((*hint).to_owned()).or_insert_with(|| story.to_owned());
        }
    }

    /// A label and a text that hangs beside it; an empty text says nothing.
    fn say(&mut self, label: &str, tone: Tone, text: &str) {
        self.lines.extend(self.page.labelled(label, tone, text));
    }
}
