//! The order in which findings are told.
//!
//! By rank: causes before what takes part, what is certain before what is likely, then by number.
//! And a cause whose consequence another cause is comes before it, whatever its number: a rule says
//! which objects' state its finding accounts for ([`Firing::accounts_for`](super::Firing)) and on
//! which objects' state its own evidence rests ([`Firing::rests_on`](super::Firing)); where these
//! meet, the one is why the other is there.

use super::{Finding, Role};

/// A finding, and how it hangs together with others.
#[derive(Debug)]
pub(super) struct Linked {
    /// The finding.
    pub(super) finding: Finding,
    /// The objects whose state it accounts for.
    pub(super) accounts_for: Vec<String>,
    /// The objects whose state its evidence rests on.
    pub(super) rests_on: Vec<String>,
}

impl Linked {
    /// Whether this is why another is there.
    fn explains(&self, other: &Self) -> bool {
        self.finding.role == Role::Cause
            && other.finding.role == Role::Cause
            && self.accounts_for.iter().any(|object| other.rests_on.contains(object))
    }
}

/// Findings in order.
pub(super) fn in_order(mut linked: Vec<Linked>) -> Vec<Finding> {
    linked.sort_by(|one, other| {
        let (one, other) = (&one.finding, &other.finding);
        (one.role, one.confidence, &one.rule).cmp(&(other.role, other.confidence, &other.rule))
    });
    let mut told = vec![Told::NotYet; linked.len()];
    let mut order = Vec::with_capacity(linked.len());
    for index in 0..linked.len() {
        tell(index, &linked, &mut told, &mut order);
    }
    let mut findings: Vec<Option<Finding>> =
        linked.into_iter().map(|one| Some(one.finding)).collect();
    order.into_iter().filter_map(|index| findings[index].take()).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    NotYet,
    Begun,
    Done,
}

/// Tells a finding after all that explain it. Two that explain each other stay as they are.
fn tell(index: usize, linked: &[Linked], told: &mut [Told], order: &mut Vec<usize>) {
    if told[index] != Told::NotYet {
        return;
    }
    told[index] = Told::Begun;
    for (before, one) in linked.iter().enumerate() {
        if before != index && one.explains(&linked[index]) {
            tell(before, linked, told, order);
        }
    }
    told[index] = Told::Done;
    order.push(index);
}

#[cfg(test)]
mod tests {
    use super::{Linked, in_order};
    use crate::finding::{Confidence, Finding, Role, RuleId};

    fn linked(
        id: &str,
        role: Role,
        confidence: Confidence,
        accounts_for: &[&str],
        rests_on: &[&str],
    ) -> Linked {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let finding = Finding {
            rule: RuleId(id.to_owned()),
            title: String::new(),
            role,
            confidence,
            subjects: Vec::new(),
            seen: Vec::new(),
            inferred: Vec::new(),
            remedy: Vec::new(),
            issues: Vec::new(),
        };
        Linked { finding, accounts_for: owned(accounts_for), rests_on: owned(rests_on) }
    }

    fn told(findings: Vec<Linked>) -> Vec<String> {
        in_order(findings).iter().map(|finding| finding.rule.to_string()).collect()
    }

    use Confidence::{Certain, Likely};
    use Role::{Cause, Contributing};

    #[test]
    fn a_cause_comes_before_what_follows_from_it_and_else_by_rank_and_number() {
        let secret = || linked("GP0005", Cause, Certain, &[], &["Secret a/b"]);
        let issuance = || linked("GP0026", Cause, Certain, &["Secret a/b"], &["Certificate a/b"]);
        let update = |certificate| linked("GP0060", Cause, Likely, &[certificate], &[]);
        let other = || linked("GP0001", Cause, Certain, &[], &[]);
        assert_eq!(
            told(vec![update("Certificate a/b"), issuance(), secret(), other()]),
            ["GP0001", "GP0060", "GP0026", "GP0005"]
        );
        assert_eq!(
            told(vec![update("Certificate a/c"), issuance(), secret()]),
            ["GP0026", "GP0005", "GP0060"],
            "the challenge of another Certificate explains nothing of this one"
        );
    }

    #[test]
    fn what_only_takes_part_is_pulled_before_nothing() {
        let part = linked("GP0060", Contributing, Certain, &["Certificate a/b"], &[]);
        let issuance = linked("GP0026", Cause, Certain, &[], &["Certificate a/b"]);
        assert_eq!(told(vec![part, issuance]), ["GP0026", "GP0060"]);
    }

    #[test]
    fn findings_that_explain_each_other_are_each_told_once() {
        let one = linked("GP0001", Cause, Certain, &["a"], &["b"]);
        let other = linked("GP0002", Cause, Certain, &["b"], &["a"]);
        let mut both = told(vec![one, other]);
        both.sort();
        assert_eq!(both, ["GP0001", "GP0002"]);
    }
}
