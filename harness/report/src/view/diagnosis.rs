//! What the rules made of a trial's cluster, as lines of text: the cause first, what was read
//! apart from what follows, and what to do. What could not be read is said with it, because a rule
//! that finds nothing where nothing was readable has found out nothing.

use std::collections::BTreeSet;

use gateproof_core::dossier::{Unread, Why};
use gateproof_core::finding::{Finding, Role};
use gateproof_core::report::TrialReport;
use gateproof_core::verdict::Verdict;

use crate::layout::wrap::clean;
use crate::layout::{Page, Tone};
use crate::view::failure::Detail;

/// So many of a kind are told in brief; how many more there are is said.
const FEW: usize = 3;

/// The findings of a trial in lines that fit the page; none when nobody asked the rules, or when
/// they had nothing to say of a trial that passed.
pub(crate) fn tell(trial: &TrialReport, page: Page, detail: Detail) -> Vec<String> {
    let Some(diagnosis) = &trial.diagnosis else { return Vec::new() };
    let silent = |one: &Unread| detail == Detail::Brief && one.why == Why::NotServed;
    let open = matches!(trial.verdict, Verdict::Failed | Verdict::Inconclusive);
    if !open && diagnosis.findings.is_empty() && diagnosis.unread.iter().all(silent) {
        return Vec::new();
    }
    let mut teller = Teller { page, lines: Vec::new() };
    let heading = page.colour.paint(Tone::Heading, "FINDINGS");
    teller.lines.push(format!("{heading} {}", clean(trial.summary.trial.as_str())));
    let blames = diagnosis.findings.iter().any(|finding| finding.role != Role::Explanation);
    if open && !blames {
        let none =
            "no rule explains this by what could be read; `look at` above says where to go on";
        teller.say("none", Tone::Unsure, none);
    } else if diagnosis.findings.is_empty() {
        teller.say("none", Tone::Plain, "no rule finds anything amiss in what was read");
    }
    let full = |index: usize, finding: &Finding| {
        detail == Detail::Full || (index < FEW && finding.role != Role::Explanation)
    };
    let mut passed_over = Vec::new();
    for (index, finding) in diagnosis.findings.iter().enumerate() {
        if full(index, finding) {
            teller.finding(finding, detail);
        } else if finding.role == Role::Explanation {
            let about = finding.subjects.join(", ");
            let text = format!("{} ({about}): not why traffic fails", finding.title);
            teller.say(finding.rule.as_str(), Tone::Quiet, &text);
        } else {
            passed_over.push(format!("{} {}", finding.rule, finding.title));
        }
    }
    if !passed_over.is_empty() {
        teller.say("also", Tone::Plain, &passed_over.join("; "));
    }
    teller.unread(&diagnosis.unread, detail);
    teller.lines
}

/// The gravest finding in one line, for a headline.
pub(crate) fn headline(trial: &TrialReport) -> Option<String> {
    let findings = &trial.diagnosis.as_ref()?.findings;
    let first = findings.first().filter(|finding| finding.role == Role::Cause)?;
    Some(clean(&format!("{} {} ({})", first.rule, first.title, first.confidence)))
}

struct Teller {
    page: Page,
    lines: Vec<String>,
}

impl Teller {
    fn finding(&mut self, finding: &Finding, detail: Detail) {
        let tone = match finding.role {
            Role::Cause => Tone::Bad,
            Role::Contributing => Tone::Unsure,
            Role::Explanation => Tone::Quiet,
        };
        let title = format!("{} ({}, {})", finding.title, finding.role, finding.confidence);
        self.say(finding.rule.as_str(), tone, &title);
        self.say("about", Tone::Plain, &finding.subjects.join("; "));
        let shown = match detail {
            Detail::Brief => finding.seen.len().min(FEW + 1),
            Detail::Full => finding.seen.len(),
        };
        for (index, seen) in finding.seen[..shown].iter().enumerate() {
            let label = if index == 0 { "seen" } else { "" };
            self.say(label, Tone::Plain, &format!("{} [{}]", seen.what, seen.source));
        }
        if shown < finding.seen.len() {
            self.say("", Tone::Quiet, &format!("and {} more", finding.seen.len() - shown));
        }
        for (index, inferred) in finding.inferred.iter().enumerate() {
            self.say(if index == 0 { "inferred" } else { "" }, Tone::Plain, inferred);
        }
        let shown = match detail {
            Detail::Brief => finding.remedy.len().min(2),
            Detail::Full => finding.remedy.len(),
        };
        for (index, remedy) in finding.remedy[..shown].iter().enumerate() {
            let label = if index == 0 { "do" } else { "" };
            self.say(label, Tone::Plain, &format!("{}. {remedy}", index + 1));
        }
        let issues: Vec<String> = finding
            .issues
            .iter()
            .map(|issue| format!("{} ({})", issue.reference, issue.versions))
            .collect();
        let explain = format!("gateproof explain {}", finding.rule);
        let more: Vec<&str> = issues.iter().map(String::as_str).chain([explain.as_str()]).collect();
        self.say("more", Tone::Quiet, &more.join(", "));
    }

    /// In brief without kinds that the cluster does not serve, since there are none of those to
    /// hide, and each kind once.
    fn unread(&mut self, unread: &[Unread], detail: Detail) {
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
        for (index, one) in unread[..shown].iter().enumerate() {
            let label = if index == 0 { "not read" } else { "" };
            let text = format!("{} ({}), which hides {}", one.what, why(&one.why), one.hides);
            self.say(label, Tone::Unsure, &text);
        }
        if shown < unread.len() {
            self.say("", Tone::Quiet, &format!("and {} more", unread.len() - shown));
        }
    }

    /// A label and a text that hangs beside it; an empty text says nothing.
    fn say(&mut self, label: &str, tone: Tone, text: &str) {
        self.lines.extend(self.page.labelled(label, tone, text));
    }
}

fn why(why: &Why) -> String {
    match why {
        Why::Forbidden(permission) => format!("needs permission to {permission}"),
        Why::NotServed => "the cluster does not serve it".to_owned(),
        Why::NotInFolder => "not in the folder".to_owned(),
        Why::Unreadable(words) | Why::Failed(words) => words.clone(),
    }
}
