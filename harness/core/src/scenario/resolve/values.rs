//! Helm values as written, key by key, against the chart of every version of the scenario.

use serde_json::Value;

use crate::cilium::CiliumVersion;
use crate::cilium::chart::{KeyProblem, key_problem};
use crate::source::problem::Problem;
use crate::source::schema::one_of;
use crate::source::tree::{Node, Place};

/// Reports keys that the charts of these versions do not have, or not with this type.
pub(super) fn check(place: Place<'_>, versions: &[CiliumVersion], problems: &mut Vec<Problem>) {
    walk(place, &mut Vec::new(), versions, problems);
}

fn walk<'a>(
    place: Place<'a>,
    path: &mut Vec<&'a str>,
    versions: &[CiliumVersion],
    problems: &mut Vec<Problem>,
) {
    for entry in place.node().map(Node::entries).unwrap_or_default() {
        path.push(&entry.key);
        let value = entry.value.to_json();
        match first_problem(path, &value, versions) {
            Some((version, wrong, others)) => {
                let at = place.key(&entry.key);
                problems.push(described(at, place.get(&entry.key), path, version, &wrong, others));
            }
            None => walk(place.get(&entry.key), path, versions, problems),
        }
        path.pop();
    }
}

/// The first version whose chart has a problem with the key, and how many more have one.
fn first_problem<'v>(
    path: &[&str],
    value: &Value,
    versions: &'v [CiliumVersion],
) -> Option<(&'v CiliumVersion, KeyProblem, usize)> {
    let mut wrong =
        versions.iter().filter_map(|version| Some((version, key_problem(version, path, value)?)));
    let (version, problem) = wrong.next()?;
    Some((version, problem, wrong.count()))
}

fn described(
    key: Place<'_>,
    value: Place<'_>,
    path: &[&str],
    version: &CiliumVersion,
    wrong: &KeyProblem,
    others: usize,
) -> Problem {
    let dotted = path.join(".");
    let charts = match others {
        0 => format!("the chart of Cilium {version}"),
        1 => format!("the chart of Cilium {version} (and of one more version here)"),
        more => format!("the chart of Cilium {version} (and of {more} more versions here)"),
    };
    match wrong {
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
