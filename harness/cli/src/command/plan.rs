//! `gateproof plan`: what a run would do.

use gateproof_core::plan::format;

use super::{CommandError, plan_of, print};
use crate::arguments::{PlanArguments, PlanFormat};
use crate::environment::Environment;

pub(crate) fn run(
    arguments: &PlanArguments,
    _environment: &Environment,
) -> Result<u8, CommandError> {
    let plan = plan_of(&arguments.choice)?;
    print(&match arguments.format {
        PlanFormat::Table => format::table(&plan),
        PlanFormat::Json => format::json(&plan),
        PlanFormat::Github => format::github(&plan) + "\n",
    })?;
    Ok(0)
}
