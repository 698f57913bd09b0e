//! At which version of Cilium trials run here: a cluster has one, and a scenario names those that
//! it was written for.
//!
//! A trial for another version is taken where nothing that is known tells the two apart, because
//! then what the scenario expects holds as well; where something does, it may be expected of the
//! wrong version, and a user has to want that. Pure: plans become plans.

use std::collections::BTreeSet;

use gateproof_core::cilium::CiliumVersion;
use gateproof_core::plan::{ClusterPlan, Plan, TrialPlan};
use gateproof_model::facts::{Behaviour, FACTS, covers, holds};

/// So many differences are named; of more, the number.
const NAMED: usize = 4;

/// What becomes of trials for other versions than the one that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// They are left out where the versions are known to differ.
    SameBehaviour,
    /// They are taken in any case.
    AnyVersion,
}

/// A plan for the version that runs.
#[derive(Debug, Clone, PartialEq)]
pub struct AtVersion {
    /// The trials at the version that runs, or, left out later, at one that differs.
    pub plan: Plan,
    /// What was changed of them, in words.
    pub notes: Vec<String>,
}

/// Takes, of the trials of each scenario and variant, one for the version that runs: its own, or
/// one of a version that behaves the same. Where there is none, the nearest stays as it is, to be
/// told as what does not fit.
pub fn at(plan: &Plan, runs: &CiliumVersion, tolerance: Tolerance) -> AtVersion {
    let (mut clusters, mut notes): (Vec<ClusterPlan>, Vec<String>) = (Vec::new(), Vec::new());
    let mut told = BTreeSet::new();
    for cluster in &plan.clusters {
        let Some(trial) = cluster.trials.first() else { continue };
        if !told.insert((trial.scenario.clone(), trial.variant.clone())) {
            continue;
        }
        let alike = plan
            .clusters
            .iter()
            .filter(|other| other.trials.first().is_some_and(|other| is_alike(trial, other)));
        let nearest = alike.min_by_key(|other| distance(other, runs));
        let Some(nearest) = nearest else { continue };
        let mut taken = nearest.clone();
        for trial in &mut taken.trials {
            let differing = differences(&trial.cilium, runs);
            let wanted = tolerance == Tolerance::AnyVersion;
            if trial.cilium == *runs || !(wanted || differing == Some(Vec::new())) {
                continue;
            }
            notes.push(format!(
                "{} runs on Cilium {runs}, {}",
                trial.name,
                in_words(differing.as_deref())
            ));
            *trial = trial.at_version(runs);
        }
        clusters.push(taken);
    }
    AtVersion { plan: Plan { provider: plan.provider, clusters }, notes }
}

/// Why a trial for one version is not taken on another.
pub fn misfit(wanted: &CiliumVersion, runs: &CiliumVersion) -> String {
    let how = match differences(wanted, runs) {
        Some(differing) if differing.len() <= NAMED => {
            format!("they differ in {}", names(&differing))
        }
        Some(differing) => format!("they differ in {} known ways", differing.len()),
        None => "how they differ is not known".to_owned(),
    };
    format!(
        "Cilium {wanted} is wanted, and {runs} runs; {how} (`gateproof facts {wanted} {runs}`), and \
         what the scenario expects may hold for one of them alone; --any-version takes it nonetheless"
    )
}

fn is_alike(trial: &TrialPlan, other: &TrialPlan) -> bool {
    trial.scenario == other.scenario && trial.variant == other.variant
}

fn distance(cluster: &ClusterPlan, runs: &CiliumVersion) -> (bool, usize) {
    let wanted = cluster.trials.first().map(|trial| &trial.cilium);
    let differing = wanted.and_then(|wanted| differences(wanted, runs));
    (wanted != Some(runs), differing.map_or(usize::MAX, |differing| differing.len()))
}

/// The behaviours that one of two versions has and the other has not; `None` when one of them is
/// not known at all.
fn differences(one: &CiliumVersion, other: &CiliumVersion) -> Option<Vec<Behaviour>> {
    let known = covers(one) && covers(other);
    known.then(|| {
        let differ = |behaviour: &Behaviour| holds(one, *behaviour) != holds(other, *behaviour);
        FACTS.iter().map(|fact| fact.behaviour).filter(differ).collect()
    })
}

fn in_words(differing: Option<&[Behaviour]>) -> String {
    match differing {
        Some([]) => "which nothing that is known tells apart from that".to_owned(),
        Some(differing) => format!(
            "which behaves differently ({}): what the scenario expects may be wrong there",
            names(differing)
        ),
        None => {
            "of which nothing is known: what the scenario expects may be wrong there".to_owned()
        }
    }
}

fn names(behaviours: &[Behaviour]) -> String {
    behaviours.iter().map(|behaviour| behaviour.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{differences, misfit};

    fn version(text: &str) -> gateproof_core::cilium::CiliumVersion {
        text.parse().expect("a version")
    }

    #[test]
    fn patch_releases_are_the_same_only_where_nothing_changed_between_them() {
        for (one, other, same) in [
            ("1.20.2", "1.20.3", true),
            ("1.20.2", "1.20.2", true),
            ("1.18.7", "1.18.8", false),
            ("1.20.0", "1.20.2", false),
            ("1.18.10", "1.20.2", false),
            ("1.20.2", "1.30.0", false),
        ] {
            let found = differences(&version(one), &version(other));
            assert_eq!(found == Some(Vec::new()), same, "{one} {other}: {found:?}");
        }
    }

    #[test]
    fn a_misfit_says_how_to_look_and_how_to_run_it_nonetheless() {
        let told = misfit(&version("1.20.2"), &version("1.18.10"));
        for part in ["1.20.2 is wanted, and 1.18.10 runs", "gateproof facts", "--any-version"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
