//! Variants: their values over the scenario's, and what these amount to on every version.

use serde_json::Value;

use super::super::file::{BackendFile, ScenarioFile};
use super::{expectation, faults, nodes, values};
use crate::cilium::values::{config, merge};
use crate::cilium::{CiliumConfig, CiliumVersion, HostNetwork};
use crate::cluster::NodeSelector;
use crate::expectation::Expected;
use crate::name::{NamespacedName, VariantName};
use crate::scenario::{Action, Check, Fault, Step, Variant};
use crate::source::problem::Problem;
use crate::source::tree::Place;
use crate::topology::Topology;

/// A variant with what checks need to know of it.
pub(super) struct VariantScope<'a> {
    /// Its name.
    pub(super) name: VariantName,
    /// Its own values.
    values: Value,
    /// Its place in the file.
    pub(super) place: Place<'a>,
    /// The scenario's values for all variants.
    shared: Place<'a>,
    /// What is wrong on purpose.
    faults: Vec<Fault>,
    /// What must become of its trials when they are not to pass.
    expect: Option<Expected>,
    /// What its values amount to, by version.
    pub(super) configs: Vec<(CiliumVersion, CiliumConfig)>,
}

impl VariantScope<'_> {
    /// As the scenario holds it.
    pub(super) fn variant(&self) -> Variant {
        Variant {
            name: self.name.clone(),
            values: self.values.clone(),
            faults: self.faults.clone(),
            expect: self.expect.clone(),
        }
    }

    /// Whether a failure is expected: whoever does so may want to see just what is refused
    /// otherwise.
    pub(super) fn is_to_fail(&self) -> bool {
        matches!(self.expect, Some(Expected::Failure { .. }))
    }

    /// Whether host networking is on, on any version.
    pub(super) fn host_network(&self) -> Option<&HostNetwork> {
        self.configs.iter().map(|(_, config)| &config.host_network).find(|host| host.is_on())
    }

    /// Where a value was written: in the variant, else for all variants, else nowhere, which is
    /// the variant's name.
    pub(super) fn value_place(&self, path: &[&str]) -> Place<'_> {
        let own = self.place.get("values").at(path);
        let shared = self.shared.at(path);
        if own.exists() {
            own
        } else if shared.exists() {
            shared
        } else {
            self.place.get("name")
        }
    }
}

/// Resolves the variants and checks their values.
pub(super) fn resolve<'a>(
    file: &ScenarioFile,
    spec: Place<'a>,
    versions: &[CiliumVersion],
    topology: Option<&Topology>,
    problems: &mut Vec<Problem>,
) -> Vec<VariantScope<'a>> {
    let shared = spec.at(&["stack", "values"]);
    values::check(shared, versions, problems);
    let base = Value::Object(file.spec.stack.values.clone());
    let backends: Vec<NamespacedName> =
        file.spec.backends.iter().map(BackendFile::full_name).collect();
    let around = faults::Surroundings { topology, backends: &backends };
    let shared_faults = faults::resolve(&file.spec.faults, spec, around, problems);
    let mut variants: Vec<VariantScope<'a>> = Vec::new();
    for (index, variant) in file.spec.variants.iter().enumerate() {
        let place = spec.get("variants").item(index);
        let wrong = values::wrong(place.get("values"), versions);
        let expect = expectation::of_variant(file, spec, (variant, place), wrong, problems);
        let mut faults = shared_faults.clone();
        faults.extend(faults::resolve(&variant.faults, place, around, problems));
        let own = Value::Object(variant.values.clone());
        let merged = merge(&base, &own);
        let name = VariantName::new(&variant.name.0);
        if variants.iter().any(|other| other.name == name) {
            let at = place.get("name");
            problems.push(Problem::at(&at, format!("the variant `{name}` is there twice")));
        }
        let configs = versions.iter().map(|v| (v.clone(), config(v, &merged))).collect();
        let scope = VariantScope { name, values: own, place, shared, faults, expect, configs };
        check_config(&scope, &merged, topology, problems);
        variants.push(scope);
    }
    variants
}

fn check_config(
    variant: &VariantScope<'_>,
    merged: &Value,
    topology: Option<&Topology>,
    problems: &mut Vec<Problem>,
) {
    let name = &variant.name;
    let is_to_fail = variant.is_to_fail();
    let lacking = |needed: fn(&CiliumConfig) -> bool| {
        variant.configs.iter().find(|(_, config)| !needed(config)).map(|(version, _)| version)
    };
    // A value of the wrong type is reported as that.
    let misspelt = merged["gatewayAPI"]["enabled"].is_string();
    if !misspelt && !is_to_fail && lacking(|config| config.gateway_api).is_some() {
        let at = variant.value_place(&["gatewayAPI", "enabled"]);
        problems.push(
            Problem::at(&at, format!("Gateway API support is off in the variant `{name}`"))
                .expected("`gatewayAPI: {enabled: true}`")
                .note("without it Cilium ignores every Gateway, and nothing can be proved"),
        );
    }
    if let Some(version) = lacking(|config| config.kube_proxy_replacement)
        && !is_to_fail
    {
        let at = variant.value_place(&["kubeProxyReplacement"]);
        problems.push(
            Problem::at(&at, format!("the variant `{name}` does not replace kube-proxy"))
                .expected("`kubeProxyReplacement: true`")
                .note(format!("Cilium {version} keeps Gateway API support off without it")),
        );
    }
    if merged["l7Proxy"] == Value::Bool(false) {
        problems.push(
            Problem::at(&variant.value_place(&["l7Proxy"]), "Gateway API needs the L7 proxy")
                .found("`l7Proxy: false`")
                .expected("true, which is the default")
                .note("the chart stops with an error when both are asked for"),
        );
    }
    check_policy(variant, merged, problems);
    if let (Some(HostNetwork::On { match_labels }), Some(topology)) =
        (variant.host_network(), topology)
        && !match_labels.is_empty()
        && !is_to_fail
    {
        let at = variant.value_place(&["gatewayAPI", "hostNetwork", "nodes", "matchLabels"]);
        let selector = NodeSelector::Labels(match_labels.clone());
        problems.extend(nodes::matches_nothing(&selector, at, topology));
    }
}

/// The chart stops the render for other policies (cilium/charts 1.20.0: `templates/validate.yaml`).
fn check_policy(variant: &VariantScope<'_>, merged: &Value, problems: &mut Vec<Problem>) {
    if let Some(policy) = merged["gatewayAPI"]["externalTrafficPolicy"].as_str()
        && !matches!(policy, "Cluster" | "Local")
    {
        let at = variant.value_place(&["gatewayAPI", "externalTrafficPolicy"]);
        problems.push(
            Problem::at(&at, "the chart refuses this traffic policy")
                .found(format!("`{policy}`"))
                .expected("`Cluster` or `Local`"),
        );
    }
}

/// Reports variants that no check is for: they would always pass.
pub(super) fn report_unclaimed(
    variants: &[VariantScope<'_>],
    steps: &[Step],
    problems: &mut Vec<Problem>,
) {
    let checks: Vec<&Check> = steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Check(check) => Some(check),
            Action::Apply(_) | Action::Patch { .. } | Action::Delete(_) => None,
        })
        .collect();
    // Without any check the scenario as a whole is reported.
    if checks.is_empty() {
        return;
    }
    for variant in variants {
        let is_for =
            |check: &&Check| check.variants.is_empty() || check.variants.contains(&variant.name);
        if !checks.iter().copied().any(|check| is_for(&check)) {
            let at = variant.place.get("name");
            problems.push(
                Problem::at(&at, format!("no check is for the variant `{}`", variant.name))
                    .note("it would always pass; drop the variant or claim something of it"),
            );
        }
    }
}
