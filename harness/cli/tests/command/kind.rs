//! The kind provider where there is no Docker engine: what is typed is checked first, what is wrong
//! is told, and nothing is forgotten.

use super::support::{PASSES, Place, scenario};

fn place() -> Place {
    let place = Place::new();
    place.write("ok.yaml", &scenario("ok", PASSES));
    place
}

/// Leaves the journal of a killed run behind, which had noted a container.
fn killed_run(place: &Place) {
    let engine = place.engine();
    let entry = format!(
        r#"{{"noted":{{"thing":{{"kind":"container","engine":"{engine}","name":"a-worker"}}}}}}"#
    );
    place.write("state/runs/killed/journal", &format!("{entry}\n"));
}

#[test]
fn wrong_options_are_refused_before_anything_runs() {
    let place = place();
    for (arguments, parts) in [
        (
            &["--provider", "kind", "--node-privileges", "all"][..],
            &["--node-privileges", "`all`"][..],
        ),
        (&["--provider", "kind", "--helm", "no/helm"], &["there is no program no/helm"]),
        (&["--keep", "always"], &["--keep", "an embedded cluster lives in the process"]),
        (&["--reuse"], &["--reuse", "only kind clusters outlive a run"]),
        (&["--provider", "docker"], &["docker", "kind"]),
    ] {
        let run = place.run(&[&["run", "ok.yaml"], arguments].concat());
        assert_eq!(run.code, Some(2), "{arguments:?}: {run:?}");
        for part in parts {
            assert!(run.err.contains(part), "{part} for {arguments:?}: {}", run.err);
        }
    }
    assert_eq!(place.runs_left(), 0);
}

#[test]
fn a_run_without_an_engine_is_inconclusive_and_names_the_engine() {
    let place = place();
    let run = place.run(&["run", "ok.yaml", "--provider", "kind"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.out.contains("/no/docker/here"), "{}", run.out);
    assert_eq!(place.runs_left(), 0, "nothing was created, so nothing is noted any more");
}

#[test]
fn journals_stay_until_their_engine_answers_and_hinder_no_embedded_run() {
    let place = place();
    killed_run(&place);
    let clean = place.run(&["clean"]);
    assert_eq!((clean.code, place.runs_left()), (Some(3), 1), "{clean:?}");
    for part in ["unix:///no/docker/here was not cleaned", "stays in their journals"] {
        assert!(clean.err.contains(part), "{part}: {}", clean.err);
    }
    let run = place.run(&["run", "ok.yaml"]);
    assert_eq!((run.code, place.runs_left()), (Some(0), 1), "{run:?}");
    assert!(run.err.contains("warning: "), "it is told: {}", run.err);
}

#[test]
fn an_absent_engine_is_told_and_is_no_error_where_nothing_was_left() {
    let place = place();
    let clean = place.run(&["clean"]);
    assert_eq!(clean.code, Some(0), "{clean:?}");
    for part in ["nothing is left of killed runs", "no Docker engine was asked: unix:///no/docker"]
    {
        assert!(clean.out.contains(part), "{part}: {}", clean.out);
    }
    let list = place.run(&["cluster", "list"]);
    assert_eq!(list.code, Some(0), "{list:?}");
    assert!(list.err.contains("kind clusters are not listed"), "{list:?}");
    for arguments in [&["cluster", "down", "a"][..], &["cluster", "logs", "a", "x"]] {
        let run = place.run(arguments);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.err.contains("kind clusters were not looked for"), "{run:?}");
    }
}
