//! cert-manager, by its Helm chart, with support for Gateways switched on as its version wants.

use gateproof_core::cert_manager::{definitions_switch, switches};
use gateproof_kubernetes::wait;
use semver::Version;
use serde_json::json;

use super::{Installed, MANAGER, Work, chart_step};
use crate::component::{CERT_MANAGER, cert_manager};
use crate::error::StackError;
use crate::evidence;
use crate::helm::command::{Chart, Release};
use crate::readiness::{until_rolled_out, webhook};
use crate::step::Step;
use crate::values::{Merged, Need, Strength, unknown_keys};

/// cert-manager's release.
const RELEASE: Release = Release { name: "cert-manager", namespace: CERT_MANAGER };

/// What cert-manager's chart is told; refused when it has values that the chart does not have.
pub(crate) async fn plan(
    work: &Work<'_>,
    version: &Version,
    installed: &mut Installed,
) -> Result<Merged, StackError> {
    let written = &work.request.cert_manager_values;
    let merged = Merged::of(written, needs(version));
    let text = merged.as_evidence(&format!("cert-manager {version}"));
    installed.evidence.extend(evidence::write(work, "cert-manager-values.yaml", &text)?);
    // Without any values there is nothing to ask Helm.
    if written.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(merged);
    }
    let step = Step::begin(work.surroundings, "compare the values with cert-manager's chart");
    step.run(async {
        installed.warn(&step, merged.contradictions());
        let chart = chart(work, version);
        let within = work.settings.step_within;
        let defaults = work.helm.show_values(&chart, within, &step).await?;
        let unknown = unknown_keys(written, &defaults, |_| false, |_| None).map_err(|problem| {
            StackError::Document { what: "what `helm show values` printed".to_owned(), problem }
        })?;
        if unknown.is_empty() { Ok(()) } else { Err(StackError::Values(unknown)) }
    })
    .await?;
    Ok(merged)
}

fn chart(work: &Work<'_>, version: &Version) -> Chart {
    Chart {
        name: "cert-manager",
        source: work.settings.cert_manager_chart.clone(),
        version: format!("v{version}"),
    }
}

/// Installs cert-manager and waits until its webhook admits.
pub(crate) async fn install(
    work: &Work<'_>,
    version: &Version,
    planned: &Merged,
) -> Result<(), StackError> {
    let Work { target, settings, surroundings, .. } = *work;
    let name = format!("install cert-manager {version}");
    chart_step(work, name, RELEASE, &chart(work, version), &planned.values).await?;
    let step = Step::begin(surroundings, "wait for cert-manager");
    step.run(async {
        for workload in cert_manager() {
            until_rolled_out(&target.client, &workload, settings.step_within, &step).await?;
        }
        Ok(())
    })
    .await?;
    let step = Step::begin(surroundings, "wait for cert-manager's webhook");
    step.run(async {
        let tell = |missing: &str| step.awaiting(missing);
        let look = || webhook::look(&target.client, MANAGER);
        wait::until(settings.step_within, wait::RELIST_EVERY, tell, look)
            .await
            .map_err(|cause| StackError::Wait { what: "cert-manager's webhook".to_owned(), cause })
    })
    .await
}

/// What the chart needs to be told, by version (cert-manager release notes 1.15, 1.16 and 1.21).
fn needs(version: &Version) -> Vec<Need> {
    let required = |path, value, reason: &str| Need {
        path,
        value,
        reason: reason.to_owned(),
        strength: Strength::Required,
    };
    let definitions = "nobody else installs its definitions";
    let mut needs = vec![
        required(definitions_switch(version), json!(true), definitions),
        Need {
            strength: Strength::Advised,
            ..required("startupapicheck.enabled", json!(false), "the waiting is done here")
        },
    ];
    let reason = "certificates are made for Gateways only then";
    needs.extend(switches(version).into_iter().map(|(path, value)| required(path, value, reason)));
    needs
}

#[cfg(test)]
mod tests {
    use semver::Version;
    use serde_json::{Value, json};

    use super::needs;
    use crate::values::Merged;

    fn on(version: &str, written: &Value) -> Merged {
        Merged::of(written, needs(&Version::parse(version).expect("a version")))
    }

    #[test]
    fn what_gateways_need_stands_below_what_was_written() {
        let merged =
            on("1.21.1", &json!({"replicaCount": 2, "config": {"logging": {"verbosity": 4}}}));
        assert_eq!(
            merged.values,
            json!({
                "replicaCount": 2,
                "crds": {"enabled": true},
                "startupapicheck": {"enabled": false},
                "config": {
                    "apiVersion": "controller.config.cert-manager.io/v1alpha1",
                    "kind": "ControllerConfiguration",
                    "gatewayAPI": {"enabled": true},
                    "logging": {"verbosity": 4},
                },
            })
        );
        assert_eq!(merged.contradictions().count(), 0);
    }

    #[test]
    fn what_contradicts_gateways_stays_and_is_told() {
        let merged = on("1.14.0", &json!({"featureGates": "ServerSideApply=true"}));
        assert_eq!(merged.values["featureGates"], "ServerSideApply=true");
        let told: Vec<String> = merged.contradictions().collect();
        assert!(told[0].contains("certificates are made for Gateways only then"), "{told:?}");
        assert!(merged.as_evidence("cert-manager 1.14.0").contains("# kept     featureGates"));
    }
}
