//! Which Cilium version is meant.

use gateproof_core::cilium::CiliumVersion;
use gateproof_core::cilium::version::newest_known;
use gateproof_model::facts::covers;

use crate::command::CommandError;

/// The version, and what was made of a minor version alone.
pub(crate) fn chosen(
    option: &str,
    text: &str,
) -> Result<(CiliumVersion, Vec<String>), CommandError> {
    let range = "the model covers 1.16.0 up to 1.21-dev";
    let (version, notes) = if let Some(version) = newest_known(text) {
        let note =
            format!("Cilium {text} is read as {version}, the newest release of it that is known");
        (version, vec![note])
    } else {
        let version: CiliumVersion = text
            .parse()
            .map_err(|error| CommandError::Usage(format!("{option}{error}; {range}")))?;
        (version, Vec::new())
    };
    if covers(&version) {
        Ok((version, notes))
    } else {
        Err(CommandError::Usage(format!("{option}Cilium {version} is not covered; {range}")))
    }
}
