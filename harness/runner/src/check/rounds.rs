//! Rounds: look, judge, repeat, until the claim holds often enough or its time is over.

use std::time::Duration;

use gateproof_core::event::{ComesAndGoes, Evidence};
use gateproof_core::scenario::Hold;
use gateproof_core::verdict::{Failure, Judgement, Verdict};
use gateproof_kubernetes::{Cluster, wait};
use gateproof_probe::converge::{self, HoldProgress, HoldState, Outcome, Streak};
use tokio::time::Instant;

use super::{Decided, Progress};

/// One look at everything the claim names.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// What does not hold.
    pub(super) judgement: Judgement,
    /// What was seen.
    pub(super) evidence: Evidence,
}

impl Round {
    fn outcome(&self) -> Outcome {
        if self.judgement.failures.is_empty() { Outcome::Fits } else { Outcome::Misfits }
    }

    /// A round that could not look, because of this.
    pub(super) fn without(failure: Failure) -> Self {
        Self { judgement: Judgement { failures: vec![failure] }, evidence: Evidence::default() }
    }
}

/// When rounds are enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// So many rounds in a row must hold. A single lucky answer is no proof of a route that is
    /// still being programmed; the Gateway API's conformance suite asks for three in a row
    /// (kubernetes-sigs/gateway-api v1.6.1, `conformance/utils/config/timeout.go`,
    /// `RequiredConsecutiveSuccesses`).
    pub(super) in_a_row: u32,
    /// After that the claim must go on holding, in every single round.
    pub(super) hold: Option<Hold>,
    /// What a round counts for that does not hold.
    pub(super) misfits: Misfits,
}

/// What a round counts for that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfits {
    /// Nothing, once enough rounds in a row hold: what a trial changed takes its time to arrive.
    Settle,
    /// Much, because nothing is being changed: afterwards very many rounds in a row must hold,
    /// else what fails now and then passes whenever its luck lasts for a moment.
    Count,
}

impl Misfits {
    /// As a cluster calls for it.
    pub(super) fn on(cluster: &dyn Cluster) -> Self {
        if cluster.is_taken_as_it_is() { Self::Count } else { Self::Settle }
    }

    /// How long to wait after a round that does not hold and sent so many probes.
    fn pause(self, probes: u64) -> Duration {
        if self == Self::Count && probes == 0 { PAUSE_OF_READS } else { PAUSE }
    }
}

/// So many rounds in a row must hold after one that did not, where that counts: what fails one time
/// in five then passes one time in a hundred.
const STEADY: u32 = 20;

/// What held at first and then did not has so much time to show whether it does so again.
const AGAIN_WITHIN: Duration = Duration::from_secs(2);

/// How often one look asks each entry point, so that `looks` of them are `wanted` questions.
pub(super) fn repeats(wanted: u32, looks: u32, entries: usize) -> usize {
    let usual = (looks as usize).saturating_mul(entries).max(1);
    (wanted as usize).div_ceil(usual).max(1)
}

/// Whether what is asked of one entry point several times holds only now and then.
pub(super) fn mixed<T>(
    seen: &[T],
    repeats: usize,
    holds: impl Fn(&T) -> bool,
) -> Option<ComesAndGoes> {
    let misfits = |asked: &[T]| asked.iter().filter(|one| !holds(one)).count();
    let is_mixed = seen.chunks(repeats).any(|asked| (1..asked.len()).contains(&misfits(asked)));
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    is_mixed.then(|| ComesAndGoes { misfits: number(misfits(seen)), looks: number(seen.len()) })
}

/// Of each entry point's questions, which come one after the other, the first that does not hold,
/// else the last.
pub(super) fn one_of_each<T>(seen: Vec<T>, repeats: usize, holds: impl Fn(&T) -> bool) -> Vec<T> {
    let mut chosen: Vec<T> = Vec::new();
    for (index, one) in seen.into_iter().enumerate() {
        match chosen.last_mut() {
            Some(last) if index % repeats != 0 => {
                if holds(last) {
                    *last = one;
                }
            }
            _ => chosen.push(one),
        }
    }
    chosen
}

/// Between rounds that do not hold.
const PAUSE: Duration = Duration::from_millis(50);
/// The same where a round only read the API of a cluster that somebody runs: what it says there
/// changes seldom, and a round may be a score of lists.
const PAUSE_OF_READS: Duration = Duration::from_millis(500);

/// Repeats rounds until the policy is satisfied or a round that began when `deadline` had passed
/// does not hold. A round may take long, and what it saw at its beginning may be long out of date
/// at its end: only a look at the end of the time can say that the time was not enough.
///
/// The evidence is that of the last round; its probe count is that of all rounds.
pub(super) async fn decide(
    mut deadline: Instant,
    policy: Policy,
    progress: Progress<'_>,
    mut look: impl AsyncFnMut() -> Round,
) -> Decided {
    let mut streak = Streak::new(policy.in_a_row);
    let mut probes = 0;
    let (mut looks, mut misfits) = (0_u32, 0_u32);
    loop {
        let began = Instant::now();
        let mut round = look().await;
        let pause = policy.misfits.pause(round.evidence.probes);
        probes += round.evidence.probes;
        round.evidence.probes = probes;
        looks += 1;
        let come = streak.record(round.outcome());
        if come == converge::Progress::Converged {
            let held = match policy.hold {
                None => round,
                Some(hold) => keep(hold, round, progress, &mut look).await,
            };
            return Decided { judgement: held.judgement, evidence: held.evidence };
        }
        if let Some(failure) = round.judgement.failures.first() {
            progress(&in_brief(failure));
            // What could not be looked at says nothing of the claim.
            let counts =
                policy.misfits == Misfits::Count && round.judgement.verdict() == Verdict::Failed;
            if counts {
                misfits += 1;
                if misfits == 1 && looks > 1 {
                    deadline = deadline.max(Instant::now() + AGAIN_WITHIN);
                }
                streak.needed = STEADY.max(policy.in_a_row);
            }
            // What is seen at the end of a long round was no different at its beginning where
            // nothing changes.
            let over = began >= deadline || (counts && Instant::now() >= deadline);
            if over {
                let now_and_then = misfits > 0 && misfits < looks;
                let told = now_and_then.then_some(ComesAndGoes { misfits, looks });
                if let Some(told) = told.or(round.evidence.comes_and_goes) {
                    tell_now_and_then(&mut round, told);
                }
                return Decided { judgement: round.judgement, evidence: round.evidence };
            }
            wait::pause(pause).await;
        }
    }
}

/// Keeps looking for as long and as often as `hold` says; the first round that does not hold ends
/// it. The round that is there already is the first of them.
async fn keep(
    hold: Hold,
    mut round: Round,
    progress: Progress<'_>,
    look: &mut impl AsyncFnMut() -> Round,
) -> Round {
    let started = Instant::now();
    let pause = hold.duration / hold.count.max(1);
    let mut following = HoldProgress::new(hold.duration, hold.count);
    progress(&format!(
        "holding for {:.1} s and {} probes",
        hold.duration.as_secs_f64(),
        hold.count
    ));
    loop {
        match following.record(started.elapsed(), round.outcome()) {
            HoldState::Held => return round,
            HoldState::Holding { .. } => {}
            HoldState::Broken { probe, after } => {
                let until_then = format!(
                    "held for {:.1} s and {} probes, then: ",
                    after.as_secs_f64(),
                    probe - 1
                );
                for failure in &mut round.judgement.failures {
                    failure.seen.insert_str(0, &until_then);
                }
                return round;
            }
        }
        wait::pause(pause).await;
        let probes = round.evidence.probes;
        round = look().await;
        round.evidence.probes += probes;
    }
}

/// Says of what failed in some looks and not in others that it does so.
fn tell_now_and_then(round: &mut Round, told: ComesAndGoes) {
    round.evidence.comes_and_goes = Some(told);
    let ComesAndGoes { misfits, looks } = told;
    for failure in &mut round.judgement.failures {
        failure.seen.push_str(", now and then");
    }
    if let Some(first) = round.judgement.failures.first_mut() {
        let hint = format!(
            "this comes and goes: {misfits} of {looks} looks found something that does not hold, \
             and nothing was changed meanwhile; look for one of several backends, Envoys or ways \
             that fails while the others work"
        );
        first.hints.insert(0, hint);
    }
}

/// A failure in one line, for the live display.
fn in_brief(failure: &Failure) -> String {
    format!("{}: expected {}, seen {}", failure.place, failure.expected, failure.seen)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gateproof_core::scenario::Hold;
    use gateproof_core::verdict::{Failure, FailureKind, Verdict};
    use gateproof_kubernetes::wait;
    use tokio::time::Instant;

    use super::{
        Misfits, PAUSE, PAUSE_OF_READS, Policy, Round, decide, mixed, one_of_each, repeats,
    };

    fn failing(seen: &str) -> Round {
        Round::without(Failure {
            kind: FailureKind::Refuted,
            expected: "status 200".to_owned(),
            seen: seen.to_owned(),
            place: "worker 127.1.1.2:80".to_owned(),
            hints: Vec::new(),
        })
    }

    /// Plays rounds from a script (`+` holds, `-` does not; the last one repeats).
    async fn play(script: &str, policy: Policy) -> (Verdict, usize, Vec<Failure>) {
        let mut rounds = 0;
        let deadline = Instant::now() + Duration::from_millis(200);
        let decided = decide(deadline, policy, &mut |_| {}, async || {
            let step = script.as_bytes()[rounds.min(script.len() - 1)];
            rounds += 1;
            let mut round = if step == b'+' { Round::default() } else { failing("status 404") };
            round.evidence.probes = 1;
            round
        })
        .await;
        (decided.judgement.verdict(), rounds, decided.judgement.failures)
    }

    #[test]
    fn looks_ask_often_enough_and_show_of_each_place_what_does_not_hold() {
        assert_eq!((repeats(0, 5, 3), repeats(15, 5, 3), repeats(16, 5, 3)), (1, 1, 2));
        assert_eq!((repeats(688, 5, 3), repeats(1, 3, 0)), (46, 1));
        // Two places, three questions each; what is below 10 does not hold.
        let chosen = one_of_each(vec![11, 2, 3, 14, 15, 16], 3, |seen| *seen > 9);
        assert_eq!(chosen, [2, 16]);
        assert_eq!(one_of_each(vec![1, 12], 1, |seen| *seen > 9), [1, 12]);
        let holds = |seen: &i32| *seen > 9;
        let told = mixed(&[11, 2, 3, 14, 15, 16], 3, holds).expect("one place is mixed");
        assert_eq!((told.misfits, told.looks), (2, 6));
        // One place is dead, which is no matter of luck.
        assert_eq!(mixed(&[1, 2, 3, 14, 15, 16], 3, holds), None);
        assert_eq!(mixed(&[1, 12], 1, holds), None);
    }

    #[test]
    fn an_api_of_somebodys_cluster_is_read_seldom_and_sockets_are_asked_often() {
        assert_eq!(Misfits::Count.pause(0), PAUSE_OF_READS);
        assert_eq!(Misfits::Count.pause(1), PAUSE);
        assert_eq!(Misfits::Settle.pause(0), PAUSE, "a trial changes what it reads");
    }

    #[tokio::test]
    async fn one_lucky_round_is_no_proof() {
        let policy = Policy { in_a_row: 3, hold: None, misfits: Misfits::Settle };
        let (verdict, rounds, _) = play("+-++-+++", policy).await;
        assert_eq!((verdict, rounds), (Verdict::Passed, 8));
    }

    #[tokio::test]
    async fn what_comes_and_goes_where_nothing_changes_fails_and_says_so() {
        let counting = Policy { in_a_row: 3, hold: None, misfits: Misfits::Count };
        let lasting = |script: &str| script.repeat(200);
        let (verdict, _, failures) = play(&lasting("+++++-"), counting).await;
        assert_eq!(verdict, Verdict::Passed, "three in a row come before the first misfit");
        assert!(failures.is_empty());
        let (verdict, _, failures) = play(&lasting("+-+++++"), counting).await;
        assert_eq!(verdict, Verdict::Failed);
        assert_eq!(failures[0].seen, "status 404, now and then");
        assert!(failures[0].hints[0].contains("looks found something"), "{failures:?}");
        // A single misfit that never comes again.
        let (verdict, rounds, _) = play("-+", counting).await;
        assert_eq!((verdict, rounds), (Verdict::Passed, 21));
        let settling = Policy { misfits: Misfits::Settle, ..counting };
        assert_eq!(play(&lasting("+-+++++"), settling).await.0, Verdict::Passed);
        let (_, _, failures) = play("-", counting).await;
        assert_eq!(failures[0].seen, "status 404", "it never held");
    }

    #[tokio::test]
    async fn what_never_holds_fails_with_the_last_thing_seen() {
        let (verdict, _, failures) =
            play("+-", Policy { in_a_row: 2, hold: None, misfits: Misfits::Settle }).await;
        assert_eq!(verdict, Verdict::Failed);
        assert_eq!(failures[0].seen, "status 404");
    }

    #[tokio::test]
    async fn a_round_that_outlasts_the_deadline_is_not_the_last_word() {
        let deadline = Instant::now() + Duration::from_millis(20);
        let mut rounds = 0;
        let policy = Policy { in_a_row: 3, hold: None, misfits: Misfits::Settle };
        let decided = decide(deadline, policy, &mut |_| {}, async || {
            rounds += 1;
            if rounds > 1 {
                return Round::default();
            }
            wait::pause_until(deadline + Duration::from_millis(1)).await;
            failing("no TCP connection: refused")
        })
        .await;
        assert_eq!((decided.judgement.verdict(), rounds), (Verdict::Passed, 4));
    }

    #[tokio::test]
    async fn a_held_claim_fails_on_the_first_violation() {
        let hold = Hold { duration: Duration::from_millis(20), count: 4 };
        let policy = Policy { in_a_row: 1, hold: Some(hold), misfits: Misfits::Settle };
        let (verdict, _, failures) = play("+++-+", policy).await;
        assert_eq!(verdict, Verdict::Failed);
        assert!(failures[0].seen.contains("and 3 probes, then: status 404"), "{failures:?}");
        let (verdict, rounds, _) = play("+", policy).await;
        assert_eq!(verdict, Verdict::Passed);
        assert!(rounds >= 4, "the count is a minimum: {rounds}");
    }
}
