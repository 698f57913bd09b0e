//! `docs/predicting.md` and `docs/cilium-facts.md` against the command: examples run, and what is
//! shown is what is printed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{GATEPROOF, Place, Run};

/// Where the facts are told, whose sources change more often than this page.
const FACTS: &str = "facts behind it";

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Writes the files that the page shows: `` `path` `` before a block of YAML.
fn write_files(text: &str, place: &Place) {
    let mut path: Option<&str> = None;
    let mut block: Option<String> = None;
    for line in text.lines() {
        match (&mut block, line) {
            (Some(written), "```") => {
                place.write(path.take().expect("a file has a name"), written);
                block = None;
            }
            (Some(written), line) => {
                written.push_str(line);
                written.push('\n');
            }
            (None, "```yaml") if path.is_some() => block = Some(String::new()),
            (None, line) if line.starts_with('`') && line.ends_with(':') => {
                path = line.split('`').nth(1);
            }
            (None, _) => {}
        }
    }
}

/// Commands with the output that is shown below them.
fn examples(text: &str) -> Vec<(String, String)> {
    let mut examples: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            line if inside => {
                if let Some(command) = line.strip_prefix("$ ") {
                    examples.push((command.to_owned(), String::new()));
                } else {
                    let (_, output) = examples.last_mut().expect("output follows a command");
                    output.push_str(line);
                    output.push('\n');
                }
            }
            _ => {}
        }
    }
    examples
}

fn shell(place: &Place, command: &str) -> Run {
    let binaries = PathBuf::from(GATEPROOF).parent().expect("the binary is in a folder").to_owned();
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(place.path())
        .env("PATH", format!("{}:/usr/bin:/bin", binaries.display()))
        .env("COLUMNS", "110")
        .env("NO_COLOR", "1")
        .env_remove("GATEPROOF_LOG")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .expect("a shell");
    Run::from(output)
}

#[test]
fn every_example_of_the_page_runs_and_prints_what_is_shown() {
    let place = Place::new();
    let text = document("predicting.md");
    write_files(&text, &place);
    let examples = examples(&text);
    assert!(examples.len() > 6, "the page has examples: {examples:?}");
    let mut shown = 0;
    for (example, output) in examples {
        let (command, code) = match example.split_once("  # exit code ") {
            Some((command, code)) => (command, code.parse().expect("an exit code")),
            None => (example.as_str(), 0),
        };
        let run = shell(&place, command);
        assert_eq!(run.code, Some(code), "{example}: {run:?}");
        if !output.is_empty() {
            shown += 1;
            let before_facts = |text: &str| {
                text.lines().take_while(|line| *line != FACTS).collect::<Vec<_>>().join("\n")
            };
            assert_eq!(before_facts(&run.out), before_facts(&output), "{example}");
        }
    }
    assert_eq!(shown, 2, "the page shows a table and a comparison");
}

#[test]
fn the_page_of_facts_is_what_the_command_prints() {
    let run = Place::new().run(&["facts", "--format", "markdown"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.out == document("cilium-facts.md"),
        "docs/cilium-facts.md is out of date; `make bless` writes it"
    );
}

#[test]
fn facts_of_two_versions_are_those_that_differ() {
    let place = Place::new();
    let all = place.run(&["facts"]);
    assert!(all.out.contains("SpecAddresses"), "{}", all.out);
    let differing = place.run(&["facts", "1.18.10", "1.20.2"]);
    assert!(differing.out.contains("PlaceholderEndpointSlice"), "{}", differing.out);
    assert!(!differing.out.contains("SpecAddresses"), "{}", differing.out);
    let same = place.run(&["facts", "1.20.2", "1.20.2"]);
    assert_eq!(same.out, "no fact differs between these versions\n");
    let wrong = place.run(&["facts", "1.2"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
}
