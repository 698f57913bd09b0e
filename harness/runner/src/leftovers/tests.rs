use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use gateproof_kubernetes::{Owner, Thing};

use super::{Caretaker, Claim, Cleaned, Cleaning, Found, Mode, Reach, What, clean};
use crate::journal::{Closed, Entry, Journal};
use crate::process;

const LOCAL: &str = "unix:///var/run/docker.sock";
const REMOTE: &str = "ssh://builder";

/// Engines as they are after some runs were killed.
#[derive(Default)]
struct Engines {
    things: Mutex<BTreeMap<String, Vec<Found>>>,
    /// Names of things that cannot be removed.
    stuck: Vec<&'static str>,
    /// An engine that answers never.
    hangs: Option<&'static str>,
    /// What appears after the first look.
    late: Mutex<Vec<Found>>,
}

impl Engines {
    fn with(things: Vec<Found>) -> Self {
        let engines = Self::default();
        for found in things {
            let engine = super::engine_of(&found.thing).expect("a thing on an engine").to_owned();
            engines.things.lock().expect("no panic").entry(engine).or_default().push(found);
        }
        engines
    }

    fn left(&self) -> Vec<String> {
        let things = self.things.lock().expect("no panic");
        things.values().flatten().map(|found| name(&found.thing)).collect()
    }
}

#[async_trait]
impl Caretaker for Engines {
    fn usual_engine(&self) -> String {
        LOCAL.to_owned()
    }

    async fn find(&self, engine: &str) -> Result<Vec<Found>, String> {
        if self.hangs == Some(engine) {
            std::future::pending::<()>().await;
        }
        let mut things = self.things.lock().expect("no panic");
        let found = things.get(engine).cloned();
        if found.is_some() {
            let late = std::mem::take(&mut *self.late.lock().expect("no panic"));
            things.entry(engine.to_owned()).or_default().extend(late);
        }
        found.ok_or_else(|| "no such file or directory".to_owned())
    }

    async fn remove(&self, found: &Found) -> Result<(), String> {
        if self.stuck.contains(&name(&found.thing).as_str()) {
            return Err("device or resource busy".to_owned());
        }
        for things in self.things.lock().expect("no panic").values_mut() {
            if matches!(found.thing, Thing::Network { .. }) {
                let attached = |thing: &Found| {
                    thing.run == found.run && matches!(thing.thing, Thing::Container { .. })
                };
                assert!(!things.iter().any(attached), "containers go before networks");
            }
            things.retain(|thing| thing.id != found.id);
        }
        Ok(())
    }
}

fn name(thing: &Thing) -> String {
    match thing {
        Thing::Container { name, .. }
        | Thing::Volume { name, .. }
        | Thing::Network { name, .. } => name.clone(),
        Thing::Image { reference, .. } => reference.clone(),
        Thing::File { path } => path.display().to_string(),
        Thing::Objects { run, .. } => run.clone(),
    }
}

fn thing(engine: &str, name: &str) -> Thing {
    Thing::Container { engine: engine.to_owned(), name: name.to_owned() }
}

fn found(run: &str, thing: Thing, owner: Owner) -> Found {
    let id = format!("id of {}", name(&thing));
    Found { thing, id, run: run.to_owned(), owner: Some(owner), claim: Claim::None }
}

/// A process of this user that has ended.
fn dead() -> Owner {
    Owner { start: 0, ..process::owner() }
}

fn killed_run(state: &Path, run: &str, things: &[Thing]) {
    let journal = Journal::open(state, run).expect("a journal");
    for thing in things {
        journal.note(&Entry::Thing(thing.clone())).expect("a writable journal");
    }
}

async fn cleaned(state: &Path, engines: &Engines, mode: Mode, reach: Reach) -> Cleaned {
    // The engine that hangs is waited for so long; nothing else comes near it.
    let within =
        if engines.hangs.is_some() { Duration::from_secs(2) } else { Duration::from_mins(1) };
    let cleaning = Cleaning { mode, reach, within, linger: Duration::from_millis(600) };
    clean(state, engines, cleaning).await.expect("a readable state folder")
}

fn names(cleaned: &Cleaned) -> Vec<String> {
    let on_engine = cleaned.removed.iter().filter_map(|removed| match &removed.what {
        What::OnEngine(thing) => Some(name(thing)),
        What::Path(_) | What::OnCluster(_) => None,
    });
    on_engine.collect()
}

fn runs_left(state: &Path) -> usize {
    std::fs::read_dir(state.join("runs")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn exactly_what_dead_runs_of_this_user_left_goes() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let state = dir.path();
    let alive = process::owner();
    let living = Journal::open(state, "living").expect("a journal");
    killed_run(state, "killed", &[thing(LOCAL, "killed-worker"), thing(LOCAL, "not-yet-created")]);
    let kept = Found { claim: Claim::Kept, ..found("ended", thing(LOCAL, "kept"), dead()) };
    let nobodys = Found { owner: None, ..found("odd", thing(LOCAL, "unreadable"), dead()) };
    let theirs = Owner { user: alive.user + 1, ..dead() };
    let elsewhere = Owner { namespace: 1, ..dead() };
    let network = Thing::Network { engine: LOCAL.to_owned(), name: "mirror".to_owned() };
    let shared = Thing::Network { engine: LOCAL.to_owned(), name: "shared".to_owned() };
    let engines = Engines::with(vec![
        found("killed", network, dead()),
        Found { claim: Claim::InUse, ..found("killed", shared, dead()) },
        // The lock of a run's folder outranks what its label says.
        found("killed", thing(LOCAL, "killed-worker"), alive.clone()),
        found("folder-lost", thing(LOCAL, "lost-worker"), dead()),
        found("living", thing(LOCAL, "living-worker"), dead()),
        found("other-state-folder", thing(LOCAL, "others-worker"), alive),
        found("theirs", thing(LOCAL, "theirs"), theirs),
        found("elsewhere", thing(LOCAL, "elsewhere"), elsewhere),
        kept,
        nobodys,
    ]);
    let told = cleaned(state, &engines, Mode::DryRun, Reach::Engines).await;
    assert_eq!(engines.left().len(), 10, "a dry run removes nothing");
    assert_eq!(runs_left(state), 2);

    let done = cleaned(state, &engines, Mode::Remove, Reach::Engines).await;
    assert_eq!(done, told, "a dry run tells what happens");
    assert_eq!(names(&done), ["lost-worker", "killed-worker", "mirror"]);
    assert_eq!(done.problems, Vec::<String>::new());
    let mut left = engines.left();
    left.sort();
    let expected =
        ["elsewhere", "kept", "living-worker", "others-worker", "shared", "theirs", "unreadable"];
    assert_eq!(left, expected);
    let told = done.left_alone.join("\n");
    for unclear in ["container elsewhere", "container unreadable", "network shared"] {
        assert!(told.contains(unclear), "{unclear}: {told}");
    }
    assert_eq!((done.left_alone.len(), runs_left(state)), (3, 1));
    assert_eq!(living.close().expect("closed"), Closed::Empty);
}

#[tokio::test]
async fn journals_stay_while_their_engine_is_silent_or_hangs_or_refuses() {
    for (hangs, stuck, why) in [
        (None, vec![], "no such file"),
        (Some(REMOTE), vec![], "it took longer than"),
        (None, vec!["worker"], "device or resource busy"),
    ] {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let state = dir.path();
        killed_run(state, "local", &[thing(LOCAL, "local-worker")]);
        killed_run(state, "remote", &[thing(REMOTE, "worker")]);
        let remote = found("remote", thing(REMOTE, "worker"), dead());
        let local = found("local", thing(LOCAL, "local-worker"), dead());
        let there = if why.starts_with("no") { vec![local] } else { vec![local, remote] };
        let engines = Engines { stuck, hangs, ..Engines::with(there) };
        let done = cleaned(state, &engines, Mode::Remove, Reach::Journals).await;
        assert_eq!(names(&done), ["local-worker"], "{why}");
        assert!(done.problems.len() == 1 && done.problems[0].contains(why), "{done:?}");
        assert_eq!(runs_left(state), 1, "the journal of the remote run stays: {why}");

        let engines = Engines::with(vec![found("remote", thing(REMOTE, "worker"), dead())]);
        let done = cleaned(state, &engines, Mode::Remove, Reach::Journals).await;
        assert_eq!((names(&done), runs_left(state)), (vec!["worker".to_owned()], 0), "{why}");
    }
}

#[tokio::test]
async fn what_comes_into_being_after_its_run_was_killed_goes_too() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    killed_run(
        dir.path(),
        "killed",
        &[thing(LOCAL, "first"), thing(LOCAL, "late"), thing(LOCAL, "never")],
    );
    let late = Mutex::new(vec![found("killed", thing(LOCAL, "late"), dead())]);
    let first = found("killed", thing(LOCAL, "first"), dead());
    let engines = Engines { late, ..Engines::with(vec![first]) };
    let done = cleaned(dir.path(), &engines, Mode::Remove, Reach::Journals).await;
    assert_eq!(names(&done), ["first", "late"]);
    assert_eq!((engines.left(), runs_left(dir.path())), (Vec::<String>::new(), 0));
}

#[tokio::test]
async fn an_engine_that_nobody_needs_is_asked_only_on_wish_and_may_be_absent() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let engines = Engines { hangs: Some(LOCAL), ..Engines::default() };
    let done = cleaned(dir.path(), &engines, Mode::Remove, Reach::Journals).await;
    assert_eq!(done, Cleaned::default());
    let done = cleaned(dir.path(), &engines, Mode::Remove, Reach::Engines).await;
    assert_eq!((done.problems.len(), done.silent.len()), (0, 1), "{done:?}");
}
