//! `gateproof versions`: which versions fit each other, with sources.

use gateproof_report::versions::versions_table;

use super::{CommandError, print};
use crate::environment::Environment;

pub(crate) fn run(environment: &Environment) -> Result<u8, CommandError> {
    print(&versions_table(&environment.output))?;
    Ok(0)
}
