//! The command's exit codes, and that what it prints says why.

use super::support::{FAILS, PASSES, Place, scenario};

#[test]
fn all_passed_is_0_and_says_that_no_real_cilium_was_involved() {
    let place = Place::new();
    place.write("ok.yaml", &scenario("ok", PASSES));
    let run = place.run(&["run", "ok.yaml"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("reference model of Cilium 1.20"), "{}", run.out);
    assert!(!run.out.contains('\u{1b}'), "no control codes without a terminal: {}", run.out);
}

#[test]
fn a_failed_trial_is_1_with_claim_expected_seen_place_and_origin() {
    let place = Place::new();
    place.write("bad.yaml", &scenario("bad", FAILS));
    let run = place.run(&["run", "bad.yaml"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    for told in ["bad::dedicated/cilium-1.20.2", "other.example.test", "404", "bad.yaml:"] {
        assert!(run.out.contains(told), "`{told}` is told: {}", run.out);
    }
}

#[test]
fn wrong_input_is_2_and_every_problem_of_every_file_is_told() {
    let place = Place::new();
    place.write("one.yaml", &scenario("one", PASSES).replace("description:", "descripton:"));
    place.write("two.yaml", &scenario("two", PASSES).replace("single-node", "singel-node"));
    let run = place.run(&["run", "one.yaml", "two.yaml"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    for told in
        ["one.yaml:", "descripton", "description", "two.yaml:", "singel-node", "single-node"]
    {
        assert!(run.err.contains(told), "`{told}` is told: {}", run.err);
    }
    assert!(run.out.is_empty(), "nothing ran: {}", run.out);
}

#[test]
fn wrong_arguments_are_2() {
    let place = Place::new();
    place.write("ok.yaml", &scenario("ok", PASSES));
    for (arguments, told) in [
        (vec!["run", "ok.yaml", "--report", "junitt=x"], "junit"),
        (vec!["run", "ok.yaml", "--shard", "3/2"], "3/2"),
        (vec!["run", "missing.yaml"], "missing.yaml"),
        (vec!["run", "ok.yaml", "--provider", "kindd"], "embedded"),
        (vec!["frobnicate"], "frobnicate"),
        (vec!["run", "ok.yaml", "--log", "=/=/"], "--log"),
    ] {
        let run = place.run(&arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {run:?}");
        assert!(run.err.contains(told), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn a_report_that_cannot_be_written_is_found_before_anything_runs() {
    let place = Place::new();
    place.write("ok.yaml", &scenario("ok", PASSES));
    place.write("file", "not a folder");
    let run = place.run(&["run", "ok.yaml", "--report", "junit=file/report.xml"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("file/report.xml"), "{}", run.err);
    assert!(run.out.is_empty(), "nothing ran: {}", run.out);
}

#[test]
fn nothing_selected_is_4_and_names_what_there_is() {
    let place = Place::new();
    place.write("ok.yaml", &scenario("ok", PASSES));
    let run = place.run(&["run", "ok.yaml", "--select", "okk*"]);
    assert_eq!(run.code, Some(4), "{run:?}");
    assert!(run.err.contains("okk*") && run.err.contains("ok"), "{}", run.err);
}

#[test]
fn reports_agree_and_can_be_made_again_from_the_log() {
    let place = Place::new();
    place.write("bad.yaml", &scenario("bad", &format!("{PASSES}\n{FAILS}")));
    let reports = "jsonl=run.jsonl,json=run.json,junit=run.xml,markdown=run.md,html=run.html";
    let first = place.run(&["run", "bad.yaml", "--report", reports]);
    assert_eq!(first.code, Some(1), "{first:?}");
    let again = place.run(&[
        "report",
        "show",
        "run.jsonl",
        "--report",
        "json=2.json,junit=2.xml,markdown=2.md,html=2.html",
    ]);
    assert_eq!(again.code, Some(1), "{again:?}");
    for kind in ["json", "xml", "md", "html"] {
        let (one, two) = (format!("run.{kind}"), format!("2.{kind}"));
        let read = |name: &str| std::fs::read_to_string(place.path().join(name)).expect("a report");
        assert_eq!(read(&one), read(&two), "{one} is made again from the log alone");
    }
}

#[test]
fn shards_merge_into_one_report() {
    let place = Place::new();
    place.write("a.yaml", &scenario("a", PASSES));
    place.write("b.yaml", &scenario("b", PASSES));
    for shard in ["1/2", "2/2"] {
        let log = format!("jsonl={}.jsonl", &shard[..1]);
        let run = place.run(&["run", "a.yaml", "b.yaml", "--shard", shard, "--report", &log]);
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    let merged = place.run(&["report", "merge", "1.jsonl", "2.jsonl", "--report", "json=all.json"]);
    assert_eq!(merged.code, Some(0), "{merged:?}");
    let text = std::fs::read_to_string(place.path().join("all.json")).expect("a report");
    assert!(text.contains("a::dedicated") && text.contains("b::dedicated"), "{text}");
    let half = place.run(&["report", "merge", "1.jsonl", "--report", "json=half.json"]);
    assert_ne!(half.code, Some(0), "half of the shards is no pass: {half:?}");
}
