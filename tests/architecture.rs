//! The rules of `docs/architecture.md` that a machine can check.
//!
//! Each rule is a function from the text of a file to the lines that break it, so that every rule
//! also has a test of its own with a line that breaks it and one that does not.

use std::fs;
use std::path::Path;

use gateproof_tests::{files, root};

/// A line that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Offence {
    line: usize,
    text: String,
}

/// Lines of code, without comments and without the test module at the end of a file.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

fn lines_with(text: &str, forbidden: &[&str]) -> Vec<Offence> {
    code(text)
        .filter(|(_, line)| forbidden.iter().any(|word| line.contains(word)))
        .map(|(line, text)| Offence { line, text: text.trim().to_owned() })
        .collect()
}

/// Applies a rule to the sources of some crates and fails with every offence.
fn forbid(crates: &[&str], rule: &str, forbidden: &[&str]) {
    let mut report: Vec<String> = Vec::new();
    for name in crates {
        for path in files(&root().join("harness").join(name).join("src"), "rs") {
            if is_test(&path) {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a readable source file");
            for offence in lines_with(&text, forbidden) {
                let shown = path.strip_prefix(root()).unwrap_or(&path);
                report.push(format!("{}:{}: {}", shown.display(), offence.line, offence.text));
            }
        }
    }
    assert!(report.is_empty(), "{rule}\n{}", report.join("\n"));
}

/// Whether a file holds tests alone: `tests.rs`, or anything below a folder `tests`.
fn is_test(path: &Path) -> bool {
    let below = path.strip_prefix(root()).unwrap_or(path);
    below.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
}

const PURE: &[&str] = &["core", "model"];
const SILENT: &[&str] = &[
    "core",
    "model",
    "probe",
    "dns",
    "echo",
    "kubernetes",
    "embedded",
    "stack",
    "kind",
    "inspect",
    "runner",
];

#[test]
fn pure_crates_do_no_io_and_read_no_clock() {
    forbid(
        PURE,
        "core and model decide; they do not act",
        &[
            "async fn",
            ".await;",
            ".await?",
            ".await.",
            "std::fs",
            "std::net::Tcp",
            "std::net::Udp",
            "std::process",
            "std::env::",
            "SystemTime",
            "Instant::now",
            "std::thread",
            "tokio::",
        ],
    );
}

#[test]
fn only_reporters_and_the_command_write_to_a_terminal() {
    forbid(
        SILENT,
        "emit an event instead of printing",
        &["println!", "eprintln!", "print!(", "eprint!(", "io::stdout", "io::stderr"],
    );
}

#[test]
fn only_one_crate_knows_the_kubernetes_client() {
    forbid(
        &[
            "core", "model", "probe", "dns", "echo", "embedded", "stack", "kind", "inspect",
            "runner", "report", "cli",
        ],
        "go through gateproof_kubernetes",
        // kube-cel evaluates rules and knows no client.
        &["kube::", "use kube;", "use kube as", "kube_client", "kube_core", "kube_runtime"],
    );
}

#[test]
fn only_the_engine_knows_the_docker_client() {
    let mut report: Vec<String> = Vec::new();
    for path in files(&root().join("harness"), "rs") {
        let text = fs::read_to_string(&path).expect("a readable source file");
        let shown = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().into_owned();
        let engine =
            shown == "harness/kind/src/engine.rs" || shown.starts_with("harness/kind/src/engine/");
        if !engine && !lines_with(&text, &["bollard::"]).is_empty() {
            report.push(path.display().to_string());
        }
    }
    assert!(report.is_empty(), "go through gateproof_kind::engine\n{}", report.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let mut report: Vec<String> = Vec::new();
    for path in
        files(&root().join("harness"), "rs").into_iter().chain(files(&root().join("tests"), "rs"))
    {
        let lines = fs::read_to_string(&path).expect("a readable source file").lines().count();
        if lines > 600 {
            report.push(format!("{}: {lines} lines", path.display()));
        }
    }
    assert!(
        report.is_empty(),
        "split these files by the nouns in them (600 lines at most)\n{}",
        report.join("\n")
    );
}

#[test]
fn every_module_says_what_it_is_for() {
    let mut report: Vec<String> = Vec::new();
    for path in files(&root().join("harness"), "rs") {
        let text = fs::read_to_string(&path).expect("a readable source file");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !text.starts_with("//!") && !is_test(&path) {
            report.push(format!("{}: no overview comment", path.display()));
        }
        if ["mod.rs", "util.rs", "utils.rs", "helpers.rs", "helper.rs", "common.rs"]
            .contains(&name.as_str())
        {
            report.push(format!("{}: name the concept", path.display()));
        }
    }
    assert!(report.is_empty(), "{}", report.join("\n"));
}

#[test]
fn pure_crates_depend_on_nothing_that_acts() {
    for name in PURE {
        let manifest = root().join("harness").join(name).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("a readable manifest");
        let dependencies = text.split("[dev-dependencies]").next().unwrap_or_default();
        for acting in ["tokio", "hyper", "kube.", "rustls", "reqwest", "tempfile"] {
            assert!(
                !dependencies.lines().any(|line| line.starts_with(acting)),
                "{} depends on {acting}",
                Path::new(name).display()
            );
        }
    }
}

/// What cargo builds for a selection of packages: each dependency with its features.
fn built_for(arguments: &[&str]) -> Vec<String> {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--prefix", "none", "--no-dedupe", "--format", "{p} [{f}]"])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree {arguments:?}: {problem}");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn programs_are_built_from_the_same_dependencies_as_the_whole_workspace() {
    let all = built_for(&["--workspace", "--edges", "normal,build,dev"]);
    assert!(all.iter().any(|line| line.starts_with("tokio v")), "the list is read: {all:?}");
    for program in ["gateproof-cli", "gateproof-stand-in"] {
        let own = built_for(&["--package", program, "--edges", "normal,build"]);
        let differ: Vec<&String> = own.iter().filter(|line| !all.contains(line)).collect();
        assert!(
            differ.is_empty(),
            "{program} alone would build these dependencies a second time; run `cargo hakari \
             generate`, or add the missing features to harness/workspace-hack: {differ:#?}"
        );
    }
}

#[test]
fn every_topology_manifest_folder_and_scenario_is_used() {
    let scenarios = root().join("scenarios");
    let texts: Vec<(String, String)> = files(&scenarios, "yaml")
        .into_iter()
        .filter(|path| path.parent() == Some(scenarios.as_path()))
        .map(|path| {
            let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a readable scenario"))
        })
        .collect();
    let mentions = |what: &str| texts.iter().any(|(_, text)| text.contains(what));
    for topology in files(&root().join("clusters"), "yaml") {
        let name = topology.file_stem().expect("a file name").to_string_lossy();
        assert!(mentions(&format!("topology: {name}\n")), "no scenario uses the topology {name}");
    }
    for manifest in files(&scenarios, "yaml") {
        let shown = manifest.strip_prefix(&scenarios).expect("below the scenarios");
        if shown.components().count() > 1 {
            assert!(mentions(&shown.to_string_lossy()), "no scenario applies {}", shown.display());
        }
    }
    for (name, text) in &texts {
        assert!(
            text.contains(&format!("name: {name}\n")),
            "scenarios/{name}.yaml is called what its file is called"
        );
    }
}

#[test]
fn the_rules_see_code_and_pass_over_comments_and_tests() {
    let text = "//! println! is for reporters\nfn f() { println!(\"x\"); }\n// eprintln!\n#[cfg(test)]\nmod tests { fn g() { println!(); } }\n";
    let offences = lines_with(text, &["println!"]);
    assert_eq!(offences, [Offence { line: 2, text: "fn f() { println!(\"x\"); }".to_owned() }]);
}
