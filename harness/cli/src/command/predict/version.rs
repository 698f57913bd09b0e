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
        let notes = beyond_what_is_known(&version).into_iter().collect();
        (version, notes)
    };
    if covers(&version) {
        Ok((version, notes))
    } else {
        Err(CommandError::Usage(format!("{option}Cilium {version} is not covered; {range}")))
    }
}

/// What to know of a release that nobody looked at.
fn beyond_what_is_known(version: &CiliumVersion) -> Option<String> {
    let is_release = version.as_semver().pre.is_empty();
    match newest_known(&format!("1.{}", version.minor())) {
        Some(newest) if *version > newest => Some(format!(
            "Cilium {version} is newer than {newest}, the newest release of it that is known, and \
             predicted as if nothing changed in between"
        )),
        None if is_release => Some(format!(
            "no release of Cilium 1.{} is known; {version} is predicted as 1.21-dev, the main branch",
            version.minor()
        )),
        _ => None,
    }
}
