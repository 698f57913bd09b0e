//! Removing what killed runs left, and nothing else.
//!
//! A run's things are known in two ways: its journal names what it was about to create, and
//! everything on a Docker engine carries the run and its owner on labels. The labels decide there,
//! because they come with the thing itself: a name in a journal may be somebody else's by now, and
//! a journal may be torn or lost. What the journal adds is which engines to ask.
//!
//! A thing goes only when it was not handed over to the user, and its run is dead: nobody holds the
//! lock of the run's folder, or, where there is no such folder, the owner on the label is a process
//! of this user that has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use gateproof_kubernetes::wait::{self, Poll};
use gateproof_kubernetes::{Owner, Standing, Thing};

use crate::cause::with_causes;
use crate::journal::JournalError;
use crate::journal::dead::{self, DeadRun, Elsewhere, engine_of};

mod on_clusters;

#[cfg(test)]
mod tests;

/// Finds and removes our things on Docker engines.
#[async_trait]
pub trait Caretaker: Send + Sync {
    /// The engine that is used when nothing else is said, such as
    /// `unix:///var/run/docker.sock`.
    fn usual_engine(&self) -> String;

    /// Everything on an engine that carries our labels.
    ///
    /// # Errors
    ///
    /// When the engine does not answer, in words.
    async fn find(&self, engine: &str) -> Result<Vec<Found>, String>;

    /// Removes a thing; one that is gone already is removed.
    ///
    /// # Errors
    ///
    /// When it is still there, in words.
    async fn remove(&self, found: &Found) -> Result<(), String>;
}

/// A thing with our labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The thing.
    pub thing: Thing,
    /// The engine's id of it, which no other thing gets: removal goes by it.
    pub id: String,
    /// The run on its label.
    pub run: String,
    /// The owner on its label; `None` when that cannot be read.
    pub owner: Option<Owner>,
    /// Whether the run handed it over to the user.
    pub claim: Claim,
}

/// Whose a thing is beside its owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Nobody else's.
    None,
    /// The user's: it was kept.
    Kept,
    /// Others use it, such as a network with containers in it.
    InUse,
}

/// Whether cleaning acts or only tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Remove what dead runs left.
    Remove,
    /// Only say what would be removed.
    DryRun,
}

/// Where to look for leftovers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// On the usual engine and those that journals name.
    Engines,
    /// Only on engines that journals of dead runs name: a run that needs no Docker is not held up
    /// by one that is absent.
    Journals,
}

/// How to clean.
#[derive(Debug, Clone, Copy)]
pub struct Cleaning {
    /// Whether to act.
    pub mode: Mode,
    /// Where to look.
    pub reach: Reach,
    /// How long each engine may take, all in all.
    pub within: Duration,
    /// How long to look for what a killed run had asked an engine for, usually [`LINGER`].
    pub linger: Duration,
}

/// How long an engine may go on with what it was asked for by a run that was killed. Inferred: a
/// container comes into being within this on a busy machine.
pub const LINGER: Duration = Duration::from_secs(5);

/// What cleaning found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// What is gone now, or would be in a dry run.
    pub removed: Vec<Removed>,
    /// What looks like a leftover and was left alone, with the reason.
    pub left_alone: Vec<String>,
    /// What could not be done. Nothing of it is forgotten: the next start tries again.
    pub problems: Vec<String>,
    /// Engines that were to be asked without a journal's word and do not answer.
    pub silent: Vec<String>,
}

/// Something that a dead run had left.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Removed {
    /// The dead run.
    pub run: String,
    /// What it was.
    pub what: What,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A thing on an engine.
    OnEngine(Thing),
    /// An object on a cluster that somebody runs, in words.
    OnCluster(String),
    /// A file or folder.
    Path(PathBuf),
}

/// Removes what dead runs left, or says what there is to remove.
///
/// # Errors
///
/// When the state folder cannot be read.
pub async fn clean(
    state: &Path,
    caretaker: &dyn Caretaker,
    cleaning: Cleaning,
) -> Result<Cleaned, JournalError> {
    // The locks of dead runs are held until the end, so that nobody else cleans them meanwhile.
    let runs = dead::runs(state)?;
    let mut cleaned = Cleaned::default();
    let outcomes = clean_engines(caretaker, cleaning, &runs, &mut cleaned).await;
    for run in &runs.dead {
        let on_clusters = on_clusters::clean(run, cleaning, &mut cleaned).await;
        if let Err(error) = clean_files(run, cleaning.mode, &outcomes, on_clusters, &mut cleaned) {
            cleaned.problems.push(format!("failed to {}", with_causes(&error)));
        }
    }
    cleaned.removed.sort();
    Ok(cleaned)
}

/// What came of an engine.
enum Outcome {
    /// It was asked; these runs still have things on it.
    Asked { unremoved: BTreeSet<String> },
    /// It did not answer.
    Silent,
}

/// Asks every engine in reach, side by side.
async fn clean_engines(
    caretaker: &dyn Caretaker,
    cleaning: Cleaning,
    runs: &dead::Runs,
    cleaned: &mut Cleaned,
) -> BTreeMap<String, Outcome> {
    let noted: BTreeSet<&str> =
        runs.dead.iter().flat_map(DeadRun::on_engines).filter_map(engine_of).collect();
    let mut engines: BTreeSet<String> = noted.iter().map(|engine| (*engine).to_owned()).collect();
    if cleaning.reach == Reach::Engines {
        engines.insert(caretaker.usual_engine());
    }
    let asked = engines.into_iter().map(async |engine| {
        let outcome =
            tokio::time::timeout(cleaning.within, clean_engine(caretaker, cleaning, &engine, runs));
        let outcome = outcome.await.unwrap_or_else(|_| {
            Err(format!("it took longer than {} s", cleaning.within.as_secs()))
        });
        (engine, outcome)
    });
    let mut outcomes = BTreeMap::new();
    for (engine, outcome) in futures_util::future::join_all(asked).await {
        let outcome = match outcome {
            Ok(mut done) => {
                cleaned.removed.append(&mut done.removed);
                cleaned.left_alone.append(&mut done.left_alone);
                let unremoved = done.unremoved.into_iter();
                Outcome::Asked {
                    unremoved: unremoved
                        .map(|(run, problem)| {
                            cleaned.problems.push(problem);
                            run
                        })
                        .collect(),
                }
            }
            Err(problem) if noted.contains(engine.as_str()) => {
                let journals = "what killed runs have left there stays in their journals";
                cleaned.problems.push(format!(
                    "the Docker engine at {engine} was not cleaned: {problem}; {journals}"
                ));
                Outcome::Silent
            }
            Err(problem) => {
                cleaned.silent.push(format!("{engine}: {problem}"));
                Outcome::Silent
            }
        };
        outcomes.insert(engine, outcome);
    }
    outcomes
}

/// What was done on one engine.
#[derive(Default)]
struct Done {
    removed: Vec<Removed>,
    left_alone: Vec<String>,
    /// Runs and what could not be removed of them.
    unremoved: Vec<(String, String)>,
}

/// Removes every leftover of an engine. What a run noted just before it was killed may come into
/// being only now, when the engine is done with the request, so it is waited for a little.
async fn clean_engine(
    caretaker: &dyn Caretaker,
    cleaning: Cleaning,
    engine: &str,
    runs: &dead::Runs,
) -> Result<Done, String> {
    const LOOK_EVERY: Duration = Duration::from_millis(250);
    let mode = cleaning.mode;
    let (mut done, found) = sweep(caretaker, mode, engine, runs).await?;
    let noted = runs.dead.iter().filter(|run| run.ended_lately()).flat_map(DeadRun::on_engines);
    let late: BTreeSet<&Thing> =
        noted.filter(|thing| engine_of(thing) == Some(engine) && !found.contains(*thing)).collect();
    if mode == Mode::DryRun || late.is_empty() {
        return Ok(done);
    }
    let swept = Mutex::new((Vec::new(), late));
    let waited = wait::until(
        cleaning.linger,
        LOOK_EVERY,
        |_| (),
        || async {
            let (again, found) = match sweep(caretaker, mode, engine, runs).await {
                Ok(swept) => swept,
                Err(missing) => return Poll::NotYet { missing },
            };
            let mut swept = swept.lock().unwrap_or_else(PoisonError::into_inner);
            swept.0.push(again);
            swept.1.retain(|thing| !found.contains(*thing));
            if swept.1.is_empty() {
                Poll::Ready(())
            } else {
                Poll::NotYet { missing: "what may never have been created".to_owned() }
            }
        },
    )
    .await;
    if let Err(error) = waited {
        tracing::debug!(%error, engine, "nothing more has come into being");
    }
    for again in swept.into_inner().unwrap_or_else(PoisonError::into_inner).0 {
        done.removed.extend(again.removed);
        done.unremoved = again.unremoved;
        done.left_alone = again.left_alone;
    }
    Ok(done)
}

/// Looks once, and removes what is a leftover: containers first, because networks and volumes
/// cannot go before them. Says what there was.
async fn sweep(
    caretaker: &dyn Caretaker,
    mode: Mode,
    engine: &str,
    runs: &dead::Runs,
) -> Result<(Done, BTreeSet<Thing>), String> {
    /// So many removals at once; the engine works them off one after another anyway.
    const SIDE_BY_SIDE: usize = 8;
    let mut done = Done::default();
    let mut found = caretaker.find(engine).await?;
    let things = found.iter().map(|found| found.thing.clone()).collect();
    found.sort_by(|a, b| (&a.thing, &a.id).cmp(&(&b.thing, &b.id)));
    let mut leftovers = Vec::new();
    for found in found {
        match fate(&found, runs, crate::process::standing) {
            Fate::Leftover => leftovers.push(found),
            Fate::Used => {}
            Fate::Unclear(why) => {
                let what = in_words(&found.thing);
                done.left_alone.push(format!("{what} (run {}): {why}", found.run));
            }
        }
    }
    for kind in leftovers.chunk_by(|a, b| rank(&a.thing) == rank(&b.thing)) {
        let removals = kind.iter().map(async |found| match mode {
            Mode::Remove => (found, caretaker.remove(found).await),
            Mode::DryRun => (found, Ok(())),
        });
        let removals = futures_util::stream::iter(removals).buffer_unordered(SIDE_BY_SIDE);
        for (found, removed) in removals.collect::<Vec<_>>().await {
            let Found { thing, run, .. } = found.clone();
            match removed {
                Ok(()) => done.removed.push(Removed { run, what: What::OnEngine(thing) }),
                Err(problem) => {
                    let what = in_words(&thing);
                    let problem = format!("failed to remove {what} (run {run}): {problem}");
                    done.unremoved.push((run, problem));
                }
            }
        }
    }
    Ok((done, things))
}

/// What is to be done about a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// It goes.
    Leftover,
    /// Somebody needs it.
    Used,
    /// It may be a leftover; why it stays.
    Unclear(&'static str),
}

fn fate(found: &Found, runs: &dead::Runs, standing: impl Fn(&Owner) -> Standing) -> Fate {
    if runs.living.contains(&found.run) || found.claim == Claim::Kept {
        return Fate::Used;
    }
    let dead_here = runs.dead.iter().any(|dead| dead.run == found.run);
    let standing = match &found.owner {
        _ if dead_here => Standing::Dead,
        Some(owner) => standing(owner),
        None => return Fate::Unclear("its label does not say who owns it"),
    };
    match (standing, found.claim) {
        (Standing::Alive | Standing::AnotherUser, _) => Fate::Used,
        (Standing::OutOfSight, _) => Fate::Unclear(
            "its owner is on another machine or in another container, so nobody here knows whether it lives",
        ),
        (Standing::Dead, Claim::InUse) => Fate::Unclear("something else uses it"),
        (Standing::Dead, Claim::None | Claim::Kept) => Fate::Leftover,
    }
}

/// The order of removal.
fn rank(thing: &Thing) -> u8 {
    match thing {
        Thing::Container { .. } => 0,
        Thing::Volume { .. } => 1,
        Thing::Network { .. } => 2,
        Thing::Image { .. } => 3,
        Thing::File { .. } | Thing::Objects { .. } => 4,
    }
}

/// Removes a dead run's files; its journal stays while something on an engine may be left.
fn clean_files(
    run: &DeadRun,
    mode: Mode,
    outcomes: &BTreeMap<String, Outcome>,
    on_clusters: Elsewhere,
    cleaned: &mut Cleaned,
) -> Result<(), JournalError> {
    let left = on_clusters == Elsewhere::SomethingLeft
        || run.on_engines().filter_map(engine_of).any(|engine| match outcomes.get(engine) {
            Some(Outcome::Asked { unremoved }) => unremoved.contains(&run.run),
            Some(Outcome::Silent) | None => true,
        });
    let elsewhere = if left { Elsewhere::SomethingLeft } else { Elsewhere::NothingLeft };
    let mut files = run.files()?;
    if left {
        files.pop();
    }
    if mode == Mode::Remove {
        run.remove_files(elsewhere)?;
    }
    let removed =
        files.into_iter().map(|path| Removed { run: run.run.clone(), what: What::Path(path) });
    cleaned.removed.extend(removed);
    Ok(())
}

/// A thing as a person calls it.
pub fn in_words(thing: &Thing) -> String {
    match thing {
        Thing::Container { name, .. } => format!("container {name}"),
        Thing::Volume { name, .. } => format!("volume {name}"),
        Thing::Network { name, .. } => format!("network {name}"),
        Thing::Image { reference, .. } => format!("image {reference}"),
        Thing::File { path } => path.display().to_string(),
        Thing::Objects { context, run, .. } => format!(
            "objects with label gateproof.dev/run={run} in {}",
            context.as_ref().map_or("the cluster around this pod".to_owned(), |context| format!(
                "context {context}"
            ))
        ),
    }
}

/// How a person removes what a run left on somebody's cluster.
pub fn by_hand(thing: &Thing) -> Option<String> {
    let Thing::Objects { kubeconfig, context, run } = thing else { return None };
    let kubeconfig = kubeconfig.as_ref().map(|path| format!(" --kubeconfig {}", path.display()));
    let context = context.as_ref().map(|context| format!(" --context {context}"));
    Some(format!(
        "kubectl{}{} delete namespaces,gatewayclasses -l gateproof.dev/run={run}",
        kubeconfig.unwrap_or_default(),
        context.unwrap_or_default()
    ))
}

/// Finds nothing and knows no engine.
#[derive(Debug, Clone, Copy)]
pub struct NoEngines;

#[async_trait]
impl Caretaker for NoEngines {
    fn usual_engine(&self) -> String {
        "none".to_owned()
    }

    async fn find(&self, _engine: &str) -> Result<Vec<Found>, String> {
        Err("this program speaks to no Docker engine".to_owned())
    }

    async fn remove(&self, _found: &Found) -> Result<(), String> {
        Ok(())
    }
}
