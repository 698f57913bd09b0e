//! `gateproof explain` and the page of findings.

use super::support::Place;

#[test]
fn a_finding_is_explained_by_its_number() {
    let run = Place::new().run(&["explain", "gp0001", "GP0002"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for told in ["agents run an older configuration", "rollout restart", "placeholder", "Read in"] {
        assert!(run.out.contains(told), "`{told}` is told: {}", run.out);
    }
}

#[test]
fn all_findings_are_listed_without_a_number() {
    let run = Place::new().run(&["explain"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("GP0001") && run.out.contains("GP0008"), "{}", run.out);
}

#[test]
fn every_unknown_number_is_refused_with_the_nearest() {
    let run = Place::new().run(&["explain", "GP001", "GP9999"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    for told in ["`GP001`", "did you mean GP0001?", "`GP9999`", "`gateproof explain` lists them"] {
        assert!(run.err.contains(told), "`{told}` is told: {}", run.err);
    }
    assert!(run.out.is_empty(), "{}", run.out);
}

#[test]
fn the_page_of_findings_is_what_the_command_prints() {
    let run = Place::new().run(&["explain", "--format", "markdown"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/findings.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    assert!(run.out == page, "docs/findings.md is out of date; `make bless` writes it");
}
