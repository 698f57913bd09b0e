//! The documents keep what they promise: examples load, and links lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use gateproof_core::scenario::catalog;
use gateproof_core::setup::{self, GivenFile};
use gateproof_runner::discover::discover;
use gateproof_tests::{files, root};

/// Every document for people.
fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md"]
        .iter()
        .map(|name| root().join(name))
        .filter(|path| path.exists())
        .collect();
    found.extend(files(&root().join("docs"), "md"));
    found
}

/// The fenced blocks of a language, with the line each begins at.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut other = false;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, Some(_)) if other => other = false,
            (None, Some(name)) if name.trim() == language => {
                open = Some((index + 2, String::new()));
            }
            (None, Some(_)) => other = true,
            (None, None) => {}
        }
    }
    found
}

/// The targets of links `[text](target)` outside code, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        for part in line.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                found.push((index + 1, target.to_owned()));
            }
        }
    }
    found
}

/// The file that a link leads to, if it leads to one of ours.
fn target(document: &Path, link: &str) -> Option<PathBuf> {
    let path = link.split('#').next().unwrap_or_default();
    if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
        return None;
    }
    Some(document.parent().unwrap_or(Path::new("")).join(path))
}

#[test]
fn every_scenario_in_the_documents_loads_without_problems() {
    let mut count = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a readable document");
        for (line, block) in blocks(&text, "yaml") {
            if !block.starts_with("apiVersion: gateproof.dev/") {
                continue;
            }
            count += 1;
            let folder = tempfile::tempdir().expect("a scratch folder");
            let path = folder.path().join("example.yaml");
            fs::write(&path, block).expect("a writable folder");
            let tree = discover(&[path], None).expect("a readable scenario");
            if let Err(problems) = catalog::load(&tree) {
                panic!("{}:{line}\n{problems}", document.display());
            }
        }
    }
    assert!(count > 0, "the documents have scenarios");
}

#[test]
fn every_topology_in_the_documents_reads_without_problems() {
    let mut count = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a readable document");
        for (line, block) in blocks(&text, "yaml") {
            if !block.starts_with("apiVersion: kind.x-k8s.io/") {
                continue;
            }
            count += 1;
            let file = GivenFile { path: "example.yaml".to_owned(), content: Ok(block) };
            if let Err(problems) = setup::topology(&file) {
                panic!("{}:{line}\n{problems}", document.display());
            }
        }
    }
    assert!(count > 0, "the documents have topologies");
}

#[test]
fn every_relative_link_leads_to_a_file() {
    let mut lost = Vec::new();
    let mut count = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a readable document");
        for (line, link) in links(&text) {
            let Some(target) = target(&document, &link) else { continue };
            count += 1;
            if !target.exists() {
                lost.push(format!("{}:{line}: {link}", document.display()));
            }
        }
    }
    assert!(count > 0, "the documents have links");
    assert_eq!(lost, Vec::<String>::new());
}

#[test]
fn blocks_and_links_are_found_and_look_alikes_are_not() {
    let text = "a [b](c.md#d) [e](https://f)\n```yaml\nx: [y](z.md)\n```\n```text\n```yaml\n";
    assert_eq!(blocks(text, "yaml"), [(3, "x: [y](z.md)\n".to_owned())]);
    assert_eq!(links(text), [(1, "c.md#d".to_owned()), (1, "https://f".to_owned())]);
    let document = Path::new("docs/a.md");
    assert_eq!(target(document, "c.md#d"), Some(PathBuf::from("docs/c.md")));
    assert_eq!(target(document, "https://f"), None);
    assert_eq!(target(document, "#d"), None);
}
