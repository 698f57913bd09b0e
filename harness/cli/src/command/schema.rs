//! `gateproof schema`: the JSON Schema of scenario files.

use super::{CommandError, print};

pub(crate) fn run() -> Result<u8, CommandError> {
    let schema = gateproof_core::scenario::schema::schema();
    print(&format!("{schema:#}\n"))?;
    Ok(0)
}
