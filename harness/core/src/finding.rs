//! Findings: rules that explain failures, with what was seen, what is inferred and what to do.
//!
//! A rule reads a [`Dossier`] and nothing else. Each is a file of its own in [`rules`]; the list
//! there is closed and its numbers are never used again. Several rules may fire: they are ranked,
//! causes before what merely takes part, what is certain before what is likely, and a cause before its
//! own consequences ([`order`]). A rule says what
//! it read and where ([`Seen`]), apart from what follows ([`Finding::inferred`]); what was not read
//! is nothing that it may lean on. What looks
//! like a cause and is none (the placeholder endpoint of every Gateway) is told as an
//! [`Role::Explanation`], which never explains a failure.

mod firing;
#[cfg(test)]
mod fixture;
mod order;
mod reading;
pub mod releases;
pub mod rules;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dossier::Dossier;
use order::Linked;
use releases::Releases;

pub use firing::Firing;

/// The number of a rule, written `GP0001`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(String);

impl RuleId {
    /// The number of a rule.
    pub fn of(rule: &Rule) -> Self {
        Self(rule.id.to_owned())
    }

    /// The number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its number, such as `GP0001`.
    pub id: &'static str,
    /// What it finds, as a sentence without a full stop, such as `agents run an older configuration`.
    pub title: &'static str,
    /// The long form that `gateproof explain` prints: paragraphs separated by empty lines.
    pub explanation: &'static str,
    /// What to do, most useful first.
    pub remedy: &'static [&'static str],
    /// Where the facts come from: project, file, version.
    pub sources: &'static [&'static str],
    /// Upstream issues, and the versions each is about. A finding cites only those that are about
    /// the version at hand.
    pub issues: &'static [Issue],
    /// Looks for it. Gives one [`Firing`] for each independent occurrence, none when what the
    /// dossier holds does not show it.
    pub examine: fn(&Dossier) -> Vec<Firing>,
}

/// An upstream issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issue {
    /// Such as `cilium/cilium#42786`.
    pub reference: &'static str,
    /// The versions it is about.
    pub about: About,
}

/// Which versions of what an issue is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Releases of Cilium.
    Cilium(Releases),
    /// Another project, with its versions in words, such as `cert-manager before 1.21`.
    Other(&'static str),
}

/// A rule's explanation of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule.
    pub rule: RuleId,
    /// Its title.
    pub title: String,
    /// What it is to the failure.
    pub role: Role,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// What it is about.
    pub subjects: Vec<String>,
    /// What was read, each with its source.
    pub seen: Vec<Seen>,
    /// What follows from it and was not measured.
    pub inferred: Vec<String>,
    /// What to do, most useful first.
    pub remedy: Vec<String>,
    /// Upstream issues with their versions.
    pub issues: Vec<UpstreamIssue>,
}

/// An upstream issue in a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamIssue {
    /// Such as `cilium/cilium#42786`.
    pub reference: String,
    /// The versions it is about.
    pub versions: String,
}

/// Something that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// What, such as `enable-gateway-api actual=false expectedValue=true`.
    pub what: String,
    /// Where, such as `log of the agent on worker2`, `ConfigMap kube-system/cilium-config`.
    pub source: String,
}

/// What a finding is to the failure. The order is that of rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// It alone makes traffic fail, or a claim untrue.
    Cause,
    /// It takes part, or will when something else is mended.
    Contributing,
    /// It looks like a fault and is normal. Never a cause.
    Explanation,
}

/// How sure a rule is. The order is that of rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Confidence {
    /// What was seen cannot mean anything else.
    Certain,
    /// What was seen has this cause as a rule.
    Likely,
    /// What was seen fits, and other causes do as well.
    Possible,
}

/// Runs every rule on a dossier; findings by rank, then by number, and a cause before what follows
/// from it ([`order`]).
///
/// An explanation is kept where something is amiss that could be mistaken for: where everything is
/// well, nobody asks.
#[must_use]
pub fn examine(dossier: &Dossier) -> Vec<Finding> {
    let linked: Vec<Linked> = rules::ALL
        .iter()
        .flat_map(|rule| {
            let firings = (rule.examine)(dossier).into_iter();
            firings.map(|firing| rule.linked(firing, dossier))
        })
        .collect();
    let mut findings = order::in_order(linked);
    let explained = |finding: &Finding| finding.role == Role::Explanation;
    if findings.iter().all(explained) && !reading::in_trouble(dossier) {
        findings.retain(|finding| !NEEDS_TROUBLE.contains(&finding.rule.as_str()));
    }
    findings
}

/// The origin of claims that `gateproof check` makes: they are read off the cluster's objects, where
/// those of a scenario may be mistakes of their own.
pub const ORIGIN_OF_CHECKS: &str = "gateproof check";

/// Why what holds is no pass: a rule is certain of a cause that alone makes traffic fail, so what it
/// breaks was not among what was asked. `None` where no rule is.
///
/// What is merely likely, or takes part, is told and denies nothing: everything that was measured
/// speaks against it.
#[must_use]
pub fn against_a_pass(findings: &[Finding]) -> Option<String> {
    let certain = findings
        .iter()
        .filter(|one| one.role == Role::Cause && one.confidence == Confidence::Certain);
    let named: Vec<String> = certain
        .map(|one| format!("{} ({}: {})", one.rule, one.subjects.join(", "), one.title))
        .collect();
    (!named.is_empty()).then(|| {
        format!(
            "everything that was asked holds, but {} is certain, so what it breaks was not asked",
            named.join(" and ")
        )
    })
}

/// Explanations of what is there on healthy clusters too.
const NEEDS_TROUBLE: &[&str] = &["GP0002"];

/// The rule of a number, whatever the case of its letters.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules::ALL.iter().find(|rule| rule.id.eq_ignore_ascii_case(id)).copied()
}

impl Rule {
    fn linked(&self, mut firing: Firing, dossier: &Dossier) -> Linked {
        let accounts_for = std::mem::take(&mut firing.accounts_for);
        let rests_on = std::mem::take(&mut firing.rests_on);
        Linked { finding: self.finding(firing, dossier), accounts_for, rests_on }
    }

    fn finding(&self, firing: Firing, dossier: &Dossier) -> Finding {
        let general = self.remedy.iter().map(|text| (*text).to_owned());
        let applies = |issue: &&Issue| match (issue.about, &dossier.versions.cilium) {
            (About::Cilium(releases), Some(version)) => releases.hold(version),
            (About::Cilium(_), None) | (About::Other(_), _) => true,
        };
        Finding {
            rule: RuleId(self.id.to_owned()),
            title: self.title.to_owned(),
            role: firing.role,
            confidence: firing.confidence,
            subjects: firing.subjects,
            seen: firing.seen,
            inferred: firing.inferred,
            remedy: firing.remedy.into_iter().chain(general).collect(),
            issues: self.issues.iter().filter(applies).map(Issue::cited).collect(),
        }
    }
}

impl Issue {
    fn cited(&self) -> UpstreamIssue {
        UpstreamIssue {
            reference: self.reference.to_owned(),
            versions: match self.about {
                About::Cilium(releases) => releases.to_string(),
                About::Other(words) => words.to_owned(),
            },
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cause => "cause",
            Self::Contributing => "contributing",
            Self::Explanation => "explanation",
        })
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Possible => "possible",
        })
    }
}
