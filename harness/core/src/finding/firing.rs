//! What a rule found, put together piece by piece.

use std::fmt::Display;

use super::{Confidence, Role, Seen};
use crate::dossier::Dossier;
use crate::finding::releases::Releases;

/// What a rule found in a dossier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// What it is to the failure.
    pub role: Role,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// What it is about, such as `Gateway gateway/shared-gateway`, `node worker2`.
    pub subjects: Vec<String>,
    /// What was read, each with its source.
    pub seen: Vec<Seen>,
    /// What follows from it and was not measured.
    pub inferred: Vec<String>,
    /// What to do here, before the rule's general remedy.
    pub remedy: Vec<String>,
    /// Objects whose state this accounts for, such as `Certificate shop/shop-tls`.
    pub accounts_for: Vec<String>,
    /// Objects whose state the evidence rests on: whatever accounts for one of them is told first.
    pub rests_on: Vec<String>,
}

impl Firing {
    /// A firing of which nothing is told yet.
    pub fn new(role: Role, confidence: Confidence) -> Self {
        Self {
            role,
            confidence,
            subjects: Vec::new(),
            seen: Vec::new(),
            inferred: Vec::new(),
            remedy: Vec::new(),
            accounts_for: Vec::new(),
            rests_on: Vec::new(),
        }
    }

    /// Says what it is about; what was said before stays.
    #[must_use]
    pub fn about(mut self, subject: impl Display) -> Self {
        let subject = subject.to_string();
        if !self.subjects.contains(&subject) {
            self.subjects.push(subject);
        }
        self
    }

    /// Says of an object that its state is due to this.
    #[must_use]
    pub fn accounts_for(mut self, object: impl Display) -> Self {
        self.accounts_for.push(object.to_string());
        self
    }

    /// Says of an object that its state is what shows this.
    #[must_use]
    pub fn rests_on(mut self, object: impl Display) -> Self {
        self.rests_on.push(object.to_string());
        self
    }

    /// Cites what was read, and where.
    #[must_use]
    pub fn seen(mut self, what: impl Display, source: impl Display) -> Self {
        let seen = Seen { what: what.to_string(), source: source.to_string() };
        if !self.seen.contains(&seen) {
            self.seen.push(seen);
        }
        self
    }

    /// Cites several things that were read.
    #[must_use]
    pub fn seen_all(mut self, all: impl IntoIterator<Item = Seen>) -> Self {
        for Seen { what, source } in all {
            self = self.seen(what, source);
        }
        self
    }

    /// Says what follows and was not measured.
    #[must_use]
    pub fn inferred(mut self, text: impl Display) -> Self {
        self.inferred.push(text.to_string());
        self
    }

    /// Says what to do here.
    #[must_use]
    pub fn remedy(mut self, text: impl Display) -> Self {
        self.remedy.push(text.to_string());
        self
    }

    /// Holds it to releases of Cilium: `None` on others; one step less sure, and said so, where the
    /// release is not known.
    #[must_use]
    pub fn on(mut self, dossier: &Dossier, releases: Releases) -> Option<Self> {
        if let Some(version) = &dossier.versions.cilium {
            return releases.hold(version).then_some(self);
        }
        self.confidence = self.confidence.less();
        Some(self.inferred(format!("Cilium's version is not known; this holds for {releases}")))
    }
}

impl Confidence {
    /// One step less sure.
    #[must_use]
    pub fn less(self) -> Self {
        match self {
            Self::Certain => Self::Likely,
            Self::Likely | Self::Possible => Self::Possible,
        }
    }
}
