use std::path::Path;

use gateproof_kubernetes::Thing;

use super::dead::{self, Elsewhere};
use super::{Closed, Entry, Journal, JournalError};

fn container(name: &str) -> Entry {
    let engine = "unix:///var/run/docker.sock".to_owned();
    Entry::Thing(Thing::Container { engine, name: name.to_owned() })
}

fn temporary(folder: &Path) -> Entry {
    Entry::TemporaryFiles { folder: folder.to_owned(), prefix: ".gateproof-7-".to_owned() }
}

/// Leaves a run's folder behind as a killed process would: the lock is gone, the folder stays.
fn killed_run(state: &Path, run: &str, entries: &[Entry]) {
    let journal = Journal::open(state, run).expect("a writable state directory");
    for entry in entries {
        journal.note(entry).expect("a writable journal");
    }
}

fn write(path: &Path) {
    std::fs::write(path, "half").expect("a writable folder");
}

/// Cleans the files of every dead run; their names.
fn clean(state: &Path) -> Result<Vec<String>, JournalError> {
    let runs = dead::runs(state)?;
    for run in &runs.dead {
        run.remove_files(Elsewhere::NothingLeft)?;
    }
    Ok(runs.dead.into_iter().map(|run| run.run).collect())
}

/// The containers that dead runs had noted and not struck.
fn noted(state: &Path) -> Vec<String> {
    let runs = dead::runs(state).expect("a readable state directory");
    let name = |thing: &Thing| match thing {
        Thing::Container { name, .. } => name.clone(),
        other => panic!("{other:?} was never noted"),
    };
    runs.dead.iter().flat_map(|run| run.on_engines().map(name).collect::<Vec<_>>()).collect()
}

#[test]
fn files_that_a_killed_run_noted_are_removed_and_no_others() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let state = dir.path().join("state");
    let left = [dir.path().join(".gateproof-7-abc.partial"), dir.path().join("config")];
    let others = ["report.xml", ".gateproof-71-x.partial", "config.old"];
    let others = others.map(|name| dir.path().join(name));
    for path in left.iter().chain(&others) {
        write(path);
    }
    let file = |path: &Path| Entry::Thing(Thing::File { path: path.to_owned() });
    let gone = dir.path().join("never-written");
    let evidence = dir.path().join("evidence/dead");
    std::fs::create_dir_all(evidence.join("a-cluster")).expect("a folder");
    let folder = Entry::Folder { path: evidence.clone() };
    killed_run(&state, "dead", &[temporary(dir.path()), file(&left[1]), file(&gone), folder]);
    killed_run(&state, "gone", &[temporary(&dir.path().join("no-such-folder"))]);

    let runs = dead::runs(&state).expect("a readable state directory");
    let files = runs.dead[0].files().expect("readable folders");
    assert_eq!(files[..2], left, "both are told, and the run's folder after them");
    assert_eq!((&files[2], files.len()), (&evidence, 4));
    drop(runs);
    assert_eq!(clean(&state).expect("cleaning goes on"), ["dead", "gone"]);
    assert!(left.iter().all(|path| !path.exists()) && others.iter().all(|path| path.exists()));
    assert!(!evidence.exists() && evidence.parent().is_some_and(Path::exists));
    assert!(clean(&state).expect("readable").is_empty());
}

#[test]
fn a_living_run_is_not_touched() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let file = dir.path().join(".gateproof-7-abc.partial");
    write(&file);
    let journal = Journal::open(dir.path(), "alive").expect("a writable state directory");
    journal.note(&temporary(dir.path())).expect("a writable journal");

    assert!(clean(dir.path()).expect("readable").is_empty());
    let living = dead::runs(dir.path()).expect("readable").living;
    assert!(living.contains("alive") && file.exists());
    assert_eq!(journal.close().expect("a removable folder"), Closed::Empty);
    drop(journal);
    assert!(clean(dir.path()).expect("readable").is_empty());
}

#[test]
fn a_journal_that_holds_something_stays_when_its_run_ends() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let journal = Journal::open(dir.path(), "run").expect("a journal");
    for name in ["a", "b"] {
        journal.note(&container(name)).expect("a writable journal");
    }
    journal.strike(&container("a")).expect("a writable journal");
    let Closed::Holding(things) = journal.close().expect("closed") else {
        panic!("`b` was not struck")
    };
    assert_eq!(things.len(), 1);
    journal.note(&container("late")).expect_err("a closed journal takes nothing");
    drop(journal);
    assert_eq!(noted(dir.path()), ["b"]);
}

#[test]
fn clusters_of_one_run_write_side_by_side() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let journal = Journal::open(dir.path(), "run").expect("a journal");
    std::thread::scope(|scope| {
        for cluster in 0..8 {
            let journal = &journal;
            scope.spawn(move || {
                for node in 0..20 {
                    let entry = container(&format!("{cluster}-{node}"));
                    journal.note(&entry).expect("a writable journal");
                    if node > 0 {
                        journal.strike(&entry).expect("a writable journal");
                    }
                }
            });
        }
    });
    drop(journal);
    let mut left = noted(dir.path());
    left.sort();
    assert_eq!(left, (0..8).map(|cluster| format!("{cluster}-0")).collect::<Vec<_>>());
}

#[test]
fn what_is_noted_again_after_it_was_struck_counts() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let journal = Journal::open(dir.path(), "run").expect("a journal");
    journal.note(&container("a")).expect("a writable journal");
    journal.strike(&container("a")).expect("a writable journal");
    journal.note(&container("a")).expect("a writable journal");
    drop(journal);
    assert_eq!(noted(dir.path()), ["a"]);
}

#[test]
fn a_torn_line_does_not_stop_cleaning() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let left = dir.path().join(".gateproof-7-abc.partial");
    write(&left);
    killed_run(dir.path(), "dead", &[container("a"), temporary(dir.path())]);
    let journal = dir.path().join("runs/dead/journal");
    let mut text = std::fs::read(&journal).expect("a journal");
    text.extend(b"{\"noted\":{\"thing\":{\"kind\":\"container\",\"engine\":\"x\",\"na\xff\xc3");
    std::fs::write(&journal, text).expect("a writable journal");
    assert_eq!(noted(dir.path()), ["a"]);
    assert_eq!(clean(dir.path()).expect("cleaning goes on"), ["dead"]);
    assert!(!left.exists());
}

#[test]
fn runs_that_open_and_clean_at_once_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let state = dir.path();
    for round in 0..10 {
        for dead in 0..10 {
            killed_run(state, &format!("dead-{round}-{dead}"), &[temporary(state)]);
        }
        std::thread::scope(|scope| {
            for run in 0..4 {
                scope.spawn(move || {
                    clean(state).expect("cleaning goes on");
                    let name = format!("alive-{round}-{run}");
                    let journal = Journal::open(state, &name).expect("a journal");
                    journal.close().expect("a removable folder");
                });
            }
        });
    }
    assert!(clean(state).expect("readable").is_empty());
}
