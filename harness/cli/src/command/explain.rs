//! `gateproof explain`: the rules behind findings.

use gateproof_core::finding::{Rule, rule, rules};
use gateproof_core::source::nearest::nearest;
use gateproof_report::finding::{explain, list, page};

use super::{CommandError, print};
use crate::arguments::{ExplainArguments, ExplainFormat};
use crate::environment::Environment;

pub(crate) fn run(
    arguments: &ExplainArguments,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let mut chosen: Vec<&Rule> = Vec::new();
    let mut unknown = Vec::new();
    for id in &arguments.findings {
        match rule(id) {
            Some(rule) => chosen.push(rule),
            None => unknown.push(not_known(id)),
        }
    }
    if !unknown.is_empty() {
        return Err(CommandError::Usage(unknown.join("\nerror: ")));
    }
    let told: Vec<String> = chosen.iter().map(|rule| explain(rule, &environment.output)).collect();
    print(&match (arguments.format, told.is_empty()) {
        (ExplainFormat::Markdown, _) => page(),
        (ExplainFormat::Text, true) => list(&environment.output),
        (ExplainFormat::Text, false) => told.join("\n"),
    })?;
    Ok(0)
}

/// What to type instead: the nearest number, or the title that the words are near to.
fn not_known(id: &str) -> String {
    let ids = rules::ALL.iter().map(|rule| rule.id);
    let (first, last) = (ids.clone().next(), ids.clone().next_back());
    let range = match (first, last) {
        (Some(first), Some(last)) => format!("; there are {first} to {last}"),
        _ => String::new(),
    };
    let near = nearest(id, ids).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    format!("there is no finding `{id}`{near}{range}; `gateproof explain` lists them")
}
