//! What must become of a variant's trials when they are not to pass.

use super::super::file::{ExpectedVerdict, ScenarioFile, VariantFile};
use crate::expectation::Expected;
use crate::finding::{RuleId, rules};
use crate::source::nearest::nearest;
use crate::source::problem::Problem;
use crate::source::tree::Place;

/// Resolves what is expected of a variant. `wrong` are its Helm values that the charts do not
/// take, each by its dotted path: problems, unless they are expected to be refused.
pub(super) fn of_variant(
    file: &ScenarioFile,
    spec: Place<'_>,
    (variant, place): (&VariantFile, Place<'_>),
    wrong: Vec<(String, Problem)>,
    problems: &mut Vec<Problem>,
) -> Option<Expected> {
    let (expect, at) = match (&variant.expect, &file.spec.expect) {
        (Some(own), _) => (own, place.get("expect")),
        (None, Some(shared)) => (shared, spec.get("expect")),
        (None, None) => {
            problems.extend(wrong.into_iter().map(|(_, problem)| problem));
            return None;
        }
    };
    if let Some(keys) = &expect.refused {
        if expect.verdict.is_some() || expect.finding.is_some() {
            let what = "what is refused has neither a verdict nor a finding";
            once(problems, Problem::at(&at, what).expected("`refused` alone"));
        }
        return Some(refusal(keys, at.get("refused"), wrong, problems));
    }
    problems.extend(wrong.into_iter().map(|(_, problem)| problem));
    if let (Some(ExpectedVerdict::Failed), Some(wanted)) =
        (expect.verdict, expect.finding.as_deref())
    {
        return failure(wanted, at, problems);
    }
    once(
        problems,
        Problem::at(&at, "this does not say what is expected")
            .expected("`{verdict: failed, finding: GP0001}` or `{refused: [a.helm.value]}`")
            .note("a failure without its cause is no proof: anything may have failed"),
    );
    None
}

/// What the scenario says is resolved for each of its variants, and told once.
fn once(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

fn failure(wanted: &str, at: Place<'_>, problems: &mut Vec<Problem>) -> Option<Expected> {
    if let Some(rule) = rules::ALL.iter().find(|rule| rule.id == wanted) {
        return Some(Expected::Failure { finding: RuleId::of(rule) });
    }
    let known: Vec<&str> = rules::ALL.iter().map(|rule| rule.id).collect();
    let problem = Problem::at(&at.get("finding"), format!("there is no rule `{wanted}`"))
        .nearest(nearest(wanted, known.iter().copied()))
        .note("`gateproof explain` lists them with what each finds");
    once(problems, problem);
    None
}

fn refusal(
    keys: &[String],
    at: Place<'_>,
    wrong: Vec<(String, Problem)>,
    problems: &mut Vec<Problem>,
) -> Expected {
    for (index, key) in keys.iter().enumerate() {
        if !wrong.iter().any(|(found, _)| found == key) {
            problems.push(
                Problem::at(&at.item(index), format!("nothing is wrong with `{key}` here"))
                    .expected("a Helm value of this variant that its charts do not take")
                    .note("it is expected to be refused, and would not be"),
            );
        }
    }
    let (refused, others): (Vec<_>, Vec<_>) =
        wrong.into_iter().partition(|(found, _)| keys.contains(found));
    problems.extend(others.into_iter().map(|(_, problem)| problem));
    let said = refused.into_iter().map(|(_, problem)| in_one_line(&problem)).collect();
    Expected::Refusal { said }
}

/// A problem in one line: what is wrong, what is right, and why.
fn in_one_line(problem: &Problem) -> String {
    let nearest = problem.nearest.iter().map(|nearest| format!(" (nearest: `{nearest}`)"));
    let note = problem.note.iter().map(|note| format!("; {note}"));
    std::iter::once(problem.what.clone()).chain(nearest).chain(note).collect()
}
