//! `gateproof validate`: every problem of every file in one go.

use gateproof_core::versions::doubts;

use super::{CommandError, load, print, tell};
use crate::arguments::ValidateArguments;
use crate::environment::Environment;

pub(crate) fn run(
    arguments: &ValidateArguments,
    _environment: &Environment,
) -> Result<u8, CommandError> {
    let catalog = load(&arguments.paths, arguments.clusters.as_deref())?;
    for scenario in &catalog.scenarios {
        for doubt in doubts(scenario) {
            tell(&format!("warning: {}: {doubt}\n", scenario.file));
        }
    }
    let count = |number: usize, noun: &str| {
        format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
    };
    print(&format!(
        "{} and {} without problems\n",
        count(catalog.scenarios.len(), "scenario"),
        // "topology" has a plural of its own.
        match catalog.topologies.len() {
            1 => "1 topology".to_owned(),
            many => format!("{many} topologies"),
        },
    ))?;
    Ok(0)
}
