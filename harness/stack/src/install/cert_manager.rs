//! cert-manager, by its Helm chart, with support for Gateways switched on as its version wants.

use gateproof_kubernetes::wait;
use semver::Version;
use serde_json::{Value, json};

use super::{Installed, MANAGER, Work, chart_step};
use crate::component::{CERT_MANAGER, cert_manager};
use crate::error::StackError;
use crate::evidence;
use crate::helm::command::{Chart, Release};
use crate::readiness::{until_rolled_out, webhook};
use crate::step::Step;
use crate::values::as_yaml;

/// cert-manager's release.
const RELEASE: Release = Release { name: "cert-manager", namespace: CERT_MANAGER };

/// Installs cert-manager and waits until its webhook admits.
pub(crate) async fn install(
    work: &Work<'_>,
    version: &Version,
    installed: &mut Installed,
) -> Result<(), StackError> {
    let Work { target, settings, surroundings, .. } = *work;
    let values = values(version);
    let text = format!("# Values for cert-manager {version}.\n{}", as_yaml(&values));
    installed.evidence.extend(evidence::write(work, "cert-manager-values.yaml", &text)?);
    let chart = Chart {
        name: "cert-manager",
        source: settings.cert_manager_chart.clone(),
        version: format!("v{version}"),
    };
    chart_step(work, format!("install cert-manager {version}"), RELEASE, &chart, &values).await?;
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

/// What the chart is told, by version (cert-manager release notes 1.15, 1.16 and 1.21;
/// `deploy/charts/cert-manager/values.yaml`).
fn values(version: &Version) -> Value {
    let minor = version.minor;
    // The waiting is done here, so the chart's own job would only be one more image to pull.
    let mut values = json!({"startupapicheck": {"enabled": false}});
    let (key, value) =
        if minor >= 15 { ("crds", json!({"enabled": true})) } else { ("installCRDs", json!(true)) };
    values[key] = value;
    // Unknown feature gates end the controller, and keys of the configuration differ, so each
    // version is told in its own words.
    if minor <= 14 {
        values["featureGates"] = "ExperimentalGatewayAPISupport=true".into();
    } else {
        values["config"] = json!({
            "apiVersion": "controller.config.cert-manager.io/v1alpha1",
            "kind": "ControllerConfiguration",
        });
        if minor <= 20 {
            values["config"]["enableGatewayAPI"] = true.into();
        } else {
            values["config"]["gatewayAPI"] = json!({"enabled": true});
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use semver::Version;
    use serde_json::{Value, json};

    use super::values;

    fn on(version: &str) -> Value {
        values(&Version::parse(version).expect("a version"))
    }

    #[test]
    fn each_version_is_told_of_gateways_in_its_own_words() {
        let old = on("1.13.3");
        assert_eq!(old["featureGates"], "ExperimentalGatewayAPISupport=true");
        assert_eq!(old["installCRDs"], true);
        assert!(old.get("config").is_none() && old.get("crds").is_none());
        for version in ["1.15.2", "1.20.3"] {
            let values = on(version);
            assert_eq!(values["config"]["enableGatewayAPI"], true, "{version}");
            assert_eq!(values["crds"]["enabled"], true, "{version}");
            assert!(values.get("featureGates").is_none(), "{version} ends at an unknown gate");
        }
        let new = on("1.21.1");
        assert_eq!(new["config"]["gatewayAPI"], json!({"enabled": true}));
        assert!(new["config"].get("enableGatewayAPI").is_none());
    }
}
