//! Rendering: the typed configuration as the CiliumEnvoyConfig that Cilium's operator writes,
//! field by field as recorded from 1.16 to the main branch before 1.21.

mod listener;
mod route;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::envoy::{Cluster, EnvoyConfig, UpstreamProtocol};
use super::objects::{annotations, gateway_labels, object_metadata};
use crate::Input;
use crate::facts::Behaviour;
use crate::resources::gateway::Gateway;

/// The CiliumEnvoyConfig.
pub(crate) fn envoy_config(input: &Input<'_>, gateway: &Gateway, config: &EnvoyConfig) -> Value {
    let mut spec = Map::new();
    let backends = backend_services(config);
    if !backends.is_empty() {
        spec.insert("backendServices".to_owned(), json!(backends));
    }
    if let Some(labels) = &config.node_selector {
        spec.insert("nodeSelector".to_owned(), json!({"matchLabels": labels}));
    }
    spec.insert("resources".to_owned(), json!(resources(input, config)));
    let mut service = json!({
        "name": config.service.service.name,
        "namespace": config.service.service.namespace,
        "ports": config.service.ports,
    });
    if input.holds(Behaviour::EmptyListenerNameWritten) {
        service["listener"] = json!("");
    }
    spec.insert("services".to_owned(), json!([service]));
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumEnvoyConfig",
        "metadata": object_metadata(
            &config.name.namespace,
            &config.name.name,
            gateway,
            labels_and_annotations(input, gateway),
        ),
        "spec": spec,
    })
}

type Maps = (BTreeMap<String, String>, BTreeMap<String, String>);

fn labels_and_annotations(input: &Input<'_>, gateway: &Gateway) -> Maps {
    let (mut labels, mut annotations) = if input.holds(Behaviour::InfrastructureOnEveryObject) {
        (gateway_labels(input, gateway), annotations(input, gateway))
    } else {
        Maps::default()
    };
    if input.holds(Behaviour::SteeringAnnotationsFiltered) {
        // A Gateway's owner cannot steer the agent through infrastructure.
        annotations.retain(|key, _| !key.starts_with("cec.cilium.io/"));
    }
    let off = "false".to_owned();
    if input.holds(Behaviour::OriginalSourceAnnotation) {
        annotations.insert("cec.cilium.io/use-original-source-address".to_owned(), off);
    } else {
        labels.insert("cilium.io/use-original-source-address".to_owned(), off);
    }
    (labels, annotations)
}

/// Services whose endpoints agents hand to Envoy, with their ports as text.
fn backend_services(config: &EnvoyConfig) -> Vec<Value> {
    let mut ports: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for cluster in config.clusters.values() {
        ports.entry(&cluster.service).or_default().insert(cluster.port.to_string());
    }
    ports
        .into_iter()
        .map(|(service, ports)| {
            json!({"name": service.name, "namespace": service.namespace, "number": ports})
        })
        .collect()
}

fn resources(input: &Input<'_>, config: &EnvoyConfig) -> Vec<Value> {
    let listeners = config.listeners.iter().map(|found| listener::listener(input, found));
    let tables = config.route_tables.iter().map(|(name, table)| route::route_table(name, table));
    let clusters = config.clusters.values().map(|found| cluster(input, found));
    listeners.chain(tables).chain(clusters).collect()
}

fn cluster(input: &Input<'_>, cluster: &Cluster) -> Value {
    let mut options = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "commonHttpProtocolOptions": {"idleTimeout": "60s"},
    });
    match cluster.protocol {
        UpstreamProtocol::AsDownstream => {
            options["useDownstreamProtocolConfig"] = json!({"http2ProtocolOptions": {}});
        }
        UpstreamProtocol::Http1 => {
            options["explicitHttpConfig"] = json!({"httpProtocolOptions": {}});
        }
        UpstreamProtocol::Http2 => {
            options["explicitHttpConfig"] = json!({"http2ProtocolOptions": {}});
        }
    }
    let mut value = json!({
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": cluster.name,
        "type": "EDS",
        "edsClusterConfig": {"serviceName": format!("{}:{}", cluster.service, cluster.port)},
        "outlierDetection": {"splitExternalLocalOriginErrors": true},
        "typedExtensionProtocolOptions": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options,
        },
    });
    if input.holds(Behaviour::ConnectTimeout) {
        value["connectTimeout"] = json!("5s");
    }
    value
}
