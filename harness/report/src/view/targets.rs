//! Target health as a table: the state and reason in AWS's words, for comparison with
//! `describe-target-health`, and beside them the finer cause, which AWS does not tell.
//!
//! Times are those of the load balancer's clock. When time was compressed, they are no finer than
//! compression allows: a moment of this machine would otherwise pass for a second of the load
//! balancer's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gateproof_core::event::{Target, TargetReport};

use crate::layout::{Table, Text, Tone};
use crate::view::duration::human;
use crate::view::measured::Shown;
use crate::view::trials::count;

/// By how much a busy machine may be late with a probe. Multiplied by the compression it is what a
/// time on the load balancer's clock cannot tell apart.
const LATENESS: Duration = Duration::from_millis(50);

/// Profile, settings and, as a part of them, how time ran.
pub(crate) fn settings(report: &TargetReport) -> String {
    format!("{}: {}", report.profile, report.settings)
}

/// The targets in one line: `4 of 10 targets healthy, 6 unhealthy (Target.FailedHealthChecks)`.
pub(crate) fn summary(report: &TargetReport) -> String {
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for target in report.targets.iter().filter(|target| target.state != "healthy") {
        *others.entry(state_and_reason(target)).or_default() += 1;
    }
    let healthy = report.targets.len() - others.values().sum::<usize>();
    let all = format!("{healthy} of {} healthy", count(report.targets.len(), "target"));
    let others = others.into_iter().map(|(state, number)| format!("{number} {state}"));
    std::iter::once(all).chain(others).collect::<Vec<_>>().join(", ")
}

/// Makes the table of a target report; targets that say the same are put together unless all is
/// to be shown.
pub(crate) fn table(report: &TargetReport, shown: Shown) -> Table {
    let zoned = report.targets.iter().any(|target| target.zone.is_some());
    let mut head = vec!["target"];
    if zoned {
        head.push("zone");
    }
    head.extend(["state (reason)", "cause", "after"]);
    let groups = match shown {
        Shown::Whole => report.targets.iter().map(|target| vec![target]).collect(),
        Shown::Brief => groups(&report.targets),
    };
    let row = |group: &Vec<&Target>| {
        let first = group[0];
        let mut row = vec![Text::plain(places(group))];
        if zoned {
            let names: BTreeSet<_> =
                group.iter().map(|target| target.zone.as_deref().unwrap_or("-")).collect();
            row.push(Text::plain(names.into_iter().collect::<Vec<_>>().join(", ")));
        }
        row.push(Text::new(tone_of(&first.state), state_and_reason(first)));
        row.push(Text::plain(first.cause.as_deref().unwrap_or("-")));
        row.push(Text::plain(reached(group, report.compression)));
        row
    };
    Table {
        head: head.into_iter().map(ToOwned::to_owned).collect(),
        rows: groups.iter().map(row).collect(),
    }
}

/// Targets on one port that ended alike, each group where its first target is.
fn groups(targets: &[Target]) -> Vec<Vec<&Target>> {
    let mut groups: Vec<Vec<&Target>> = Vec::new();
    for target in targets {
        let alike = |group: &&mut Vec<&Target>| {
            let first = group[0];
            port(first).is_some()
                && port(first) == port(target)
                && (&first.state, &first.reason, &first.cause)
                    == (&target.state, &target.reason, &target.cause)
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.push(target),
            None => groups.push(vec![target]),
        }
    }
    groups
}

/// The port and its role, from a place such as `worker 127.9.0.3:31080 (node port of 80)`.
fn port(target: &Target) -> Option<&str> {
    let (_, socket) = target.place.split_once(' ')?;
    socket.rsplit_once(':').map(|(_, port)| port)
}

fn places(group: &[&Target]) -> String {
    match (group, port(group[0])) {
        ([_, _, ..], Some(port)) => {
            let nodes: Vec<_> =
                group.iter().filter_map(|target| target.place.split_once(' ')).collect();
            let nodes: Vec<_> = nodes.into_iter().map(|(node, _)| node).collect();
            format!("{} nodes on {port}: {}", nodes.len(), nodes.join(", "))
        }
        _ => group[0].place.clone(),
    }
}

fn state_and_reason(target: &Target) -> String {
    match &target.reason {
        Some(reason) => format!("{} ({reason})", target.state),
        None => target.state.clone(),
    }
}

/// When the targets of a group reached their states: a time, or from when to when.
fn reached(group: &[&Target], compression: f64) -> String {
    let times = group.iter().filter_map(|target| target.timeline.last().map(|last| last.at));
    let (Some(least), Some(most)) = (times.clone().min(), times.max()) else {
        return "-".to_owned();
    };
    let (least, most) = (moment(least, compression), moment(most, compression));
    if least == most { least } else { format!("{least} to {most}") }
}

/// A time as fine as compression allows; real time is told as it is.
fn moment(at: Duration, compression: f64) -> String {
    let grain = LATENESS.mul_f64(compression).max(Duration::from_secs(1)).as_secs();
    if compression <= 1.0 {
        human(at)
    } else if at.is_zero() {
        "0s".to_owned()
    } else if at < Duration::from_secs(grain) {
        format!("<{grain}s")
    } else {
        let grains = (at.as_secs_f64() / Duration::from_secs(grain).as_secs_f64()).round();
        let rounded = Duration::from_secs(grain).mul_f64(grains);
        format!("~{}", human(rounded).replace(".0s", "s"))
    }
}

fn tone_of(state: &str) -> Tone {
    match state {
        "healthy" => Tone::Good,
        "unhealthy" | "unhealthy.draining" | "unavailable" => Tone::Bad,
        _ => Tone::Unsure,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gateproof_core::event::{Target, TargetReport, Transition};

    use super::{moment, summary, table};
    use crate::view::measured::Shown;

    #[test]
    fn times_are_no_finer_than_compression_allows() {
        let cases = [
            (107, 20.0, "<1s"),
            (20_310, 20.0, "~20s"),
            (0, 20.0, "0s"),
            (61_400, 20.0, "~1m01s"),
            (107, 1.0, "107ms"),
            (20_310, 1.0, "20.3s"),
            (4_000, 100.0, "<5s"),
            (21_000, 100.0, "~20s"),
        ];
        for (millis, compression, expected) in cases {
            let told = moment(Duration::from_millis(millis), compression);
            assert_eq!(told, expected, "{millis} ms at {compression}");
        }
    }

    fn target(place: &str, state: &str, at: u64) -> Target {
        Target {
            place: place.to_owned(),
            zone: None,
            state: state.to_owned(),
            reason: None,
            cause: None,
            timeline: vec![Transition {
                at: Duration::from_millis(at),
                state: state.to_owned(),
                reason: None,
                cause: None,
            }],
        }
    }

    #[test]
    fn only_targets_of_one_port_that_ended_alike_are_put_together() {
        let report = TargetReport {
            profile: "aws".to_owned(),
            settings: "TCP".to_owned(),
            compression: 20.0,
            targets: vec![
                target("a 127.0.0.2:80 (listener port)", "healthy", 90),
                target("b 127.0.0.3:80 (listener port)", "healthy", 20_300),
                target("b 127.0.0.3:443 (listener port)", "healthy", 90),
                target("c [::1]:80 (listener port)", "initial", 0),
                target("elsewhere", "initial", 0),
            ],
        };
        let words = |shown| -> Vec<_> {
            let rows = table(&report, shown).rows;
            rows.iter().map(|row| format!("{} | {}", row[0].words, row[3].words)).collect()
        };
        assert_eq!(
            words(Shown::Brief),
            [
                "2 nodes on 80 (listener port): a, b | <1s to ~20s",
                "b 127.0.0.3:443 (listener port) | <1s",
                "c [::1]:80 (listener port) | 0s",
                "elsewhere | 0s",
            ]
        );
        assert_eq!(words(Shown::Whole).len(), 5);
        assert_eq!(summary(&report), "3 of 5 targets healthy, 2 initial");
    }
}
