//! Target health as a table: the state and reason in AWS's words, for comparison with
//! `describe-target-health`, and beside them the finer cause, which AWS does not tell.

use gateproof_core::event::{Target, TargetReport};

use crate::layout::{Table, Text, Tone};
use crate::view::duration::human;

/// The targets as a table, and how they were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetsView {
    /// Profile, settings and how time ran.
    pub(crate) settings: String,
    pub(crate) table: Table,
}

/// Makes the table of a target report.
pub(crate) fn view(report: &TargetReport) -> TargetsView {
    let zoned = report.targets.iter().any(|target| target.zone.is_some());
    let mut head = vec!["target".to_owned()];
    if zoned {
        head.push("zone".to_owned());
    }
    head.extend(["state (reason)", "cause", "after"].map(ToOwned::to_owned));
    let row = |target: &Target| {
        let mut row = vec![Text::plain(&*target.place)];
        if zoned {
            row.push(Text::plain(target.zone.as_deref().unwrap_or("-")));
        }
        let reached = target.timeline.last().map_or_else(|| "-".to_owned(), |last| human(last.at));
        let state = match &target.reason {
            Some(reason) => format!("{} ({reason})", target.state),
            None => target.state.clone(),
        };
        row.push(Text::new(tone_of(&target.state), state));
        row.push(Text::plain(target.cause.as_deref().unwrap_or("-")));
        row.push(Text::plain(reached));
        row
    };
    TargetsView {
        settings: format!("profile {}: {}; {}", report.profile, report.settings, pace(report)),
        table: Table { head, rows: report.targets.iter().map(row).collect() },
    }
}

#[expect(clippy::float_cmp, reason = "1 is the exact value that stands for real time")]
fn pace(report: &TargetReport) -> String {
    if report.compression == 1.0 {
        "real time".to_owned()
    } else {
        format!(
            "time compressed {}-fold (all durations were divided by it; the times below are those \
             of the load balancer)",
            report.compression
        )
    }
}

fn tone_of(state: &str) -> Tone {
    match state {
        "healthy" => Tone::Good,
        "unhealthy" | "unhealthy.draining" | "unavailable" => Tone::Bad,
        _ => Tone::Unsure,
    }
}
