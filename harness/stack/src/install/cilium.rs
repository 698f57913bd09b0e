//! Cilium, by its Helm chart.

use gateproof_core::cilium::chart::{advice, has_key};

use super::{Installed, Work, chart_step};
use crate::component::CILIUM;
use crate::error::StackError;
use crate::evidence;
use crate::helm::command::{Chart, Release};
use crate::step::Step;
use crate::values::{Merged, needs, unknown_keys};

/// Cilium's release.
const RELEASE: Release = Release { name: "cilium", namespace: CILIUM };

/// What Cilium's chart is told; refused when it has values that the chart does not have.
pub(crate) async fn plan(work: &Work<'_>, installed: &mut Installed) -> Result<Merged, StackError> {
    let Work { target, request, settings, surroundings, helm } = *work;
    let version = &request.cilium;
    let wanted = needs(version, &request.config, &target.facts, target.load_balancing.as_ref());
    let merged = Merged::of(&request.values, wanted);
    let text = merged.as_evidence(&format!("Cilium {version}"));
    installed.evidence.extend(evidence::write(work, "cilium-values.yaml", &text)?);
    let chart = chart(work);
    let step = Step::begin(surroundings, "compare the values with Cilium's chart");
    step.run(async {
        installed.warn(&step, merged.contradictions());
        let defaults = helm.show_values(&chart, settings.step_within, &step).await?;
        let listed = |path: &[&str]| has_key(version, path);
        let unknown =
            unknown_keys(&request.values, &defaults, listed, advice).map_err(|problem| {
                StackError::Document { what: "what `helm show values` printed".to_owned(), problem }
            })?;
        if unknown.is_empty() { Ok(()) } else { Err(StackError::Values(unknown)) }
    })
    .await?;
    Ok(merged)
}

/// Brings Cilium's release to the values that were planned.
pub(crate) async fn install(
    work: &Work<'_>,
    planned: Merged,
    installed: &mut Installed,
) -> Result<(), StackError> {
    let name = format!("install Cilium {}", work.request.cilium);
    chart_step(work, name, RELEASE, &chart(work), &planned.values).await?;
    installed.cilium_values = planned.values;
    Ok(())
}

fn chart(work: &Work<'_>) -> Chart {
    Chart {
        name: "cilium",
        source: work.settings.cilium_chart.clone(),
        version: work.request.cilium.to_string(),
    }
}
