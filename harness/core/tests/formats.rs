//! Scenario and topology files from the outside: what is shipped loads, what is wrong is reported
//! in full, and what only looks wrong is accepted.
//!
//! Every folder `fixtures/invalid-*` has scenarios whose problems are all in its snapshot, and
//! where it helps a twin `fixtures/valid-*` that differs in the one thing that makes it right.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateproof_core::name::ScenarioName;
use gateproof_core::scenario::catalog::{Catalog, load, wanted};
use gateproof_core::scenario::schema::schema;
use gateproof_core::scenario::{Action, Claim, Hold, HttpExpectation};
use gateproof_core::source::problem::Problems;
use gateproof_core::source::{Role, SourceTree};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

/// Reads scenarios and topologies, then the manifests they ask for, as the command line does.
fn read(base: &Path, scenarios: &str, clusters: &[PathBuf]) -> SourceTree {
    let mut tree = SourceTree::new();
    for path in yaml_files(&base.join(scenarios)) {
        let name = path.strip_prefix(base).expect("inside").display().to_string();
        tree.insert(Role::Scenario, name, fs::read_to_string(&path).expect("a scenario"));
    }
    for path in clusters {
        let name = path.file_name().expect("a file").to_string_lossy();
        let text = fs::read_to_string(path).expect("a topology");
        tree.insert(Role::Topology, format!("clusters/{name}"), text);
    }
    for path in wanted(&tree) {
        match fs::read_to_string(base.join(&path)) {
            Ok(text) => tree.insert(Role::Manifest, path, text),
            Err(_) => tree.insert_unreadable(Role::Manifest, path, "no such file"),
        }
    }
    tree
}

fn shipped() -> Result<Catalog, Problems> {
    load(&read(&root(), "scenarios", &yaml_files(&root().join("clusters"))))
}

/// A fixture brings its own topologies, or takes those all fixtures share.
fn fixture(folder: &Path) -> Result<Catalog, Problems> {
    let own = yaml_files(&folder.join("clusters"));
    let clusters = if own.is_empty() { yaml_files(&fixtures().join("clusters")) } else { own };
    load(&read(folder, "", &clusters))
}

fn folders(prefix: &str) -> Vec<(String, PathBuf)> {
    let mut folders: Vec<(String, PathBuf)> = fs::read_dir(fixtures())
        .expect("fixtures")
        .map(|entry| entry.expect("a folder entry").path())
        .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), path))
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    folders.sort();
    folders
}

#[test]
fn every_shipped_scenario_loads_without_problems() {
    let catalog = shipped().unwrap_or_else(|problems| panic!("{problems}"));
    let files = yaml_files(&root().join("scenarios")).len();
    assert!(files > 0, "scenarios are shipped");
    assert_eq!(catalog.scenarios.len(), files);
    for scenario in &catalog.scenarios {
        let stem = format!("scenarios/{}.yaml", scenario.name);
        assert_eq!(scenario.file, stem, "a scenario's file has its name");
    }
}

#[test]
fn every_shipped_topology_and_manifest_is_used() {
    let catalog = shipped().unwrap_or_else(|problems| panic!("{problems}"));
    let used: BTreeSet<&str> =
        catalog.scenarios.iter().map(|scenario| scenario.topology.name.as_str()).collect();
    let there: BTreeSet<&str> = catalog.topologies.keys().map(String::as_str).collect();
    assert_eq!(used, there);

    let mut scenarios = SourceTree::new();
    for path in yaml_files(&root().join("scenarios")) {
        let name = format!("scenarios/{}", path.file_name().expect("a name").to_string_lossy());
        scenarios.insert(Role::Scenario, name, fs::read_to_string(path).expect("a scenario"));
    }
    let wanted: BTreeSet<String> = wanted(&scenarios).into_iter().collect();
    let mut there = BTreeSet::new();
    for folder in fs::read_dir(root().join("scenarios")).expect("scenarios") {
        let folder = folder.expect("an entry").path();
        for file in yaml_files(&folder) {
            let file = file.strip_prefix(root()).expect("inside");
            there.insert(file.display().to_string());
        }
    }
    assert_eq!(wanted, there);
}

#[test]
fn what_only_looks_wrong_is_accepted() {
    let folders = folders("valid-");
    assert!(!folders.is_empty(), "there are look-alikes");
    for (name, path) in folders {
        if let Err(problems) = fixture(&path) {
            panic!("{name} must load:\n{problems}");
        }
    }
}

#[test]
fn every_problem_is_reported_with_its_place() {
    let folders = folders("invalid-");
    assert!(!folders.is_empty(), "there are mistakes");
    for (name, path) in folders {
        match fixture(&path) {
            Ok(_) => panic!("{name} must be refused"),
            Err(problems) => insta::assert_snapshot!(name, problems.to_string()),
        }
    }
}

/// Every key that the schema has is used somewhere in a file that loads, so that none is there for
/// show.
#[test]
fn every_key_of_the_schema_is_used_in_a_file_that_loads() {
    fn keys(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
        match schema {
            serde_json::Value::Object(object) => {
                if let Some(properties) = object.get("properties").and_then(|p| p.as_object()) {
                    found.extend(properties.keys().cloned());
                }
                for inner in object.values() {
                    keys(inner, found);
                }
            }
            serde_json::Value::Array(items) => {
                for item in items {
                    keys(item, found);
                }
            }
            _ => {}
        }
    }
    let mut unused = BTreeSet::new();
    keys(&schema(), &mut unused);
    assert!(unused.len() > 80, "the schema has keys: {unused:?}");
    let valid = folders("valid-").into_iter().map(|(_, path)| path);
    for folder in valid.chain([root().join("scenarios")]) {
        for path in yaml_files(&folder) {
            let text = fs::read_to_string(&path).expect("a scenario");
            unused.retain(|key| !text.contains(&format!("{key}:")));
        }
    }
    assert_eq!(unused, BTreeSet::new());
}

#[test]
fn the_founding_scenario_is_resolved_as_reviewed() {
    let catalog = shipped().unwrap_or_else(|problems| panic!("{problems}"));
    let scenario = catalog
        .scenarios
        .iter()
        .find(|scenario| scenario.name.as_str() == "shared-gateway")
        .expect("the founding scenario");
    insta::assert_debug_snapshot!(scenario.steps);
}

#[test]
fn negative_claims_are_held_by_default_and_positive_ones_are_not() {
    let catalog = shipped().unwrap_or_else(|problems| panic!("{problems}"));
    let name = ScenarioName::new("wildcard-certificate");
    let scenario = catalog.scenario(&name).expect("the article's scenario");
    let mut held = 0;
    let mut single = 0;
    for step in &scenario.steps {
        let Action::Check(check) = &step.action else { continue };
        let Claim::Http(claim) = &check.claim else { continue };
        let negative = match &claim.expect {
            HttpExpectation::TlsFailure => true,
            HttpExpectation::Response(response) => response.status == Some(404),
            other => panic!("not in this scenario: {other:?}"),
        };
        if negative {
            held += 1;
            let default = Hold { duration: Duration::from_secs(2), count: 5 };
            assert_eq!(claim.hold, Some(default), "{}", step.name);
        } else {
            single += 1;
            assert_eq!(claim.hold, None, "{}", step.name);
        }
    }
    assert_eq!((held, single), (3, 2), "requests of both kinds were looked at");
}
