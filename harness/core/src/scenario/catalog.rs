//! From files to a catalog of scenarios and topologies, or to all that is wrong with them.
//!
//! The caller reads files, in two rounds: first scenarios and topologies, then the manifests that
//! [`wanted`] names. Here nothing is read, so the same text always gives the same result.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Scenario;
use super::file::ScenarioFile;
use super::resolve::{
    Checks, ParsedFile, Surroundings, relative_to, resolve, resolve_partly, without_broken_checks,
};
use super::schema::schema;
use super::text::FORMATS;
use crate::name::ScenarioName;
use crate::source::parse::parse;
use crate::source::problem::{Problem, Problems};
use crate::source::schema::check;
use crate::source::tree::{Node, Place, Source};
use crate::source::{Role, SourceTree};
use crate::topology::{self, Topology};

/// Scenarios and topologies that are right.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalog {
    /// The scenarios, sorted by name.
    pub scenarios: Vec<Scenario>,
    /// The topologies by name.
    pub topologies: BTreeMap<String, Topology>,
}

impl Catalog {
    /// The scenario of this name.
    pub fn scenario(&self, name: &ScenarioName) -> Option<&Scenario> {
        self.scenarios.iter().find(|scenario| scenario.name == *name)
    }
}

/// The manifest files that the scenarios of a tree refer to and that are not in it yet, sorted.
/// Scenarios with mistakes give what can be made out.
pub fn wanted(files: &SourceTree) -> Vec<String> {
    let mut wanted = BTreeSet::new();
    for (path, file) in files.iter().filter(|(_, file)| file.role == Role::Scenario) {
        let Ok(text) = &file.content else { continue };
        let source = Source { path: path.to_owned(), text: text.clone() };
        for document in parse(&source, &mut Vec::new()) {
            let place = Place::document(&source, &document).get("spec");
            let lists = std::iter::once(place.get("manifests"))
                .chain(place.get("steps").items().map(|step| step.get("apply")));
            for manifest in lists.flat_map(Place::items).filter_map(Place::as_text) {
                let manifest = relative_to(path, manifest);
                if files.get(&manifest).is_none() {
                    wanted.insert(manifest);
                }
            }
        }
    }
    wanted.into_iter().collect()
}

/// Reads everything, or reports every problem of every file.
///
/// # Errors
///
/// All problems: of the YAML, of the format, of what is meant. A catalog with a mistake in one
/// file is no catalog, because what is missing from a run would go unnoticed.
pub fn load(files: &SourceTree) -> Result<Catalog, Problems> {
    let mut loader = Loader::default();
    loader.parse(files);
    let topologies = loader.topologies();
    let scenarios = loader.scenarios(&topologies);
    if loader.problems.is_empty() {
        return Ok(Catalog { scenarios, topologies });
    }
    let sources = [&loader.scenario_files, &loader.topology_files, &loader.manifest_files];
    let sources = sources.into_iter().flat_map(BTreeMap::values).map(|file| &file.source);
    Err(Problems::new(loader.problems, sources))
}

#[derive(Default)]
struct Loader {
    scenario_files: BTreeMap<String, ParsedFile>,
    topology_files: BTreeMap<String, ParsedFile>,
    manifest_files: BTreeMap<String, ParsedFile>,
    unreadable_manifests: BTreeMap<String, String>,
    broken_topologies: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Loader {
    fn parse(&mut self, files: &SourceTree) {
        for (path, file) in files.iter() {
            let text = match (&file.content, file.role) {
                (Ok(text), _) => text.clone(),
                (Err(reason), Role::Manifest) => {
                    self.unreadable_manifests.insert(path.to_owned(), reason.clone());
                    continue;
                }
                (Err(reason), Role::Scenario | Role::Topology) => {
                    let problem = Problem::of_file(path, format!("`{path}` cannot be read"));
                    self.problems.push(problem.found(reason));
                    continue;
                }
            };
            let source = Source { path: path.to_owned(), text };
            let before = self.problems.len();
            let documents = parse(&source, &mut self.problems);
            let intact = self.problems.len() == before;
            let parsed = ParsedFile { source, documents, intact };
            let group = match file.role {
                Role::Scenario => &mut self.scenario_files,
                Role::Topology => &mut self.topology_files,
                Role::Manifest => &mut self.manifest_files,
            };
            group.insert(path.to_owned(), parsed);
        }
    }

    fn topologies(&mut self) -> BTreeMap<String, Topology> {
        let schema = topology::schema();
        let mut topologies: BTreeMap<String, Topology> = BTreeMap::new();
        for (path, file) in &self.topology_files {
            let name = topology::stem(path);
            let Some(document) = only_document(file, "cluster", &mut self.problems) else {
                self.broken_topologies.insert(name.to_owned());
                continue;
            };
            let place = Place::document(&file.source, document);
            match topology::read(name, place, &schema, &mut self.problems) {
                Some(topology) if file.intact => {
                    if topologies.insert(name.to_owned(), topology).is_some() {
                        self.problems.push(Problem::at(
                            &place,
                            format!("there is another topology named `{name}`"),
                        ));
                    }
                }
                _ => {
                    self.broken_topologies.insert(name.to_owned());
                }
            }
        }
        topologies
    }

    fn scenarios(&mut self, topologies: &BTreeMap<String, Topology>) -> Vec<Scenario> {
        let schema = schema();
        let around = Surroundings {
            topologies,
            broken_topologies: &self.broken_topologies,
            manifests: &self.manifest_files,
            unreadable: &self.unreadable_manifests,
        };
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut scenarios = Vec::new();
        for file in self.scenario_files.values() {
            let Some(document) = only_document(file, "scenario", &mut self.problems) else {
                continue;
            };
            let place = Place::document(&file.source, document);
            report_taken_name(place, &mut names, &mut self.problems);
            match decode(place, &schema, &mut self.problems) {
                Some(decoded) => {
                    let scenario =
                        resolve(&decoded, place, &around, Checks::Whole, &mut self.problems);
                    scenarios.extend(scenario);
                }
                None => look_further(place, document, &schema, &around, &mut self.problems),
            }
        }
        scenarios.sort_by(|a, b| a.name.cmp(&b.name));
        scenarios
    }
}

/// The single document of a file.
fn only_document<'a>(
    file: &'a ParsedFile,
    kind: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'a Node> {
    match &file.documents[..] {
        [only] => Some(only),
        [] => {
            if file.intact {
                problems.push(
                    Problem::at(&Place::start(&file.source), "this file is empty")
                        .expected(format!("a {kind}")),
                );
            }
            None
        }
        [_, second, ..] => {
            problems.push(
                Problem::at(&Place::document(&file.source, second), "a second document")
                    .expected(format!("one {kind} in a file")),
            );
            None
        }
    }
}

fn report_taken_name(
    place: Place<'_>,
    names: &mut BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    let at = place.at(&["metadata", "name"]);
    let Some(name) = at.as_text() else { return };
    if let Some(first) = names.get(name) {
        problems.push(
            Problem::at(&at, format!("there is another scenario named `{name}`"))
                .expected("a name that is unique")
                .note(format!("the other one is at {first}")),
        );
    } else {
        names.insert(name.to_owned(), at.origin());
    }
}

/// Looks for what else is wrong in a scenario that does not fit the schema, so that one run names
/// it all: without the checks that are broken, or else the parts that can be told apart.
fn look_further(
    place: Place<'_>,
    document: &Node,
    schema: &Value,
    around: &Surroundings<'_>,
    problems: &mut Vec<Problem>,
) {
    let rest = without_broken_checks(place, document, schema);
    let sound = Place::document(place.source(), &rest);
    match decode(sound, schema, &mut Vec::new()) {
        Some(decoded) => {
            resolve(&decoded, sound, around, Checks::SomeLeftOut, problems);
        }
        None => resolve_partly(place, around, problems),
    }
}

fn decode(place: Place<'_>, schema: &Value, problems: &mut Vec<Problem>) -> Option<ScenarioFile> {
    let before = problems.len();
    check(place, schema, FORMATS, problems);
    if problems.len() > before {
        return None;
    }
    match serde_json::from_value(place.node()?.to_json()) {
        Ok(file) => Some(file),
        Err(error) => {
            problems.push(
                Problem::at(&place, "this scenario fits the schema and cannot be decoded")
                    .found(error.to_string())
                    .note("this is a fault of Gateproof; please report it with the file"),
            );
            None
        }
    }
}
