//! Judging: a claim and what was observed become a [`Judgement`].
//!
//! Every function here judges one state of the world: an object as it is now, an observation as
//! it was made. Whether a claim that does not hold yet may still come true is not decided here;
//! the runner asks again until it holds or its deadline passes, and the last judgement is told.
//!
//! A failure is *refuted* when something answered and it was not what was claimed. It is
//! *undecided* when the harness did not find out, and then it is never a pass. Nothing holds
//! vacuously: no entry point, no parent, no target and no request is a failure.
//!
//! Hints say what to look at next, most useful first. They do not assert what was not measured;
//! in particular the placeholder endpoint of a Gateway's Service is on every healthy Gateway and
//! is never named as a cause (cilium/cilium, 1.14 to 1.20:
//! `operator/pkg/model/translation/gateway-api/translator.go`).

mod claim;

mod condition;
mod gateway;

mod route;

mod routes;

mod service;

mod certificate;

mod http;

mod response;

mod carried;

mod tls;

mod distribution;

mod tcp;

mod passthrough;

mod addresses;

mod everywhere;

mod exposure;

mod target_health;

mod hint;

pub use addresses::addresses;
pub use certificate::certificate;
pub use claim::claim_text;
pub use distribution::distribution;
pub use exposure::{expected_cells, exposure};
pub use gateway::gateway;
pub use http::{http, http_everywhere};
pub use passthrough::passthrough;
pub use route::route;
pub use routes::routes;
pub use service::service;
pub use target_health::{RegisteredTarget, target_health};
pub use tcp::{tcp, tcp_everywhere};

use crate::verdict::{Failure, FailureKind, Judgement};

impl From<Vec<Failure>> for Judgement {
    fn from(failures: Vec<Failure>) -> Self {
        Self { failures }
    }
}

/// The claim does not hold: something was seen, and it was something else.
fn refuted(
    place: impl Into<String>,
    expected: impl Into<String>,
    seen: impl Into<String>,
    hints: Vec<String>,
) -> Failure {
    Failure {
        kind: FailureKind::Refuted,
        expected: expected.into(),
        seen: seen.into(),
        place: place.into(),
        hints,
    }
}

/// The harness did not find out.
fn undecided(
    place: impl Into<String>,
    expected: impl Into<String>,
    seen: impl Into<String>,
    hints: Vec<String>,
) -> Failure {
    Failure { kind: FailureKind::Undecided, ..refuted(place, expected, seen, hints) }
}

/// Hints from literals.
fn hints(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Items in a message: `a, b`, or `none`.
fn list<T: AsRef<str>>(items: &[T]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
