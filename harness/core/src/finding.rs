//! Findings: rules that explain failures, with what was seen, what is inferred and what to do.
//!
//! A rule reads a [`Dossier`] and nothing else. Each is a file of its own in [`rules`]; the list
//! there is closed and its numbers are never used again. Several rules may fire: they are ranked,
//! causes before what merely takes part, and what is certain before what is likely. What looks
//! like a cause and is none (the placeholder endpoint of every Gateway) is told as an
//! [`Role::Explanation`], which never explains a failure.

pub mod rules;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dossier::Dossier;

/// The number of a rule, written `GP0001`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(String);

impl RuleId {
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
    /// Upstream issues, and the versions each is about.
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
    /// The versions it is about, in words, such as `1.18.3 to 1.19.5`.
    pub versions: &'static str,
}

/// What a rule found in a dossier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// What it is to the failure.
    pub role: Role,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// What it is about, such as `Gateway gateway/shared-gateway`, `node worker2`.
    pub subjects: Vec<String>,
    /// What was read, each with its source.
    pub seen: Vec<Seen>,
    /// What follows from it and was not measured.
    pub inferred: Vec<String>,
    /// What to do here, before the rule's general remedy.
    pub remedy: Vec<String>,
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

/// Runs every rule on a dossier; findings by rank, then by number.
#[must_use]
pub fn examine(dossier: &Dossier) -> Vec<Finding> {
    let mut findings: Vec<Finding> = rules::ALL
        .iter()
        .flat_map(|rule| (rule.examine)(dossier).into_iter().map(|firing| rule.finding(firing)))
        .collect();
    findings.sort_by(|one, other| {
        (one.role, one.confidence, &one.rule).cmp(&(other.role, other.confidence, &other.rule))
    });
    findings
}

impl Rule {
    fn finding(&self, firing: Firing) -> Finding {
        let general = self.remedy.iter().map(|text| (*text).to_owned());
        Finding {
            rule: RuleId(self.id.to_owned()),
            title: self.title.to_owned(),
            role: firing.role,
            confidence: firing.confidence,
            subjects: firing.subjects,
            seen: firing.seen,
            inferred: firing.inferred,
            remedy: firing.remedy.into_iter().chain(general).collect(),
            issues: self
                .issues
                .iter()
                .map(|issue| UpstreamIssue {
                    reference: issue.reference.to_owned(),
                    versions: issue.versions.to_owned(),
                })
                .collect(),
        }
    }
}
