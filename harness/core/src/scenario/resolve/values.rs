//! Helm values as written, key by key, against the charts of the scenario.

use semver::Version;

use crate::cert_manager;
use crate::cert_manager::chart::KeyProblem as CertManagerProblem;
use crate::cilium::CiliumVersion;
use crate::cilium::chart::{KeyProblem, key_problem};
use crate::source::problem::Problem;
use crate::source::schema::one_of;
use crate::source::tree::{Node, Place};

/// Reports keys that the charts of these versions do not have, or not with this type.
pub(crate) fn check(place: Place<'_>, versions: &[CiliumVersion], problems: &mut Vec<Problem>) {
    problems.extend(wrong(place, versions).into_iter().map(|(_, problem)| problem));
}

/// The keys that the charts of these versions do not have, or not with this type, each by its
/// dotted path.
pub(super) fn wrong(place: Place<'_>, versions: &[CiliumVersion]) -> Vec<(String, Problem)> {
    let mut problems = Vec::new();
    walk(place, &mut Vec::new(), versions, &mut problems);
    problems
}

fn walk<'a>(
    place: Place<'a>,
    path: &mut Vec<&'a str>,
    versions: &[CiliumVersion],
    problems: &mut Vec<(String, Problem)>,
) {
    for entry in place.node().map(Node::entries).unwrap_or_default() {
        path.push(&entry.key);
        let value = entry.value.to_json();
        let mut right: Vec<CiliumVersion> = Vec::new();
        let mut wrong: Vec<Finding> = Vec::new();
        for version in versions {
            match key_problem(version, path, &value) {
                None => right.push(version.clone()),
                Some(problem) => add(&mut wrong, version, problem),
            }
        }
        for finding in wrong {
            let problem = described(place.key(&entry.key), place.get(&entry.key), path, &finding);
            problems.push((path.join("."), problem));
        }
        // What is below a wrong key is looked at for the versions that have the key.
        walk(place.get(&entry.key), path, &right, problems);
        path.pop();
    }
}

/// Reports keys that cert-manager's chart does not have at its top, or not with this type.
pub(super) fn check_cert_manager(
    place: Place<'_>,
    version: Option<&str>,
    problems: &mut Vec<Problem>,
) {
    let version = version.and_then(|version| Version::parse(version).ok());
    let chart = match &version {
        Some(version) => format!("the chart of cert-manager {version}"),
        None => "cert-manager's chart".to_owned(),
    };
    for entry in place.node().map(Node::entries).unwrap_or_default() {
        let (key, value) = (place.key(&entry.key), place.get(&entry.key));
        let dotted = &entry.key;
        let found =
            cert_manager::chart::key_problem(version.as_ref(), dotted, &entry.value.to_json());
        problems.extend(found.map(|problem| {
            match problem {
                CertManagerProblem::Unknown { nearest } => Problem::at(
                    &key,
                    format!("{chart} has no key `{dotted}`"),
                )
                .nearest(nearest)
                .note(
                    "before 1.16 nothing comes of unknown keys, and since then Helm refuses them",
                ),
                CertManagerProblem::NotYet { since } => {
                    Problem::at(&key, format!("{chart} does not have `{dotted}` yet"))
                        .expected(format!("cert-manager 1.{since} or newer for this key"))
                }
                CertManagerProblem::WrongType { expected } => {
                    let found = value.node().map(|node| node.content.to_string());
                    let mut problem =
                        Problem::at(&value, format!("{chart} refuses this value of `{dotted}`"))
                            .expected(expected);
                    problem.found = found;
                    problem
                }
            }
        }));
    }
}

/// A problem and the versions that have it.
struct Finding {
    problem: KeyProblem,
    versions: Vec<CiliumVersion>,
}

/// Versions whose charts say the same are told together; what is unknown is unknown everywhere,
/// whatever else each chart has.
fn add(findings: &mut Vec<Finding>, version: &CiliumVersion, problem: KeyProblem) {
    let same = findings.iter_mut().find(|finding| {
        finding.problem == problem
            || matches!(
                (&finding.problem, &problem),
                (KeyProblem::Unknown { .. }, KeyProblem::Unknown { .. })
            )
    });
    match same {
        Some(finding) => finding.versions.push(version.clone()),
        None => findings.push(Finding { problem, versions: vec![version.clone()] }),
    }
}

fn described(key: Place<'_>, value: Place<'_>, path: &[&str], finding: &Finding) -> Problem {
    let dotted = path.join(".");
    let versions: Vec<String> = finding.versions.iter().map(ToString::to_string).collect();
    let charts = format!("the chart of Cilium {}", versions.join(", "));
    match &finding.problem {
        KeyProblem::Unknown { nearest, accepted, advice } => {
            let mut problem =
                Problem::at(&key, format!("{charts} has no key `{dotted}`")).nearest(*nearest);
            if !accepted.is_empty() {
                problem = problem.expected(one_of(accepted));
            }
            problem.note(advice.map_or_else(
                || "Helm ignores unknown keys without a word".to_owned(),
                |advice| format!("{advice}; Helm ignores unknown keys without a word"),
            ))
        }
        KeyProblem::NotYet { since } => {
            Problem::at(&key, format!("{charts} does not have `{dotted}` yet"))
                .expected(format!("Cilium 1.{since} or newer for this key"))
                .note("drop the version or the key; Helm ignores unknown keys without a word")
        }
        KeyProblem::NoLonger { until } => {
            Problem::at(&key, format!("{charts} has `{dotted}` no longer"))
                .expected(format!("no such key after Cilium 1.{until}"))
                .note("drop the version or the key; Helm ignores unknown keys without a word")
        }
        KeyProblem::WrongType { expected, advice } => {
            let found = value.node().map(|node| node.content.to_string());
            let mut problem =
                Problem::at(&value, format!("{charts} refuses this value of `{dotted}`"))
                    .expected(*expected);
            problem.found = found;
            problem.note = advice.map(str::to_owned);
            problem
        }
    }
}
