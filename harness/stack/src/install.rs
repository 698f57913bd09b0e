//! The order of the steps: definitions, Cilium, cert-manager.
//!
//! Cilium's operator looks for the Gateway API's definitions once, when it starts, and
//! cert-manager's controller does not start without them; so the definitions come first. Pods need
//! a network, so cert-manager comes after Cilium.

use std::path::PathBuf;

use gateproof_kubernetes::{StackRequest, Surroundings};

use crate::error::StackError;
use crate::helm::Helm;
use crate::settings::Settings;
use crate::step::step;
use crate::target::Target;

mod cilium;

/// What came of an installation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Installed {
    /// The values that Cilium was given, with what the cluster needs.
    pub cilium_values: serde_json::Value,
    /// What is unusual and was done nevertheless, in words.
    pub warnings: Vec<String>,
    /// Files that were written below the folder for evidence.
    pub evidence: Vec<PathBuf>,
}

/// Installs the stack, or brings it to what is asked for now, and waits until it works.
///
/// # Errors
///
/// When something cannot be installed or does not come to work; the message says what and why.
pub async fn install(
    target: &Target,
    request: &StackRequest,
    settings: &Settings,
    surroundings: &Surroundings,
) -> Result<Installed, StackError> {
    let helm = step(surroundings, "find Helm", async |progress| {
        let helm = Helm::find(&settings.helm).await?;
        progress.awaiting(&helm.describe());
        Ok(helm)
    })
    .await?;
    let work = Work { target, request, settings, surroundings, helm: &helm };
    let mut installed = Installed::default();
    cilium::install(&work, &mut installed).await?;
    Ok(installed)
}

/// What every step works with.
#[derive(Clone, Copy)]
pub(crate) struct Work<'w> {
    pub(crate) target: &'w Target,
    pub(crate) request: &'w StackRequest,
    pub(crate) settings: &'w Settings,
    pub(crate) surroundings: &'w Surroundings,
    pub(crate) helm: &'w Helm,
}
