//! Readers that go away, folders that cannot be used, and where wrong values come from.

use std::io::Read;
use std::process::Stdio;

use super::support::{FAILS, PASSES, Place, scenario};

/// Runs with a standard output whose reader goes away at once, or a standard error of that kind.
fn without_reader(place: &Place, arguments: &[&str], stream: Stream) -> Option<i32> {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = place.command(arguments);
    match stream {
        Stream::Output => command.stdout(writer).stderr(Stdio::null()),
        Stream::Errors => command.stderr(writer).stdout(Stdio::null()),
    };
    drop(reader);
    let mut child = command.spawn().expect("the binary starts");
    drop(command);
    child.wait().expect("the binary ends").code()
}

#[derive(Clone, Copy)]
enum Stream {
    Output,
    Errors,
}

#[test]
fn a_reader_that_goes_away_does_not_change_how_a_command_ends() {
    let place = Place::new();
    place.write("ok.yaml", &scenario("ok", PASSES));
    place.write("bad.yaml", &scenario("bad", FAILS));
    place.write("wrong.yaml", "kind: Scenario\n");
    let cases: &[(&[&str], i32)] = &[
        (&["--help"], 0),
        (&["schema"], 0),
        (&["plan", "ok.yaml"], 0),
        (&["validate", "ok.yaml"], 0),
        (&["validate", "wrong.yaml"], 2),
        (&["frobnicate"], 2),
        (&["run", "ok.yaml"], 0),
        (&["run", "bad.yaml"], 1),
    ];
    for (arguments, code) in cases {
        for stream in [Stream::Output, Stream::Errors] {
            assert_eq!(without_reader(&place, arguments, stream), Some(*code), "{arguments:?}");
        }
    }
    let piped = place.run(&["run", "ok.yaml", "--report", "jsonl=run.jsonl", "--quiet"]);
    assert_eq!(piped.code, Some(0), "{piped:?}");
    assert_eq!(without_reader(&place, &["report", "show", "run.jsonl"], Stream::Output), Some(0));
}

#[test]
fn a_scenario_can_come_through_a_pipe() {
    let place = Place::new();
    let mut command = place.command(&["validate", "/dev/stdin"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary starts");
    std::io::Write::write_all(
        &mut child.stdin.take().expect("a pipe"),
        scenario("piped", PASSES).as_bytes(),
    )
    .expect("the binary reads");
    let mut out = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut out).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(out.starts_with("1 scenario"), "{out}");
}

#[test]
fn a_wrong_value_of_the_environment_names_the_variable() {
    let place = Place::new();
    place.write("ok.yaml", &scenario("ok", PASSES));
    let output = place
        .command(&["plan", "ok.yaml"])
        .env("GATEPROOF_PROVIDER", "kindd")
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("GATEPROOF_PROVIDER=`kindd`") && err.contains("embedded"), "{err}");
    let typed = place.run(&["plan", "ok.yaml", "--provider", "kindd"]);
    assert!(!typed.err.contains("GATEPROOF_PROVIDER"), "{}", typed.err);
}

#[test]
fn a_state_directory_that_cannot_be_used_is_3_and_names_the_variable() {
    let place = Place::new();
    place.write("ok.yaml", &scenario("ok", PASSES));
    place.write("file", "not a folder");
    let output = place
        .command(&["run", "ok.yaml"])
        .env("GATEPROOF_STATE_DIR", place.path().join("file/state"))
        .output()
        .expect("the binary starts");
    assert_eq!(output.status.code(), Some(3));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("GATEPROOF_STATE_DIR") && err.contains("file/state"), "{err}");
}

#[test]
fn it_runs_without_a_home_and_from_another_folder() {
    let place = Place::new();
    let path = place.write("scenarios/ok.yaml", &scenario("ok", PASSES));
    std::fs::create_dir(place.path().join("elsewhere")).expect("a folder");
    for path in [path.to_str().expect("UTF-8"), "../scenarios/ok.yaml", "../scenarios"] {
        let output = place
            .command(&["run", "--quiet", path])
            .current_dir(place.path().join("elsewhere"))
            .env_remove("HOME")
            .env_remove("XDG_STATE_HOME")
            .env_remove("GATEPROOF_STATE_DIR")
            .env("TMPDIR", place.path())
            .output()
            .expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{path}: {output:?}");
    }
}

#[test]
fn two_reports_in_one_file_are_refused_however_the_path_is_written() {
    let place = Place::new();
    place.write("ok.yaml", &scenario("ok", PASSES));
    let run = place.run(&["run", "ok.yaml", "--report", "jsonl=a,json=./a"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("json and") || run.err.contains("jsonl and"), "{}", run.err);
}
