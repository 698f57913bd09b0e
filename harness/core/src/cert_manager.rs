//! cert-manager as a chart: which values it has, and by which one it works for Gateways, by
//! version.
//!
//! Read in cert-manager/cert-manager at the last patch of 1.13 to 1.21:
//! `deploy/charts/cert-manager/{values.schema.json,values.yaml}` and
//! `pkg/apis/config/controller/v1alpha1/types.go`.

use semver::Version;
use serde_json::{Value, json};

use crate::cilium::values::merge;

pub mod chart;

/// Whether cert-manager makes certificates for annotated Gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewaySupport {
    /// It does.
    On,
    /// It does not, which is the chart's default.
    Off,
}

/// What the values of a version amount to.
#[must_use]
pub fn gateway_support(version: &Version, values: &Value) -> GatewaySupport {
    let is_on = |pointer: &str| values.pointer(pointer) == Some(&Value::Bool(true));
    let argument = |wanted: &[&str]| {
        let arguments = values["extraArgs"].as_array();
        arguments.into_iter().flatten().any(|one| one.as_str().is_some_and(|a| wanted.contains(&a)))
    };
    // Until 1.14 a feature gate, until 1.20 one switch, then a part of its own; the former keys go
    // on to work.
    let on = match version.minor {
        ..=14 => {
            let gates = values["featureGates"].as_str().unwrap_or_default();
            gates.split(',').any(|gate| gate.trim() == GATE)
                || argument(&["--feature-gates=ExperimentalGatewayAPISupport=true"])
        }
        minor => {
            is_on("/config/enableGatewayAPI")
                || (minor > 20 && is_on("/config/gatewayAPI/enabled"))
                || argument(&["--enable-gateway-api", "--enable-gateway-api=true"])
        }
    };
    if on { GatewaySupport::On } else { GatewaySupport::Off }
}

/// The gate of versions before 1.15.
const GATE: &str = "ExperimentalGatewayAPISupport=true";

/// The values by which a version works for Gateways, as dotted paths. Unknown gates end the
/// controller, and keys of its configuration differ, so each version is told in its own words.
#[must_use]
pub fn switches(version: &Version) -> Vec<(&'static str, Value)> {
    if version.minor <= 14 {
        return vec![("featureGates", GATE.into())];
    }
    let switch =
        if version.minor <= 20 { "config.enableGatewayAPI" } else { "config.gatewayAPI.enabled" };
    vec![
        ("config.apiVersion", "controller.config.cert-manager.io/v1alpha1".into()),
        ("config.kind", "ControllerConfiguration".into()),
        (switch, json!(true)),
    ]
}

/// Values with those switches below them: what was written stays.
#[must_use]
pub fn with_switches(version: &Version, written: &Value) -> Value {
    let below = switches(version).into_iter().fold(json!({}), |values, (path, value)| {
        let one = path.rsplit('.').fold(value, |value, key| json!({ key: value }));
        merge(&values, &one)
    });
    // Over a mapping, null would remove it.
    if written.is_null() { below } else { merge(&below, written) }
}

/// The value by which a version installs its definitions.
#[must_use]
pub fn definitions_switch(version: &Version) -> &'static str {
    if version.minor >= 15 { "crds.enabled" } else { "installCRDs" }
}

#[cfg(test)]
mod tests {
    use semver::Version;
    use serde_json::{Value, json};

    use super::{GatewaySupport, definitions_switch, gateway_support, switches, with_switches};

    fn version(text: &str) -> Version {
        Version::parse(text).expect("a version")
    }

    #[test]
    fn each_version_is_told_of_gateways_in_its_own_words_and_understands_them() {
        for (text, switch, definitions) in [
            ("1.13.3", "featureGates", "installCRDs"),
            ("1.15.2", "config.enableGatewayAPI", "crds.enabled"),
            ("1.20.3", "config.enableGatewayAPI", "crds.enabled"),
            ("1.21.1", "config.gatewayAPI.enabled", "crds.enabled"),
            ("1.30.0", "config.gatewayAPI.enabled", "crds.enabled"),
        ] {
            let version = version(text);
            let switches = switches(&version);
            assert_eq!(switches.last().expect("a switch").0, switch, "{text}");
            assert_eq!(definitions_switch(&version), definitions, "{text}");
            let values = with_switches(&version, &json!({"replicaCount": 2}));
            assert_eq!(gateway_support(&version, &values), GatewaySupport::On, "{text}: {values}");
            let nothing = with_switches(&version, &Value::Null);
            assert_eq!(gateway_support(&version, &nothing), GatewaySupport::On, "{text}");
        }
    }

    #[test]
    fn words_of_another_version_change_nothing() {
        for (text, values) in [
            ("1.15.2", json!({"featureGates": "ExperimentalGatewayAPISupport=true"})),
            ("1.14.0", json!({"config": {"enableGatewayAPI": true}})),
            ("1.20.3", json!({"config": {"gatewayAPI": {"enabled": true}}})),
            ("1.21.1", json!({"config": {"gatewayAPI": {"enabled": false}}})),
            ("1.21.1", json!({})),
        ] {
            let support = gateway_support(&version(text), &values);
            assert_eq!(support, GatewaySupport::Off, "{text}: {values}");
        }
    }

    #[test]
    fn what_older_versions_were_told_goes_on_to_work() {
        for values in [
            json!({"config": {"enableGatewayAPI": true}}),
            json!({"extraArgs": ["--v=2", "--enable-gateway-api"]}),
        ] {
            assert_eq!(gateway_support(&version("1.21.1"), &values), GatewaySupport::On);
        }
    }
}
