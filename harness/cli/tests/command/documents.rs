//! `docs/command-line.md` against the command: its examples run, and it leaves out no option.

use std::path::Path;

use super::support::{PASSES, Place, scenario};

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/command-line.md");
    std::fs::read_to_string(path).expect("the reference of the command line")
}

/// A line as a shell splits it; single quotes keep a word whole.
fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect()
}

#[test]
fn every_example_of_the_reference_ends_as_it_says() {
    let place = Place::new();
    let scenario = scenario("my-gateway", PASSES)
        .replace("{name: my-gateway}", "{name: my-gateway, labels: {suite: smoke}}");
    place.write("my-gateway.yaml", &scenario);
    let text = document();
    let examples: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("$ gateproof ")).collect();
    assert!(examples.len() > 10, "the reference has examples: {examples:?}");
    for example in examples {
        let (typed, code) = match example.split_once("  # exit code ") {
            Some((typed, code)) => (typed, code.parse().expect("an exit code")),
            None => (example, 0),
        };
        let typed = words(typed);
        let run = place.run(&typed.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(run.code, Some(code), "{example}: {run:?}");
    }
}

#[test]
fn the_reference_leaves_out_no_command_option_or_variable() {
    let place = Place::new();
    let text = document();
    for command in [
        "",
        "run",
        "check",
        "explain",
        "validate",
        "plan",
        "predict",
        "facts",
        "schema",
        "report merge",
        "report show",
        "clean",
    ] {
        assert!(text.contains(command), "`{command}` is explained");
        let mut typed = words(command);
        typed.push("--help".to_owned());
        let help = place.run(&typed.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(help.code, Some(0), "{help:?}");
        for line in help.out.lines().map(str::trim_start).filter(|line| line.starts_with('-')) {
            for option in line.split([' ', ',', '=', '[']).filter(|word| word.starts_with("--")) {
                assert!(text.contains(option), "`{command} {option}` is explained");
            }
        }
        for part in help.out.split("[env: ").skip(1) {
            let variable = part.split(['=', ']']).next().unwrap_or_default();
            assert!(text.contains(variable), "`{variable}` is explained");
        }
    }
}
