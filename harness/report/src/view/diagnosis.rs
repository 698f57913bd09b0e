//! What the rules made of a trial's cluster: the cause first, what was read
//! apart from what follows, and what to do. What could not be read is said with it, because a rule
//! that finds nothing where nothing was readable has found out nothing.
//!
//! This is the one place that decides what is said of a finding; reports only lay it out.

use std::collections::BTreeSet;

use gateproof_core::dossier::{Unread, Why};
use gateproof_core::finding::{Finding, Role};
use gateproof_core::report::TrialReport;
use gateproof_core::verdict::Verdict;

use crate::layout::wrap::clean;
use crate::layout::{Page, Tone};
use crate::view::failure::Detail;
use crate::view::point::Point;

/// So many of a kind are told in brief; how many more there are is said.
const FEW: usize = 3;

/// A part of what is said.
pub(crate) enum Part<'a> {
    /// A finding that is told by itself.
    Finding(Told<'a>),
    /// Anything else: a finding in one line, or what could not be read.
    Point(Point<'a>),
}

/// A finding and what is said of it.
pub(crate) struct Told<'a> {
    pub(crate) finding: &'a Finding,
    /// Its title, with what it is to the failure and how sure the rule is.
    pub(crate) title: Point<'a>,
    pub(crate) points: Vec<Point<'a>>,
}

/// What is said of a trial's diagnosis, in order; nothing when nobody asked the rules, when they had
/// nothing to say of a trial that passed, or, in brief, of one that failed as it was expected to.
pub(crate) fn parts(trial: &TrialReport, detail: Detail) -> Vec<Part<'_>> {
    let Some(diagnosis) = &trial.diagnosis else { return Vec::new() };
    let silent = |one: &Unread| detail == Detail::Brief && one.why == Why::NotServed;
    let open = matches!(trial.verdict, Verdict::Failed | Verdict::Inconclusive);
    // What was expected is told in a line already, with the cause that it names.
    if detail == Detail::Brief && trial.is_as_expected() {
        return Vec::new();
    }
    if !open && diagnosis.findings.is_empty() && diagnosis.unread.iter().all(silent) {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let blames = diagnosis.findings.iter().any(|finding| finding.role != Role::Explanation);
    if open && !blames {
        let none =
            "no rule explains this by what could be read; `look at` above says where to go on";
        parts.push(Part::Point(Point::new("none", Tone::Unsure, none)));
    } else if diagnosis.findings.is_empty() {
        let none = "no rule finds anything amiss in what was read";
        parts.push(Part::Point(Point::new("none", Tone::Plain, none)));
    }
    let full = |index: usize, finding: &Finding| {
        detail == Detail::Full || (index < FEW && finding.role != Role::Explanation)
    };
    let mut passed_over = Vec::new();
    for (index, finding) in diagnosis.findings.iter().enumerate() {
        if full(index, finding) {
            parts.push(Part::Finding(tell_finding(finding, detail)));
        } else if finding.role == Role::Explanation {
            let about = finding.subjects.join(", ");
            let text = format!("{} ({about}): not why traffic fails", finding.title);
            parts.push(Part::Point(Point::new(finding.rule.as_str(), Tone::Quiet, text)));
        } else {
            passed_over.push(format!("{} {}", finding.rule, finding.title));
        }
    }
    if !passed_over.is_empty() {
        parts.push(Part::Point(Point::new("also", Tone::Plain, passed_over.join("; "))));
    }
    parts.extend(not_read(&diagnosis.unread, detail).into_iter().map(Part::Point));
    parts
}

/// The same in lines that fit the page, under a heading that names the trial.
pub(crate) fn tell(trial: &TrialReport, page: Page, detail: Detail) -> Vec<String> {
    let parts = parts(trial, detail);
    if parts.is_empty() {
        return Vec::new();
    }
    let heading = page.colour.paint(Tone::Heading, "FINDINGS");
    let mut lines = vec![format!("{heading} {}", clean(trial.summary.trial.as_str()))];
    for part in parts {
        match part {
            Part::Point(point) => lines.extend(point.lines(page)),
            Part::Finding(told) => {
                let more = more(told.finding);
                let points = std::iter::once(&told.title).chain(&told.points).chain([&more]);
                lines.extend(points.flat_map(|point| point.lines(page)));
            }
        }
    }
    lines
}

/// The gravest finding in one line, for a headline.
pub(crate) fn headline(trial: &TrialReport) -> Option<String> {
    let findings = &trial.diagnosis.as_ref()?.findings;
    let first = findings.first().filter(|finding| finding.role == Role::Cause)?;
    Some(clean(&format!("{} {} ({})", first.rule, first.title, first.confidence)))
}

fn tell_finding(finding: &Finding, detail: Detail) -> Told<'_> {
    let few = |all: usize, brief: usize| match detail {
        Detail::Brief => all.min(brief),
        Detail::Full => all,
    };
    let tone = match finding.role {
        Role::Cause => Tone::Bad,
        Role::Contributing => Tone::Unsure,
        Role::Explanation => Tone::Quiet,
    };
    let title = format!("{} ({}, {})", finding.title, finding.role, finding.confidence);
    let mut points = vec![Point::new("about", Tone::Plain, finding.subjects.join("; "))];
    let shown = few(finding.seen.len(), FEW + 1);
    let seen = finding.seen[..shown].iter();
    let seen = seen.map(|seen| format!("{} [{}]", seen.what, seen.source));
    points.extend(Point::list("seen", Tone::Plain, seen));
    points.extend(and_more(shown, finding.seen.len()));
    points.extend(Point::list(
        "inferred",
        Tone::Plain,
        finding.inferred.iter().map(String::as_str),
    ));
    let remedies = &finding.remedy[..few(finding.remedy.len(), 2)];
    let remedies = remedies.iter().enumerate();
    let remedies = remedies.map(|(index, remedy)| format!("{}. {remedy}", index + 1));
    points.extend(Point::list("do", Tone::Plain, remedies));
    Told { finding, title: Point::new(finding.rule.as_str(), tone, title), points }
}

/// Upstream issues, and how to read more.
fn more(finding: &Finding) -> Point<'_> {
    let issues = finding.issues.iter();
    let issues = issues.map(|issue| format!("{} ({})", issue.reference, issue.versions));
    let more: Vec<String> = issues.chain([explain(finding)]).collect();
    Point::new("more", Tone::Quiet, more.join(", "))
}

/// The command that explains the rule.
pub(crate) fn explain(finding: &Finding) -> String {
    format!("gateproof explain {}", finding.rule)
}

/// In brief without kinds that the cluster does not serve, since there are none of those to
/// hide, and each kind once.
fn not_read(unread: &[Unread], detail: Detail) -> Vec<Point<'_>> {
    let mut kinds = BTreeSet::new();
    let told = |one: &&Unread| {
        // What may not be read in all namespaces was tried in some: that says nothing more.
        let kind = one.what.split_once(" objects").map_or(one.what.as_str(), |(kind, _)| kind);
        detail == Detail::Full || (one.why != Why::NotServed && kinds.insert(kind.to_owned()))
    };
    let unread: Vec<&Unread> = unread.iter().filter(told).collect();
    let shown = match detail {
        Detail::Brief => unread.len().min(FEW),
        Detail::Full => unread.len(),
    };
    let texts = unread[..shown].iter();
    let texts =
        texts.map(|one| format!("{} ({}), which hides {}", one.what, why(&one.why), one.hides));
    let mut points: Vec<Point<'_>> = Point::list("not read", Tone::Unsure, texts).collect();
    for (point, one) in points.iter_mut().zip(&unread) {
        if one.why == Why::NotServed {
            point.tone = Tone::Quiet;
        }
    }
    points.extend(and_more(shown, unread.len()));
    points
}

fn and_more(shown: usize, all: usize) -> Option<Point<'static>> {
    (shown < all).then(|| Point::new("", Tone::Quiet, format!("and {} more", all - shown)))
}

fn why(why: &Why) -> String {
    match why {
        Why::Forbidden(permission) => format!("needs permission to {permission}"),
        Why::NotServed => "the cluster does not serve it".to_owned(),
        Why::NotInFolder => "not in the folder".to_owned(),
        Why::Unreadable(words) | Why::Failed(words) => words.clone(),
    }
}
