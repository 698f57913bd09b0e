//! `gateproof predict --compare`: what an upgrade changes.

use gateproof_model::predict::comparison::{Cause, Comparison, compare};
use gateproof_model::{Unmodelled, facts};
use gateproof_report::prediction::{changes, unified};
use serde_json::{Value, json};

use super::{Answer, tell_besides};
use crate::arguments::{PredictArguments, PredictOutput};
use crate::command::{CommandError, print};
use crate::environment::Environment;

/// Exit code of `--exit-code` when something changes.
const CHANGED: u8 = 1;

pub(super) fn show(
    arguments: &PredictArguments,
    environment: &Environment,
    older: &Answer<'_>,
    newer: &Answer<'_>,
    mut notes: Vec<String>,
) -> Result<u8, CommandError> {
    let (before, after) = (&older.prediction, &newer.prediction);
    let comparison = compare((&older.question, before), (&newer.question, after));
    for note in older.notes().into_iter().chain(newer.notes()) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    let mut unmodelled: Vec<Unmodelled> = before.unmodelled.clone();
    unmodelled.extend(after.unmodelled.iter().cloned());
    unmodelled.sort();
    unmodelled.dedup();
    tell_besides(&notes, &unmodelled);
    let versions = (older.question.version, newer.question.version);
    print(&match arguments.output.unwrap_or(PredictOutput::Table) {
        PredictOutput::Table => changes(versions, &comparison, &environment.output),
        PredictOutput::Yaml => {
            let difference = unified(
                (versions.0, &before.objects),
                (versions.1, &after.objects),
                &environment.output,
            );
            let gap = if difference.is_empty() { "" } else { "\n" };
            changes(versions, &comparison, &environment.output) + gap + &difference
        }
        PredictOutput::Json => {
            let value = json!({
                "apiVersion": "gateproof.dev/v1alpha1",
                "kind": "Comparison",
                "from": versions.0,
                "to": versions.1,
                "complete": unmodelled.is_empty(),
                "notCovered": unmodelled,
                "notes": notes,
                "subjects": comparison.subjects,
                "objects": comparison.objects,
                "facts": facts_of(&comparison),
            });
            format!("{value:#}\n")
        }
    })?;
    Ok(match older.code().max(newer.code()) {
        0 if arguments.exit_code && !comparison.is_empty() => CHANGED,
        code => code,
    })
}

/// The facts that are named as causes, by name.
fn facts_of(comparison: &Comparison) -> Value {
    let causes = comparison.causes();
    let named = facts::FACTS.iter().filter(|fact| causes.contains(&Cause::Fact(fact.behaviour)));
    named
        .map(|fact| {
            let words = json!({
                "what": fact.behaviour.words(),
                "source": fact.source,
                "certainty": fact.certainty,
            });
            (fact.behaviour.name().to_owned(), words)
        })
        .collect::<serde_json::Map<String, Value>>()
        .into()
}
