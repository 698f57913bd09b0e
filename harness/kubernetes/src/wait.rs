//! Waiting for the cluster: the one module that polls.
//!
//! A wait looks again and again until what it looks at is [`Poll::Ready`], can no longer become
//! so ([`Poll::Never`]), or the deadline has passed; then it says what was still missing. Looks
//! judge levels ("is it programmed?"), never edges: an event of a watch only says that another
//! look is worth while, and a re-list every [`RELIST_EVERY`] makes up for events that were lost.

mod watch;

use std::fmt;
use std::time::Duration;

use gateproof_core::scenario::ObjectRef;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::client::Client;
use crate::error::{Cause, ReadError, describe};
pub use watch::Watched;
use watch::Watches;
pub(crate) use watch::{Followed, follow};

/// How often a watching wait looks even though nothing was heard.
pub const RELIST_EVERY: Duration = Duration::from_secs(1);

/// How long a look that began before the deadline may go on after it. Without it a wait with no
/// time at all ("it must be so now") could never see an answer.
const LOOK_GRACE: Duration = Duration::from_secs(5);

/// Longest deadline that a clock can hold for certain.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll<T> {
    /// It is there.
    Ready(T),
    /// It may still come.
    NotYet {
        /// What is missing, in words.
        missing: String,
    },
    /// It cannot come any more, so waiting on is pointless.
    Never {
        /// Why not, in words.
        why: String,
    },
}

/// A wait that did not end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The deadline passed.
    #[error("timed out after {}{}: {missing}", Seconds(*deadline), Looks(*looks))]
    TimedOut {
        /// How long was waited.
        deadline: Duration,
        /// What was missing at the last look.
        missing: String,
        /// How many looks came to an end.
        looks: u32,
    },
    /// What was waited for cannot come any more.
    #[error("gave up waiting, it cannot come any more: {why}")]
    Never {
        /// Why not.
        why: String,
    },
}

/// Waits with looks `every` so often, until `deadline` has passed since now. There is always at
/// least one look, and one at the deadline. `on_progress` hears what is missing whenever that
/// changes. A look may borrow from its surroundings, but not change them; in return a wait can run
/// in any task.
///
/// # Errors
/// When the deadline passes, or a look finds that waiting is pointless.
pub async fn until<T, Look>(
    deadline: Duration,
    every: Duration,
    mut on_progress: impl FnMut(&str),
    mut probe: impl FnMut() -> Look,
) -> Result<T, WaitError>
where
    Look: Future<Output = Poll<T>>,
{
    let mut wait = Wait::start(deadline);
    loop {
        let found = wait.bounded(probe()).await;
        if let Some(ready) = wait.take(found, &mut on_progress)? {
            return Ok(ready);
        }
        pause_until(wait.at_most(every)).await;
    }
}

/// Waits with a look whenever one of the watched objects changes, and every [`RELIST_EVERY`]
/// besides; otherwise as [`until`]. A watch that cannot be opened or breaks off (the kind is not
/// served yet, the API server restarts) is opened again with the next re-list.
///
/// # Errors
/// When the deadline passes, or a look finds that waiting is pointless.
pub async fn watch_until<T, Look>(
    client: &Client,
    watched: &[Watched],
    deadline: Duration,
    mut on_progress: impl FnMut(&str),
    mut probe: impl FnMut() -> Look,
) -> Result<T, WaitError>
where
    Look: Future<Output = Poll<T>>,
{
    let mut wait = Wait::start(deadline);
    let mut open = Watches::new(client.clone(), watched);
    // Opened before the first look, so that no change falls between the two.
    wait.open(&mut open).await;
    let mut relist = wait.at_most(RELIST_EVERY);
    loop {
        let found = wait.bounded(probe()).await;
        if let Some(ready) = wait.take(found, &mut on_progress)? {
            return Ok(ready);
        }
        if timeout_at(relist, open.change()).await.is_err() {
            relist = wait.at_most(RELIST_EVERY);
            wait.open(&mut open).await;
        }
    }
}

/// Waits until `judge` is satisfied with an object, which is `None` while it does not exist.
/// An API that does not answer and a kind that is not served yet are waited out; a refusal, such
/// as missing rights, is not.
///
/// # Errors
/// When the deadline passes, or `judge` or the API says that waiting is pointless.
pub async fn until_object<T>(
    client: &Client,
    object: &ObjectRef,
    deadline: Duration,
    on_progress: impl FnMut(&str),
    judge: impl Fn(Option<&Value>) -> Poll<T>,
) -> Result<T, WaitError> {
    watch_until(client, &[Watched::object(object)], deadline, on_progress, || async {
        match client.get(object).await {
            Ok(found) => judge(found.as_ref()),
            Err(error) => unreadable(&error),
        }
    })
    .await
}

/// Waits until an object is gone.
///
/// # Errors
/// When it is still there at the deadline; the message names the finalizers that hold it.
pub async fn until_gone(
    client: &Client,
    object: &ObjectRef,
    deadline: Duration,
    on_progress: impl FnMut(&str),
) -> Result<(), WaitError> {
    until_object(client, object, deadline, on_progress, |found| match found {
        None => Poll::Ready(()),
        Some(found) => Poll::NotYet { missing: still_there(object, found) },
    })
    .await
}

/// Waits until the object with this uid is gone. One of the same name that a controller has made anew
/// meanwhile is another object.
///
/// # Errors
/// When it is still there at the deadline; the message names the finalizers that hold it.
pub async fn until_gone_or_replaced(
    client: &Client,
    object: &ObjectRef,
    uid: &str,
    deadline: Duration,
    on_progress: impl FnMut(&str),
) -> Result<(), WaitError> {
    until_object(client, object, deadline, on_progress, |found| match found {
        Some(found) if found.pointer("/metadata/uid").and_then(Value::as_str) == Some(uid) => {
            Poll::NotYet { missing: still_there(object, found) }
        }
        _ => Poll::Ready(()),
    })
    .await
}

/// Lets a span pass: between two looks of a caller that repeats them itself.
pub async fn pause(span: Duration) {
    pause_until(Instant::now() + span.min(LONGEST)).await;
}

/// Lets time pass until then.
pub async fn pause_until(moment: Instant) {
    // An elapsed limit is what a pause waits for; a future that never ends cannot do else.
    drop(timeout_at(moment, std::future::pending::<()>()).await);
}

/// What a failed read means for a wait.
pub fn unreadable<T>(error: &ReadError) -> Poll<T> {
    if error.is_transient() || matches!(error.cause, Cause::NotServed { .. }) {
        Poll::NotYet { missing: error.to_string() }
    } else {
        Poll::Never { why: error.to_string() }
    }
}

fn still_there(object: &ObjectRef, found: &Value) -> String {
    let finalizers: Vec<&str> = found
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let state = match (found.pointer("/metadata/deletionTimestamp"), finalizers.as_slice()) {
        (None, _) => "nobody has asked to delete it".to_owned(),
        (Some(_), []) => match held_by(found).as_slice() {
            [] => "it is being deleted".to_owned(),
            reasons => format!("it is being deleted, and {}", reasons.join("; ")),
        },
        (Some(_), names) => format!("its deletion waits for finalizers {}", names.join(", ")),
    };
    format!("{} still exists: {state}", describe(object))
}

/// What a namespace says of what it still holds (kubernetes/kubernetes v1.36
/// `pkg/controller/namespace/deletion/status_condition_utils.go`).
fn held_by(found: &Value) -> Vec<&str> {
    let conditions = found.pointer("/status/conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .filter(|condition| condition["status"] == "True" && found["kind"] == "Namespace")
        .filter_map(|condition| condition["message"].as_str())
        .collect()
}

/// A wait under way.
struct Wait {
    deadline: Duration,
    end: Instant,
    missing: Option<String>,
    looks: u32,
}

impl Wait {
    fn start(deadline: Duration) -> Self {
        let end = Instant::now() + deadline.min(LONGEST);
        Self { deadline, end, missing: None, looks: 0 }
    }

    /// The end of a span that begins now, but not after the deadline.
    fn at_most(&self, span: Duration) -> Instant {
        (Instant::now() + span.min(LONGEST)).min(self.end)
    }

    /// Until when a request may take that begins now.
    fn grace(&self) -> Instant {
        self.end.max(Instant::now() + LOOK_GRACE)
    }

    /// Runs a look; `None` when it does not come to an end.
    async fn bounded<T>(&self, look: impl Future<Output = Poll<T>>) -> Option<Poll<T>> {
        timeout_at(self.grace(), look).await.ok()
    }

    /// Takes a look's result into account; `None` when the wait goes on.
    fn take<T>(
        &mut self,
        found: Option<Poll<T>>,
        on_progress: &mut impl FnMut(&str),
    ) -> Result<Option<T>, WaitError> {
        let unfinished = found.is_none();
        self.looks += u32::from(!unfinished);
        match found {
            Some(Poll::Ready(ready)) => return Ok(Some(ready)),
            Some(Poll::Never { why }) => return Err(WaitError::Never { why }),
            Some(Poll::NotYet { missing }) => self.note(missing, on_progress),
            None => {}
        }
        if unfinished || Instant::now() >= self.end {
            return Err(self.timed_out(unfinished));
        }
        Ok(None)
    }

    fn note(&mut self, missing: String, on_progress: &mut impl FnMut(&str)) {
        if self.missing.as_ref() != Some(&missing) {
            on_progress(&missing);
            self.missing = Some(missing);
        }
    }

    fn timed_out(&mut self, unfinished: bool) -> WaitError {
        let mut missing = self.missing.take().unwrap_or_else(|| "nothing is known yet".to_owned());
        if unfinished {
            missing.push_str(" (and the last look had no answer)");
        }
        WaitError::TimedOut { deadline: self.deadline, missing, looks: self.looks }
    }

    async fn open(&self, watches: &mut Watches) {
        if timeout_at(self.grace().min(Instant::now() + LOOK_GRACE), watches.open()).await.is_err()
        {
            tracing::debug!("the API server did not open a watch in time; looking on without it");
        }
    }
}

/// A duration as a person says it.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(1) {
            write!(f, "{} ms", self.0.as_millis())
        } else if self.0.subsec_millis() == 0 {
            write!(f, "{} s", self.0.as_secs())
        } else {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        }
    }
}

/// How many looks a wait had.
struct Looks(u32);

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str(", without an answer to any look"),
            1 => f.write_str(", one look"),
            looks => write!(f, ", {looks} looks"),
        }
    }
}

#[cfg(test)]
mod tests;
