//! `gateproof facts`: what differs between Cilium versions, with sources.

use gateproof_core::cilium::CiliumVersion;
use gateproof_report::prediction::{facts_page, facts_table};

use super::predict::version::chosen;
use super::{CommandError, print};
use crate::arguments::{FactsArguments, FactsFormat};
use crate::environment::Environment;

pub(crate) fn run(
    arguments: &FactsArguments,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let versions: Vec<CiliumVersion> = arguments
        .versions
        .iter()
        .map(|text| chosen("", text).map(|(version, _)| version))
        .collect::<Result<_, _>>()?;
    print(&match arguments.format {
        FactsFormat::Table => facts_table(&versions, &environment.output),
        FactsFormat::Markdown => facts_page(),
    })?;
    Ok(0)
}
