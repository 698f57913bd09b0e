//! Rounds, medians and ratios.

use std::time::{Duration, Instant};

/// The durations of some rounds.
#[derive(Debug, Clone)]
pub(crate) struct Rounds {
    sorted: Vec<Duration>,
}

impl Rounds {
    /// The middle one.
    pub(crate) fn median(&self) -> Duration {
        self.sorted[self.sorted.len() / 2]
    }

    /// How many times as long as another measurement, by their medians.
    pub(crate) fn ratio_to(&self, other: &Rounds) -> f64 {
        self.median().as_secs_f64() / other.median().as_secs_f64()
    }
}

impl std::fmt::Display for Rounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [first, last] =
            [self.sorted.first(), self.sorted.last()].map(|end| end.copied().unwrap_or_default());
        write!(f, "{:>10.2?} ({first:.2?} to {last:.2?})", self.median())
    }
}

/// Runs two things in turn, so that both see the same machine; one round of each is not counted.
pub(crate) fn in_turn(
    rounds: usize,
    mut one: impl FnMut(),
    mut other: impl FnMut(),
) -> (Rounds, Rounds) {
    let mut times = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let pair = (timed(&mut one), timed(&mut other));
        if round > 0 {
            times.0.push(pair.0);
            times.1.push(pair.1);
        }
    }
    (sorted(times.0), sorted(times.1))
}

fn timed(run: &mut impl FnMut()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}

fn sorted(mut times: Vec<Duration>) -> Rounds {
    times.sort();
    Rounds { sorted: times }
}
