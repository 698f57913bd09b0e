//! From what a person wrote to what the program believes.
//!
//! Every name is looked up, every default is filled in, every claim that could not fail is
//! refused. Nothing stops at the first mistake: what cannot be resolved is reported and left out,
//! and a scenario with any problem is not returned.

use std::collections::{BTreeMap, BTreeSet};

use super::file::form::ManifestForm;
use super::file::{ChannelFile, ScenarioFile};
use super::inventory::Inventory;
use super::issuer::Issuer;
use super::manifest::{self, Object};
use super::{Backend, Channel, GatewayApi, Scenario, Step};
use crate::name::{NamespacedName, ScenarioName};
use crate::source::nearest::nearest;
use crate::source::problem::Problem;
use crate::source::tree::{Node, Place, Source};
use crate::topology::Topology;
use crate::versions::{Asked, Misfit, choose};

mod check;
mod expectation;
mod faults;
mod health;
mod issuer;
mod nodes;
mod partial;
mod ports;
mod request;
mod socket;
mod status;
mod steps;
mod values;
mod variants;

pub(crate) use partial::{resolve as resolve_partly, without_broken_checks};
pub(crate) use values::check as check_values;
use variants::VariantScope;

/// A parsed file.
#[derive(Debug)]
pub(crate) struct ParsedFile {
    /// Path and text.
    pub(crate) source: Source,
    /// Its documents.
    pub(crate) documents: Vec<Node>,
    /// Whether the YAML was right.
    pub(crate) intact: bool,
}

/// Everything that a scenario may refer to.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    /// Topologies by name.
    pub(crate) topologies: &'a BTreeMap<String, Topology>,
    /// Topologies that exist but have problems of their own.
    pub(crate) broken_topologies: &'a BTreeSet<String>,
    /// Manifest files by path.
    pub(crate) manifests: &'a BTreeMap<String, ParsedFile>,
    /// Why a manifest file could not be read, by path.
    pub(crate) unreadable: &'a BTreeMap<String, String>,
}

/// Whether all checks of a scenario are there to be resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    /// All that were written.
    Whole,
    /// Some had mistakes and were left out, so that what none of the others claims is no problem.
    SomeLeftOut,
}

/// What the checks of one scenario are resolved against.
pub(crate) struct Scope<'a> {
    topology: Option<&'a Topology>,
    variants: Vec<VariantScope<'a>>,
    inventory: Inventory<'a>,
    issuer: Issuer,
}

/// Resolves a scenario. Problems are collected; the result means something only when there are
/// none.
pub(crate) fn resolve(
    file: &ScenarioFile,
    place: Place<'_>,
    around: &Surroundings<'_>,
    checks: Checks,
    problems: &mut Vec<Problem>,
) -> Option<Scenario> {
    let before = problems.len();
    let spec = place.get("spec");
    let topology = topology(&file.spec.topology.0, spec, around, problems);
    let cilium = versions(file, spec, problems);
    report_misfits(file, spec, &cilium, problems);
    let chosen = cert_manager_version(file);
    values::check_cert_manager(spec.at(&["stack", "certManager", "values"]), chosen, problems);
    let variants = variants::resolve(file, spec, &cilium, topology, problems);
    let backends = backends(file, spec, problems);
    let applied = Applied::load(file, place, around, problems);
    let mut inventory = applied.inventory(file);
    inventory.services.extend(backends.iter().map(|backend| backend.name.clone()));
    let issuer = issuer::resolve(file, spec, &cilium, &inventory, problems);
    let scope = Scope { topology, variants, inventory, issuer };
    let steps = steps::resolve(file, spec, &applied, &scope, problems);
    if checks == Checks::Whole {
        steps::report_no_claim(file, spec, problems);
        ports::check(&scope, &steps, problems);
        variants::report_unclaimed(&scope.variants, &steps, problems);
    }
    if problems.len() > before || checks == Checks::SomeLeftOut {
        return None;
    }
    Some(Scenario {
        name: ScenarioName::new(&file.metadata.name.0),
        labels: file.metadata.labels.clone(),
        description: file.spec.description.trim().to_owned(),
        file: place.source().path.clone(),
        topology: topology?.clone(),
        cilium,
        gateway_api: gateway_api(file),
        cert_manager: cert_manager_version(file).map(str::to_owned),
        cert_manager_values: cert_manager_values(file),
        values: serde_json::Value::Object(file.spec.stack.values.clone()),
        variants: scope.variants.iter().map(VariantScope::variant).collect(),
        issuer: scope.issuer,
        backends,
        address_pools: file.spec.address_pools.iter().map(|pool| pool.0.clone()).collect(),
        steps,
    })
}

fn topology<'a>(
    name: &str,
    spec: Place<'_>,
    around: &Surroundings<'a>,
    problems: &mut Vec<Problem>,
) -> Option<&'a Topology> {
    let found = around.topologies.get(name);
    if found.is_none() && !around.broken_topologies.contains(name) {
        let known: Vec<&str> = around.topologies.keys().map(String::as_str).collect();
        problems.push(unknown(spec.get("topology"), "topology", name, &known));
    }
    found
}

fn versions(
    file: &ScenarioFile,
    spec: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<crate::cilium::CiliumVersion> {
    let versions = &file.spec.stack.cilium.0;
    let place = spec.at(&["stack", "cilium"]);
    for (index, version) in versions.iter().enumerate() {
        if versions[..index].contains(version) {
            problems
                .push(Problem::at(&place.item(index), format!("Cilium {version} is there twice")));
        }
    }
    versions.clone()
}

/// Versions that are known not to work together; what is left open always fits.
fn report_misfits(
    file: &ScenarioFile,
    spec: Place<'_>,
    cilium: &[crate::cilium::CiliumVersion],
    problems: &mut Vec<Problem>,
) {
    let stack = &file.spec.stack;
    let key = if stack.gateway_api.is_some() { "gatewayAPI" } else { "certManager" };
    let mut told = BTreeSet::new();
    for version in cilium {
        let asked = Asked {
            cilium: version,
            gateway_api: &gateway_api(file),
            cert_manager: cert_manager_version(file),
            kubernetes: None,
        };
        let Err(Misfit(lines)) = choose(asked) else { continue };
        for line in lines {
            if told.insert(line.clone()) {
                problems.push(Problem::at(&spec.at(&["stack", key]), line));
            }
        }
    }
}

/// The version of cert-manager that was asked for.
fn cert_manager_version(file: &ScenarioFile) -> Option<&str> {
    Some(file.spec.stack.cert_manager.as_ref()?.version.as_ref()?.0.as_str())
}

fn cert_manager_values(file: &ScenarioFile) -> serde_json::Value {
    let asked = file.spec.stack.cert_manager.as_ref();
    asked.map(|asked| asked.values.clone()).unwrap_or_default().into()
}

fn gateway_api(file: &ScenarioFile) -> GatewayApi {
    let asked = file.spec.stack.gateway_api.as_ref();
    GatewayApi {
        channel: asked.and_then(|asked| asked.channel).map(|channel| match channel {
            ChannelFile::Experimental => Channel::Experimental,
            ChannelFile::Standard => Channel::Standard,
        }),
        version: asked.and_then(|asked| Some(asked.version.as_ref()?.0.clone())),
    }
}

fn backends(file: &ScenarioFile, spec: Place<'_>, problems: &mut Vec<Problem>) -> Vec<Backend> {
    let mut seen: BTreeSet<NamespacedName> = BTreeSet::new();
    let place = spec.get("backends");
    let mut backends = Vec::new();
    for (index, backend) in file.spec.backends.iter().enumerate() {
        let name = backend.full_name();
        if !seen.insert(name.clone()) {
            let at = place.item(index).get("name");
            problems.push(Problem::at(&at, format!("the backend `{name}` is there twice")));
        }
        backends.push(Backend { name, replicas: backend.replicas, port: backend.port });
    }
    backends
}

/// The objects that a scenario applies: from `manifests`, and from each step.
pub(crate) struct Applied<'a> {
    manifests: Vec<Object<'a>>,
    steps: Vec<Vec<Object<'a>>>,
    /// Whether some object could not be read.
    incomplete: bool,
}

impl<'a> Applied<'a> {
    fn load(
        file: &ScenarioFile,
        place: Place<'a>,
        around: &Surroundings<'a>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let spec = place.get("spec");
        let mut incomplete = false;
        let mut load = |forms: &[ManifestForm], at| {
            let loaded = load(forms, at, around, problems);
            incomplete |= loaded.incomplete;
            loaded.objects
        };
        let manifests = load(&file.spec.manifests, spec.get("manifests"));
        let steps = file
            .spec
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| {
                let at = spec.get("steps").item(index).get("apply");
                load(step.apply.as_deref().unwrap_or_default(), at)
            })
            .collect();
        Self { manifests, steps, incomplete }
    }

    fn inventory(&self, file: &ScenarioFile) -> Inventory<'a> {
        let mut inventory = Inventory::default();
        inventory.incomplete = self.incomplete;
        for object in self.manifests.iter().chain(self.steps.iter().flatten()) {
            inventory.add(object);
        }
        steps::add_changes(file, &mut inventory);
        inventory
    }
}

/// The objects of one list of manifests.
pub(super) struct Loaded<'a> {
    objects: Vec<Object<'a>>,
    /// Whether some object could not be read.
    incomplete: bool,
}

/// Reads the objects of one list of manifests.
fn load<'a>(
    forms: &[ManifestForm],
    place: Place<'a>,
    around: &Surroundings<'a>,
    problems: &mut Vec<Problem>,
) -> Loaded<'a> {
    let mut loaded = Loaded { objects: Vec::new(), incomplete: false };
    let asked: BTreeSet<String> = forms
        .iter()
        .filter_map(|form| match form {
            ManifestForm::Path(written) => Some(relative_to(&place.source().path, written)),
            ManifestForm::Object => None,
        })
        .collect();
    let mut paths: BTreeSet<String> = BTreeSet::new();
    for (index, form) in forms.iter().enumerate() {
        let at = place.item(index);
        match form {
            ManifestForm::Object => loaded.add(manifest::object(at, problems)),
            ManifestForm::Path(written) if written.starts_with('/') => {
                loaded.incomplete = true;
                problems.push(
                    Problem::at(&at, "this path is absolute")
                        .expected("a path relative to this file")
                        .note("the same scenario has to work in every checkout"),
                );
            }
            ManifestForm::Path(written) => {
                let path = relative_to(&at.source().path, written);
                if !paths.insert(path.clone()) {
                    problems.push(Problem::at(&at, "this file is there twice"));
                } else if let Some(file) = around.manifests.get(&path) {
                    loaded.add_file(file, at, problems);
                } else {
                    loaded.incomplete = true;
                    problems.push(missing_file(at, &path, &asked, around));
                }
            }
        }
    }
    manifest::report_duplicates(&loaded.objects, problems);
    loaded
}

impl<'a> Loaded<'a> {
    fn add(&mut self, object: Option<Object<'a>>) {
        self.incomplete |= object.is_none();
        self.objects.extend(object);
    }

    fn add_file(&mut self, file: &'a ParsedFile, at: Place<'_>, problems: &mut Vec<Problem>) {
        self.incomplete |= file.documents.is_empty() || !file.intact;
        report_empty(file, at, problems);
        for node in &file.documents {
            self.add(manifest::object(Place::document(&file.source, node), problems));
        }
    }
}

fn report_empty(file: &ParsedFile, at: Place<'_>, problems: &mut Vec<Problem>) {
    if file.documents.is_empty() && file.intact {
        problems.push(
            Problem::at(&at, "this file has no objects")
                .note(format!("{} is empty", file.source.path)),
        );
    }
}

/// A file that is not there; what this list has already is no suggestion.
fn missing_file(
    at: Place<'_>,
    path: &str,
    asked: &BTreeSet<String>,
    around: &Surroundings<'_>,
) -> Problem {
    let known = around.manifests.keys().filter(|known| !asked.contains(*known));
    let known: Vec<&str> = known.map(String::as_str).collect();
    let mut problem = Problem::at(&at, format!("`{path}` cannot be read"))
        .expected("a path relative to this file")
        .nearest(nearest(path, known.iter().copied()));
    problem.note = around.unreadable.get(path).cloned();
    problem
}

/// A path that a scenario file names, relative to where the scenario file is.
pub(crate) fn relative_to(file: &str, written: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in written.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if folder.starts_with('/') || written.starts_with('/') { format!("/{joined}") } else { joined }
}

/// A name that points nowhere.
fn unknown(place: Place<'_>, kind: &str, name: &str, known: &[&str]) -> Problem {
    let problem = Problem::at(&place, format!("there is no {kind} `{name}` here"))
        .nearest(nearest(name, known.iter().copied()));
    if known.is_empty() {
        problem.expected(format!("a {kind} that exists, but there is none at all"))
    } else {
        problem.expected(crate::source::schema::one_of(known))
    }
}

/// A scenario's steps with unique check names.
type Steps = Vec<Step>;

#[cfg(test)]
mod tests {
    use super::relative_to;

    #[test]
    fn manifest_paths_are_relative_to_the_scenario_file() {
        assert_eq!(relative_to("scenarios/a.yaml", "a/gateway.yaml"), "scenarios/a/gateway.yaml");
        assert_eq!(relative_to("a.yaml", "./a/b.yaml"), "a/b.yaml");
        assert_eq!(relative_to("x/y/a.yaml", "../z.yaml"), "x/z.yaml");
        assert_eq!(relative_to("/abs/a.yaml", "b.yaml"), "/abs/b.yaml");
        assert_eq!(relative_to("a.yaml", "../b.yaml"), "../b.yaml");
    }
}
