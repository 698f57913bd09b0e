//! `gateproof predict`: what Cilium of a version would make of manifests, without a cluster.

mod compare;
mod read;
pub(crate) mod version;

use std::collections::BTreeMap;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_core::proposal::{self, Proposal};
use gateproof_model::predict::overview::overview;
use gateproof_model::predict::{Addresses, LoadBalancer, Prediction, Question, predict};
use gateproof_model::{SkipReason, Skipped, Unmodelled};
use gateproof_report::prediction::{Shown, table};
use gateproof_report::yaml;
use serde_json::{Value, json};

use super::{CommandError, print, tell};
use crate::arguments::{PredictArguments, PredictOutput};
use crate::environment::Environment;

/// Exit code of a prediction that leaves something open.
const INCOMPLETE: u8 = 3;

pub(crate) fn run(
    arguments: &PredictArguments,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let (version, mut notes) = version::chosen("--cilium: ", &arguments.cilium)?;
    let mut versions = vec![version];
    if let Some(text) = &arguments.compare {
        let (version, more) = version::chosen("--compare: ", text)?;
        notes.extend(more);
        versions.push(version);
    }
    let given = read::given(arguments, versions.clone())?;
    let proposal =
        proposal::read(&given).map_err(|problems| CommandError::Input(Box::new(problems)))?;
    notes.extend(proposal.notes.iter().cloned());
    let objects: Vec<Value> = proposal.objects.iter().map(|one| one.object.clone()).collect();
    let sides: Vec<(&CiliumVersion, CiliumConfig)> =
        versions.iter().map(|version| (version, proposal.config(version))).collect();
    let addresses = Addresses::read(&arguments.load_balancer).map_err(|problems| {
        let problems = problems.iter().map(|problem| format!("--load-balancer {problem}"));
        CommandError::Usage(problems.collect::<Vec<_>>().join("\nerror: "))
    })?;
    let mut answers = Vec::new();
    for (version, config) in &sides {
        let balancer = if arguments.load_balancer.is_empty() {
            LoadBalancer::Ipam
        } else {
            LoadBalancer::External(&addresses)
        };
        let question = Question::new(version, config, &objects).balanced_by(balancer);
        answers.push(answered(&proposal, question)?);
    }
    match answers.as_slice() {
        [older, newer] => compare::show(arguments, environment, older, newer, notes),
        [only, ..] => show(arguments, environment, only, notes),
        [] => Ok(0),
    }
}

/// A question with its answer.
struct Answer<'a> {
    question: Question<'a>,
    prediction: Prediction,
}

impl Answer<'_> {
    /// What a reader should know besides.
    fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = off(self.question.config).into_iter().collect();
        notes.extend(passed_over(&self.prediction.skipped));
        notes.extend(self.prediction.notes.iter().cloned());
        notes
    }

    fn code(&self) -> u8 {
        if self.prediction.is_complete() { 0 } else { INCOMPLETE }
    }
}

/// Asks the model; objects that cannot be read end it.
fn answered<'a>(proposal: &Proposal, question: Question<'a>) -> Result<Answer<'a>, CommandError> {
    let prediction = predict(&question);
    let broken: Vec<String> = prediction
        .skipped
        .iter()
        .filter(|skipped| matches!(skipped.reason, SkipReason::Broken(_)))
        .map(|skipped| format!("{}{skipped}", origin(proposal, skipped)))
        .collect();
    if broken.is_empty() {
        Ok(Answer { question, prediction })
    } else {
        Err(CommandError::Usage(broken.join("\nerror: ")))
    }
}

fn show(
    arguments: &PredictArguments,
    environment: &Environment,
    answer: &Answer<'_>,
    mut notes: Vec<String>,
) -> Result<u8, CommandError> {
    let Answer { question, prediction } = answer;
    notes.extend(answer.notes());
    let version = question.version;
    let unmodelled = &prediction.unmodelled;
    print(&match arguments.output.unwrap_or(PredictOutput::Yaml) {
        PredictOutput::Table => {
            let gateways = overview(question, prediction);
            let shown = Shown { version, gateways: &gateways, unmodelled, notes: &notes };
            table(&shown, &environment.output)
        }
        PredictOutput::Yaml => {
            tell_besides(&notes, unmodelled);
            as_yaml(version, prediction)
        }
        PredictOutput::Json => {
            tell_besides(&notes, unmodelled);
            let value = json!({
                "apiVersion": "gateproof.dev/v1alpha1",
                "kind": "Prediction",
                "cilium": version,
                "complete": prediction.is_complete(),
                "notCovered": unmodelled,
                "notes": notes,
                "gateways": overview(question, prediction),
                "objects": prediction.objects,
            });
            format!("{value:#}\n")
        }
    })?;
    Ok(answer.code())
}

/// Notes and limits go to standard error where the output is for programs.
fn tell_besides(notes: &[String], unmodelled: &[Unmodelled]) {
    for note in notes {
        tell(&format!("note: {note}\n"));
    }
    for limit in unmodelled {
        tell(&format!("not covered: {limit}\n"));
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
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for one in skipped.iter().filter(|one| one.reason == SkipReason::NotRead) {
        let kind = one.object.split(' ').next().unwrap_or(&one.object);
        *kinds.entry(kind).or_default() += 1;
    }
    let list: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    (!list.is_empty())
        .then(|| format!("passed over, because the model reads no such kinds: {}", list.join(", ")))
}

fn as_yaml(version: &CiliumVersion, prediction: &Prediction) -> String {
    let title = format!(
        "# What the reference model of Cilium {version} makes of these manifests; no cluster was \
         asked.\n"
    );
    let limits = prediction.unmodelled.iter().map(|limit| format!("# not covered: {limit}\n"));
    title + &limits.collect::<String>() + &yaml::stream(&prediction.objects)
}
