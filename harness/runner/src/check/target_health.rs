//! Target health claims: real TCP checks drive the state machine of a load balancer.
//!
//! Every target is checked on its own schedule, on the load balancer's clock; wall time is that
//! clock divided by the claim's compression. No verdict falls before targets had the time to
//! become unhealthy: `healthy` after one lucky check is no proof.

use std::net::SocketAddr;
use std::time::Duration;

use gateproof_core::cluster::Node;
use gateproof_core::entry::EntryPoint;
use gateproof_core::event::{Evidence, Target, TargetReport};
use gateproof_core::health::{self, CheckOutcome, Clock, Machine, Settings};
use gateproof_core::judge::{self, RegisteredTarget};
use gateproof_core::name::NodeName;
use gateproof_core::scenario::{Pace, TargetHealthClaim};
use gateproof_core::verdict::Judgement;
use gateproof_kubernetes::wait;
use gateproof_probe::{ProbeError, Prober, TcpProbe};
use tokio::time::Instant;

use super::place::{self, Unreadable};
use super::rounds::{self, Misfits, Policy, Round};
use super::{Circumstances, Decided, Progress};
use crate::step::undecided;

pub(super) async fn decide(
    circumstances: &Circumstances<'_>,
    claim: &TargetHealthClaim,
    progress: Progress<'_>,
) -> Decided {
    let clock = match Clock::new(claim.pace) {
        Ok(clock) => clock,
        Err(error) => {
            let failure = undecided("a compression that time allows", &error.to_string());
            return Decided {
                judgement: Judgement { failures: vec![failure] },
                evidence: Evidence::default(),
            };
        }
    };
    // A load balancer registers targets once they exist; until then there is nothing to check.
    let mut registered = None;
    let policy = Policy { in_a_row: 1, hold: None, misfits: Misfits::Settle };
    let found =
        rounds::decide(circumstances.deadline, policy, progress, async || {
            match register(circumstances, claim).await {
                Ok(targets) => {
                    registered = Some(targets);
                    Round::default()
                }
                Err(failure) => Round::without(*failure),
            }
        })
        .await;
    match registered {
        Some(targets) => watch(circumstances, claim, clock, targets, progress).await,
        None => found,
    }
}

/// One target under watch.
struct Watched {
    point: EntryPoint,
    socket: SocketAddr,
    machine: Machine,
    /// When the next check starts, on the load balancer's clock.
    next: Duration,
    checks: u64,
}

/// Which checks are due: those until then, and no more than so many in all.
#[derive(Clone, Copy)]
struct Schedule<'a> {
    claim: &'a TargetHealthClaim,
    clock: Clock,
    started: Instant,
    until: Instant,
    checks: u64,
}

async fn register(
    circumstances: &Circumstances<'_>,
    claim: &TargetHealthClaim,
) -> Result<Vec<Watched>, Unreadable> {
    let now = place::gateway_now(circumstances, &claim.gateway).await?;
    let points =
        now.site().targets(claim.targets, &claim.nodes).map_err(|none| Box::new(none.failure()))?;
    let mut targets = Vec::new();
    for point in points {
        let socket = place::socket(circumstances, point.address, point.port)?;
        let mut machine = Machine::new(claim.settings.clone(), Duration::ZERO);
        let next = machine.next_check(Duration::ZERO);
        targets.push(Watched { point, socket, machine, next, checks: 0 });
    }
    Ok(targets)
}

/// After so many checks a target that always passes is healthy and one that always fails is not:
/// a verdict before that would rest on luck.
fn enough(settings: &Settings) -> u64 {
    u64::from(settings.initial_passes.max(settings.unhealthy_threshold).max(1))
}

async fn watch(
    circumstances: &Circumstances<'_>,
    claim: &TargetHealthClaim,
    clock: Clock,
    mut targets: Vec<Watched>,
    progress: Progress<'_>,
) -> Decided {
    let started = Instant::now();
    let mut until = started + clock.settled_by(&claim.settings);
    let mut checks = enough(&claim.settings);
    let asker = circumstances.cluster.prober();
    loop {
        progress(&in_words(claim, clock, &targets));
        let schedule = Schedule { claim, clock, started, until, checks };
        let watching = targets.iter_mut().map(|target| target.watch(&*asker, schedule));
        if let Err(error) = futures_util::future::try_join_all(watching).await {
            let failures = vec![place::unasked(&error)];
            let evidence = Evidence::default();
            return Decided { judgement: Judgement { failures }, evidence };
        }
        let judgement = judge_now(circumstances, claim, &targets);
        // On a busy machine checks begin late; a target with too few of them is not given up.
        let watched = targets.iter().all(|target| target.checks >= enough(&claim.settings));
        let over = watched && Instant::now() >= circumstances.deadline;
        if judgement.failures.is_empty() || over {
            let probes = targets.iter().map(|target| target.checks).sum();
            let targets = Some(report(claim, clock, &targets));
            let evidence = Evidence { targets, probes, ..Evidence::default() };
            return Decided { judgement, evidence };
        }
        until += clock.wall(claim.settings.interval);
        checks += 1;
    }
}

impl Watched {
    /// The target as events tell it.
    fn told(&self) -> Target {
        self.machine.target(&*self.point.place, self.point.zone.as_deref())
    }

    /// Makes the checks that are due.
    async fn watch(
        &mut self,
        prober: &dyn Prober,
        schedule: Schedule<'_>,
    ) -> Result<(), ProbeError> {
        let Schedule { claim, clock, started, until, checks } = schedule;
        while self.checks < checks {
            let due = started + clock.wall(self.next);
            if due > until {
                wait::pause_until(until).await;
                return Ok(());
            }
            wait::pause_until(due).await;
            let began = clock.load_balancer(started.elapsed());
            let timeout = clock.probe_timeout(&claim.settings);
            let seen = prober.tcp(&TcpProbe { socket: self.socket, timeout }).await?;
            let ended = clock.check_ended(&claim.settings, began, seen.took);
            self.machine.record(ended, CheckOutcome::from(&seen.outcome));
            self.checks += 1;
            self.next = self.machine.next_check(clock.load_balancer(started.elapsed()));
        }
        Ok(())
    }
}

fn report(claim: &TargetHealthClaim, clock: Clock, targets: &[Watched]) -> TargetReport {
    let told = targets.iter().map(Watched::told).collect();
    health::report(&claim.profile, &claim.settings, clock, told)
}

fn judge_now(
    circumstances: &Circumstances<'_>,
    claim: &TargetHealthClaim,
    targets: &[Watched],
) -> Judgement {
    let nodes = circumstances.cluster.nodes();
    let host_network = &circumstances.plan.config.host_network;
    let names = |chosen: &dyn Fn(&Node) -> bool| -> Vec<NodeName> {
        nodes.iter().filter(|node| chosen(node)).map(|node| node.name.clone()).collect()
    };
    let registered = names(&|node| claim.nodes.matches(node));
    // Without host network every node carries traffic.
    let selected = names(&|node| !host_network.is_on() || host_network.selects(&node.labels));
    let told: Vec<Target> = targets.iter().map(Watched::told).collect();
    let seen: Vec<RegisteredTarget<'_>> = targets
        .iter()
        .zip(&told)
        .map(|(watched, target)| RegisteredTarget { point: &watched.point, target })
        .collect();
    judge::target_health(claim, &seen, &registered, &selected)
}

fn in_words(claim: &TargetHealthClaim, clock: Clock, targets: &[Watched]) -> String {
    let healthy =
        targets.iter().filter(|target| target.machine.state() == health::State::Healthy).count();
    let pace = match claim.pace {
        Pace::RealTime => "in real time".to_owned(),
        Pace::Compressed(_) => format!("{} times faster than real time", clock.factor()),
    };
    format!("watching {} targets {pace}, {healthy} healthy so far", targets.len())
}
