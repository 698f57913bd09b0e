//! The order of the steps: what the charts are told, definitions, Cilium, cert-manager.
//!
//! Cilium's operator looks for the Gateway API's definitions once, when it starts, and
//! cert-manager's controller does not start without them; so the definitions come first. Pods need
//! a network, so cert-manager comes after Cilium.

use std::path::PathBuf;

use gateproof_core::versions::{Asked, Chosen, Release, choose};
use gateproof_kubernetes::{StackRequest, Surroundings};
use semver::Version;
use serde_json::Value;

use crate::bundle::Bundle;
use crate::error::StackError;
use crate::helm::command::{Chart, Release as HelmRelease};
use crate::helm::{Helm, Upgrade};
use crate::settings::Settings;
use crate::step::Step;
use crate::target::Target;
use crate::values::as_yaml;
use crate::{download, evidence};

mod address_pools;
mod cert_manager;
mod cilium;
mod definitions;
mod restart;
mod working;

/// The field manager of what is applied here.
pub(crate) const MANAGER: &str = "gateproof";

/// What came of an installation.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    /// The Gateway API's release.
    pub gateway_api: Release,
    /// cert-manager's version.
    pub cert_manager: Version,
    /// The values that Cilium was given, with what the cluster needs.
    pub cilium_values: Value,
    /// What is unusual and was done nevertheless, in words.
    pub warnings: Vec<String>,
    /// Files that were written below the folder for evidence.
    pub evidence: Vec<PathBuf>,
}

impl Installed {
    /// Tells what a user should know of a step, and keeps it.
    fn warn(&mut self, step: &Step, warnings: impl IntoIterator<Item = String>) {
        for warning in warnings {
            step.warn(&warning);
            self.warnings.push(warning);
        }
    }
}

/// Installs the stack, or brings it to what is asked for now, and waits until it works.
///
/// # Errors
///
/// When versions do not fit, something cannot be installed or does not come to work; the message
/// says what and why.
pub async fn install(
    target: &Target,
    request: &StackRequest,
    settings: &Settings,
    surroundings: &Surroundings,
) -> Result<Installed, StackError> {
    let step = Step::begin(surroundings, "choose versions");
    let (bundle, chosen) = step
        .run(async {
            let (bundle, chosen) = choose_versions(target, request, settings).await?;
            step.awaiting(&format!(
                "Cilium {}, Gateway API {}, cert-manager {}",
                request.cilium, chosen.gateway_api, chosen.cert_manager
            ));
            chosen.warnings.iter().for_each(|warning| step.warn(warning));
            Ok((bundle, chosen))
        })
        .await?;
    let step = Step::begin(surroundings, "find Helm");
    let helm = step
        .run(async {
            let helm = Helm::find(&settings.helm, target.beside.as_ref(), &step).await?;
            step.awaiting(&helm.describe());
            Ok(helm)
        })
        .await?;
    let work = Work { target, request, settings, surroundings, helm: &helm };
    let mut installed = Installed {
        gateway_api: chosen.gateway_api,
        cert_manager: chosen.cert_manager.clone(),
        cilium_values: Value::Null,
        warnings: chosen.warnings,
        evidence: Vec::new(),
    };
    let of_cilium = cilium::plan(&work, &mut installed).await?;
    let of_cert_manager = cert_manager::plan(&work, &chosen.cert_manager, &mut installed).await?;
    definitions::install(&work, &bundle, &mut installed).await?;
    cilium::install(&work, of_cilium, &mut installed).await?;
    restart::bring_up_to_date(&work).await?;
    working::nodes_are_ready(&work).await?;
    working::class_is_accepted(&work, &installed.cilium_values).await?;
    address_pools::provide(&work).await?;
    cert_manager::install(&work, &chosen.cert_manager, &of_cert_manager).await?;
    tell_warnings(&work, &mut installed)?;
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

/// Chooses versions, and gets the manifest of the Gateway API. What the manifest says of itself is
/// what counts.
async fn choose_versions(
    target: &Target,
    request: &StackRequest,
    settings: &Settings,
) -> Result<(Bundle, Chosen), StackError> {
    let kubernetes = match &target.facts.kubernetes {
        Some(version) => version.clone(),
        None => target.client.kubernetes_version().await?,
    };
    let mut gateway_api = request.gateway_api.clone();
    let asked = |gateway_api: &gateproof_core::scenario::GatewayApi| {
        choose(Asked {
            cilium: &request.cilium,
            gateway_api,
            cert_manager: request.cert_manager.as_deref(),
            kubernetes: Some(&kubernetes),
        })
        .map_err(|misfit| StackError::Refused(misfit.to_string()))
    };
    // Refused before anything is fetched, when what was asked for cannot work.
    let mut chosen = asked(&gateway_api)?;
    let bundle = download::manifest(settings, &chosen.gateway_api).await?;
    match &bundle.release {
        Some(found) if *found != chosen.gateway_api => {
            let differs =
                request.gateway_api.version.as_ref().is_some_and(|version| {
                    version.trim_start_matches('v') != found.version.to_string()
                }) || request.gateway_api.channel.is_some_and(|channel| channel != found.channel);
            if differs {
                return Err(StackError::Refused(format!(
                    "the scenario asks for Gateway API {}, and {} is {found}",
                    chosen.gateway_api, bundle.origin
                )));
            }
            gateway_api.version = Some(found.version.to_string());
            gateway_api.channel = Some(found.channel);
            chosen = asked(&gateway_api)?;
        }
        Some(_) => {}
        None => chosen.warnings.push(format!(
            "{} does not say which release of the Gateway API it is; taken for {}",
            bundle.origin, chosen.gateway_api
        )),
    }
    Ok((bundle, chosen))
}

/// Brings a release to these values.
async fn chart_step(
    work: &Work<'_>,
    name: String,
    release: HelmRelease,
    chart: &Chart,
    values: &Value,
) -> Result<(), StackError> {
    let Work { target, settings, surroundings, helm, .. } = *work;
    let step = Step::begin(surroundings, name);
    let text = as_yaml(values);
    let within = settings.step_within;
    let upgrade = Upgrade { release, chart, values: &text, target, within };
    step.run(helm.upgrade(upgrade, settings, surroundings, &step)).await
}

/// Warnings, which were told as they arose, go beside the evidence too; they change no verdict.
fn tell_warnings(work: &Work<'_>, installed: &mut Installed) -> Result<(), StackError> {
    if !installed.warnings.is_empty() {
        let text = installed.warnings.join("\n") + "\n";
        installed.evidence.extend(evidence::write(work, "stack-warnings.txt", &text)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gateproof_kubernetes::{Component, StackRequest, Surroundings};

    use super::{Settings, Target, install};
    use crate::{logs, settle};

    /// Providers hand this work to tasks of their own.
    fn sendable<F: Future + Send>(_: impl FnOnce() -> F) {}

    #[expect(dead_code, reason = "that it compiles is the claim")]
    fn what_providers_call_can_go_on_in_another_task(
        target: &Target,
        request: &StackRequest,
        settings: &Settings,
        surroundings: &Surroundings,
    ) {
        sendable(|| install(target, request, settings, surroundings));
        sendable(|| logs(&target.client, &Component::CiliumOperator, None));
        sendable(|| settle(&target.client, Duration::ZERO));
    }
}
