//! `gateproof predict`: what Cilium of a version would make of manifests, without a cluster.

mod read;
mod version;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_core::proposal::{self, Proposal};
use gateproof_model::predict::{LoadBalancer, Prediction, Question, predict};
use gateproof_model::{SkipReason, Skipped};
use gateproof_report::yaml;
use serde_json::{Value, json};

use super::{CommandError, print, tell};
use crate::arguments::{PredictArguments, PredictOutput};
use crate::environment::Environment;

/// Exit code of a prediction that leaves something open.
const INCOMPLETE: u8 = 3;

pub(crate) fn run(
    arguments: &PredictArguments,
    _environment: &Environment,
) -> Result<u8, CommandError> {
    let (version, mut notes) = version::chosen(&arguments.cilium)?;
    let given = read::given(arguments, vec![version.clone()])?;
    let proposal =
        proposal::read(&given).map_err(|problems| CommandError::Input(Box::new(problems)))?;
    notes.extend(proposal.notes.iter().cloned());
    let config = proposal.config(&version);
    let prediction = of_version(arguments, &proposal, &version, &config)?;
    notes.extend(off(&config));
    notes.extend(passed_over(&prediction.skipped));
    notes.extend(prediction.notes.iter().cloned());
    for note in &notes {
        tell(&format!("note: {note}\n"));
    }
    for limit in &prediction.unmodelled {
        tell(&format!("not covered: {limit}\n"));
    }
    print(&match arguments.output {
        PredictOutput::Yaml => as_yaml(&version, &prediction),
        PredictOutput::Json => as_json(&version, &prediction, &notes),
    })?;
    Ok(if prediction.is_complete() { 0 } else { INCOMPLETE })
}

/// The prediction for one version; objects that cannot be read end it.
fn of_version(
    arguments: &PredictArguments,
    proposal: &Proposal,
    version: &CiliumVersion,
    config: &CiliumConfig,
) -> Result<Prediction, CommandError> {
    let objects: Vec<Value> = proposal.objects.iter().map(|one| one.object.clone()).collect();
    let load_balancer =
        arguments.load_balancer.as_deref().map_or(LoadBalancer::Ipam, LoadBalancer::External);
    let prediction = predict(&Question { version, config, objects: &objects, load_balancer });
    let broken: Vec<String> = prediction
        .skipped
        .iter()
        .filter(|skipped| matches!(skipped.reason, SkipReason::Broken(_)))
        .map(|skipped| format!("{}{skipped}", origin(proposal, skipped)))
        .collect();
    if broken.is_empty() {
        Ok(prediction)
    } else {
        Err(CommandError::Usage(broken.join("\nerror: ")))
    }
}

/// Where a skipped object was written.
fn origin(proposal: &Proposal, skipped: &Skipped) -> String {
    proposal
        .objects
        .iter()
        .find(|one| gateproof_model::resources::identity(&one.object) == skipped.object)
        .map_or_else(String::new, |one| format!("{}: ", one.origin))
}

/// Why Cilium would do nothing at all.
fn off(config: &CiliumConfig) -> Option<String> {
    let cause = match (config.gateway_api, config.kube_proxy_replacement) {
        (true, true) => return None,
        (false, _) => "gatewayAPI.enabled is not true",
        (true, false) => "kubeProxyReplacement is not true",
    };
    Some(format!("with these Helm values Cilium does nothing for any Gateway: {cause}"))
}

/// Kinds that the model does not read, with their number.
fn passed_over(skipped: &[Skipped]) -> Option<String> {
    let mut kinds: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for one in skipped.iter().filter(|one| one.reason == SkipReason::NotRead) {
        let kind = one.object.split(' ').next().unwrap_or(&one.object);
        *kinds.entry(kind).or_default() += 1;
    }
    let list: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    (!list.is_empty()).then(|| {
        format!("passed over, because no Gateway depends on their kinds: {}", list.join(", "))
    })
}

fn as_yaml(version: &CiliumVersion, prediction: &Prediction) -> String {
    let title = format!(
        "# What the reference model of Cilium {version} makes of these manifests; no cluster was \
         asked.\n"
    );
    let limits = prediction.unmodelled.iter().map(|limit| format!("# not covered: {limit}\n"));
    title + &limits.collect::<String>() + &yaml::stream(&prediction.objects)
}

fn as_json(version: &CiliumVersion, prediction: &Prediction, notes: &[String]) -> String {
    let value = json!({
        "apiVersion": "gateproof.dev/v1alpha1",
        "kind": "Prediction",
        "cilium": version,
        "complete": prediction.is_complete(),
        "notCovered": prediction.unmodelled,
        "notes": notes,
        "objects": prediction.objects,
    });
    format!("{value:#}\n")
}
