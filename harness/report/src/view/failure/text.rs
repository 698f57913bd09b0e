//! What is said of a story, as points, and as lines of text for the console and, without colour,
//! for JUnit and Markdown.

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::name::TrialName;
use gateproof_core::report::{ClusterReport, RunReport, TrialReport};
use gateproof_core::verdict::FailureKind;

use super::{About, Group, Story, stories};
use crate::layout::wrap::clean;
use crate::layout::{Page, Tone};
use crate::view::point::Point;
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

/// A story and what is said of it.
pub(crate) struct Told<'a> {
    pub(crate) story: Story<'a>,
    pub(crate) points: Vec<Point<'a>>,
}

/// The stories of a trial and what is said of each. What to look at is said where it first
/// applies; a later story only points back to it, so that what is new in it is seen.
pub(crate) fn accounts<'a>(
    report: &'a RunReport,
    trial: &'a TrialReport,
    detail: Detail,
) -> Vec<Told<'a>> {
    let mut hints = Hints::new();
    let stories = stories(report, trial).into_iter();
    let mut told: Vec<Told<'_>> = stories
        .map(|story| {
            let points = tell(&story, detail, &mut hints);
            Told { story, points }
        })
        .collect();
    if let (Some(last), Some(cluster)) = (told.last_mut(), report.cluster(&trial.summary.cluster)) {
        last.points.extend(of_cluster(cluster, &trial.summary.trial));
    }
    told
}

/// The same in lines that fit the page. The trial's name is in each heading, to copy.
pub(crate) fn tell_all(
    report: &RunReport,
    trial: &TrialReport,
    page: Page,
    detail: Detail,
) -> Vec<Vec<String>> {
    let name = clean(trial.summary.trial.as_str());
    let lines = |told: &Told<'_>| {
        let verdict = told.story.verdict;
        let verdict = page.colour.paint(tone_of(verdict), &shout(verdict));
        let mut lines = vec![format!("{verdict} {name}")];
        lines.extend(told.points.iter().flat_map(|point| point.lines(page)));
        lines
    };
    accounts(report, trial, detail).iter().map(lines).collect()
}

/// The actions of the trial's cluster that failed, and where evidence lies: once, at the end.
fn of_cluster<'a>(
    cluster: &'a ClusterReport,
    trial: &'a TrialName,
) -> impl Iterator<Item = Point<'a>> {
    let actions = cluster.failed_actions().filter_map(view::cluster::failed_action);
    let actions = actions.map(|action| Point::new("action", Tone::Bad, action));
    let evidence = cluster.evidence_about(trial);
    let evidence =
        evidence.map(|found| Point::new("evidence", Tone::Plain, view::cluster::evidence(found)));
    actions.chain(evidence)
}

/// Hints that were given already, and with which check or step.
type Hints = BTreeMap<String, String>;

fn tell<'a>(story: &Story<'a>, detail: Detail, hints: &mut Hints) -> Vec<Point<'a>> {
    let mut points = Vec::new();
    match story.about {
        About::Check(check) => {
            points.push(Point::new("check", Tone::Heading, check.check.as_str()));
            points.push(Point::new("claim", Tone::Plain, check.claim.as_str()));
        }
        About::Step(step) => points.push(Point::new("step", Tone::Heading, step)),
        About::Trial(reason) => points.push(Point::new("because", Tone::Plain, reason)),
    }
    for group in &story.groups {
        points.extend(of_group(group));
        points.extend(look_at(&group.hints, story.name(), hints));
    }
    if let About::Check(check) = story.about {
        if story.groups.is_empty() {
            points.push(Point::new("because", Tone::Plain, "the log gives no reason"));
        }
        points.push(Point::new("written", Tone::Plain, check.origin.as_str()));
        if detail == Detail::Full {
            points.extend(Point::list("probes", Tone::Quiet, evidence::lines(&check.evidence)));
        }
    }
    points
}

fn of_group<'a>(group: &Group<'a>) -> [Point<'a>; 3] {
    let seen = match group.kind {
        FailureKind::Refuted => Tone::Bad,
        FailureKind::Undecided => Tone::Unsure,
    };
    let places = group.places.join(", ");
    let places = match group.extent.as_str() {
        "" => places,
        extent => format!("{extent}: {places}"),
    };
    [
        Point::new("expected", Tone::Plain, group.expected),
        Point::new("seen", seen, group.seen.clone()),
        Point::new("where", Tone::Plain, places),
    ]
}

/// Hints that are new in full, then where the others were given. A single hint is shorter than
/// the way back to it.
fn look_at<'a>(hints: &[&str], story: &str, told: &mut Hints) -> Vec<Point<'a>> {
    let again: BTreeSet<String> =
        hints.iter().filter_map(|hint| told.get(*hint).cloned()).collect();
    let known = hints.iter().filter(|hint| told.contains_key(**hint)).count();
    let new = hints.iter().filter(|hint| known < 2 || !told.contains_key(**hint));
    let mut points: Vec<String> = new.map(|hint| (*hint).to_owned()).collect();
    if known >= 2 {
        let again: Vec<_> = again.iter().map(|name| format!("`{name}`")).collect();
        points.push(format!("{known} points given above, under {}", again.join(" and ")));
    }
    for hint in hints {
        told.entry((*hint).to_owned()).or_insert_with(|| story.to_owned());
    }
    let points = points.iter().enumerate();
    let points = points.map(|(index, point)| format!("{}. {point}", index + 1));
    Point::list("look at", Tone::Plain, points.collect::<Vec<_>>()).collect()
}
