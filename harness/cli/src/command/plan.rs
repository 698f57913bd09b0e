//! `gateproof plan`: what a run would do.

use gateproof_core::plan::format;

use super::{CommandError, plan_of, print};
use crate::arguments::{PlanArguments, PlanFormat, ShownProvider};
use crate::environment::Environment;

mod kind;

pub(crate) fn run(
    arguments: &PlanArguments,
    _environment: &Environment,
) -> Result<u8, CommandError> {
    let plan = plan_of(&arguments.choice)?;
    print(&match (arguments.show, arguments.format) {
        (Some(ShownProvider::Kind), _) => kind::shown(&plan, &arguments.kind)?,
        (None, PlanFormat::Table) => format::table(&plan),
        (None, PlanFormat::Json) => format::json(&plan),
        (None, PlanFormat::Github) => format::github(&plan) + "\n",
    })?;
    Ok(0)
}
