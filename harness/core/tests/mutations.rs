//! Shipped files with random damage: loading never panics, and it names every unknown key.

use std::fs;
use std::path::Path;

use gateproof_core::scenario::catalog::{load, wanted};
use gateproof_core::source::problem::Problems;
use gateproof_core::source::{Role, SourceTree};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::sample::Index;

/// The founding scenario with its manifests and its topology.
const FILES: &[(Role, &str)] = &[
    (Role::Scenario, "scenarios/shared-gateway.yaml"),
    (Role::Manifest, "scenarios/shared-gateway/gateway.yaml"),
    (Role::Manifest, "scenarios/shared-gateway/routes.yaml"),
    (Role::Topology, "clusters/five-workers.yaml"),
];

fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).expect("a shipped file")
}

/// Loads all files, one of them replaced.
fn load_with(replaced: usize, content: &str) -> Result<(), Problems> {
    let mut tree = SourceTree::new();
    for (index, (role, path)) in FILES.iter().enumerate() {
        let text = if index == replaced { content.to_owned() } else { text(path) };
        tree.insert(*role, *path, text);
    }
    for missing in wanted(&tree) {
        tree.insert_unreadable(Role::Manifest, missing, "no such file");
    }
    load(&tree).map(|_| ())
}

/// A place where a new key can stand, by the key that is its neighbour: lines of block mappings
/// whose keys are all known.
fn neighbours(text: &str) -> Vec<(usize, usize)> {
    let mut free = 0;
    let mut found = Vec::new();
    let mut known = true;
    for (index, line) in text.lines().enumerate() {
        // Fields of Kubernetes' own kinds are the API server's business.
        if line.starts_with("---") {
            known = true;
        }
        if line == "apiVersion: v1" {
            known = false;
        }
        if !known || text.lines().nth(index + 1) == Some("apiVersion: v1") {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let trimmed = line.trim_start();
        // Below these, keys are the user's own; Helm keys are known, but not below every key.
        let opens =
            ["values:", "labels:", "annotations:", "listeners:", "envoy:", "securityContext:"];
        if free > 0 && indent < free {
            free = 0;
        }
        if free == 0 && !trimmed.starts_with('#') && !trimmed.starts_with('-') {
            let key = trimmed.split(':').next().unwrap_or_default();
            if trimmed.contains(':') && !key.is_empty() && key.chars().all(char::is_alphanumeric) {
                found.push((index, indent));
            }
        }
        if free == 0 && opens.contains(&trimmed) {
            free = indent + 1;
        }
    }
    found
}

fn damage() -> impl Strategy<Value = (usize, String)> {
    let bytes = prop_oneof![
        any::<char>().prop_map(String::from),
        "[-:,{}\\[\\]&*!|>'\"%@`#? \t\n]{1,4}",
        Just("<<: *x".to_owned()),
        Just("\r".to_owned()),
        Just("9".repeat(400)),
    ];
    (0..FILES.len(), any::<Index>(), any::<Index>(), bytes).prop_map(
        |(file, start, length, insert)| {
            let text = text(FILES[file].1);
            let mut chars: Vec<char> = text.chars().collect();
            let start = start.index(chars.len());
            let end = (start + length.index(40)).min(chars.len());
            chars.splice(start..end, insert.chars());
            (file, chars.into_iter().collect())
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_make_loading_panic((file, content) in damage()) {
        if let Err(problems) = load_with(file, &content) {
            let shown = problems.to_string();
            prop_assert!(!problems.is_empty());
            for problem in problems.iter() {
                prop_assert!(shown.contains(&problem.file), "{problem:?} is shown: {shown}");
            }
        }
    }

    #[test]
    fn every_unknown_key_is_named_with_its_place(
        file in 0..FILES.len(), at in any::<Index>(), second in any::<Index>()
    ) {
        let text = text(FILES[file].1);
        let places = neighbours(&text);
        let mut chosen = vec![*at.get(&places), *second.get(&places)];
        chosen.sort_unstable();
        chosen.dedup();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (number, (index, indent)) in chosen.iter().enumerate().rev() {
            lines.insert(*index, format!("{}zzqx{number}: 1", " ".repeat(*indent)));
        }
        let Err(problems) = load_with(file, &(lines.join("\n") + "\n")) else {
            panic!("an unknown key was accepted:\n{}", lines.join("\n"));
        };
        for (number, (index, indent)) in chosen.iter().enumerate() {
            let (line, column) = (index + number + 1, indent + 1);
            prop_assert!(
                problems.iter().any(|p| p.file == FILES[file].1 && (p.line, p.column) == (line, column)),
                "line {line}, column {column}:\n{problems}"
            );
        }
    }
}
