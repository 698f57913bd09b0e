//! Four clusters at once: no race for names, ports or the network; and what it gains over one after
//! the other, printed and not judged.

use std::collections::BTreeSet;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::name::ClusterName;
use gateproof_core::plan::Plan;
use gateproof_core::report::{BringUp, ExitCode, exit_code};
use libtest_mimic::Failed;

use crate::Work;
use crate::bench::{Bench, plan_of, planned};

const CLUSTERS: usize = 4;

pub(crate) fn tests() -> Vec<(String, Work)> {
    vec![
        ("four_clusters_come_up_side_by_side".to_owned(), Box::new(four_at_once)),
        ("one_scenario_is_run_twice_at_the_same_time".to_owned(), Box::new(twice_at_once)),
    ]
}

fn twice_at_once(bench: &Bench) -> Result<(), Failed> {
    let mut plan = planned("canary")?;
    plan.clusters.retain(|cluster| cluster.trials[0].name.as_str().contains("/cilium-1.20"));
    plan.clusters.truncate(1);
    let plans = ["one", "other"].map(|run| {
        let run = format!("{run}-{}", std::process::id());
        plan.clone().of_run(&run)
    });
    let reports = std::thread::scope(|scope| {
        let runs = plans.each_ref().map(|plan| scope.spawn(|| bench.run(plan, 1)));
        runs.map(|run| run.join().map_err(|_| Failed::from("a panic")).flatten())
    });
    let mut trials = BTreeSet::new();
    for (ran, plan) in reports.into_iter().zip(&plans) {
        let ran = ran?;
        if exit_code(&ran.report) != ExitCode::Passed {
            return Err(gateproof_report::failures(&ran.report).into());
        }
        trials.insert(format!("{:?}", ran.report.trials[0].summary.trial));
        bench.must_be_gone(plan)?;
    }
    if trials.len() != 1 {
        return Err(format!("the trial has several names: {trials:?}").into());
    }
    Ok(())
}

fn four_at_once(bench: &Bench) -> Result<(), Failed> {
    // The manifest of definitions is that of a recent Gateway API, which Cilium 1.20 wants.
    let one = plan_of("canary", &["/cilium-1.20"])?.clusters.remove(0);
    let four = (0..CLUSTERS).map(|index| {
        let mut cluster = one.clone();
        cluster.name = ClusterName::new(format!("{}-{index}", one.name));
        // A trial's name is unique in a run.
        for trial in &mut cluster.trials {
            trial.name = gateproof_core::name::TrialName::new(format!("{}-{index}", trial.name));
        }
        cluster
    });
    let plan = Plan { provider: ProviderKind::Kind, clusters: four.collect() };
    let together = bench.run(&plan, CLUSTERS)?;
    for cluster in &together.report.clusters {
        if !matches!(cluster.bring_up, BringUp::Ready { .. }) {
            return Err(format!("{}: {:?}", cluster.name, cluster.bring_up).into());
        }
    }
    if exit_code(&together.report) != ExitCode::Passed {
        return Err(gateproof_report::failures(&together.report).into());
    }
    let addresses: Vec<_> = together
        .report
        .clusters
        .iter()
        .flat_map(|cluster| cluster.nodes.iter().flat_map(|node| node.addresses.clone()))
        .collect();
    let distinct: BTreeSet<_> = addresses.iter().collect();
    if distinct.len() != addresses.len() {
        return Err(format!("nodes share addresses: {addresses:?}").into());
    }
    bench.must_be_gone(&plan)?;
    let in_turn = bench.run(&plan, 1)?;
    let ratio = in_turn.took.as_secs_f64() / together.took.as_secs_f64();
    eprintln!(
        "four clusters: {:.1} s side by side, {:.1} s one after the other, ratio {ratio:.2}",
        together.took.as_secs_f64(),
        in_turn.took.as_secs_f64()
    );
    bench.must_be_gone(&plan)
}
