//! Rendering: the typed configuration as the CiliumEnvoyConfig that Cilium's operator writes,
//! field by field as recorded from 1.16 to the main branch before 1.21.

mod listener;
mod route;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::config::INSECURE;
use super::envoy::{Cluster, EnvoyConfig, UpstreamProtocol, UpstreamTls};
use super::objects::{annotations, gateway_labels, object_metadata, shared_annotations};
use crate::Input;
use crate::facts::Behaviour;
use crate::resources::class_config::{ClassConfig, ServiceParameters};
use crate::resources::gateway::Gateway;

/// The CiliumEnvoyConfig.
pub(crate) fn envoy_config(
    input: &Input<'_>,
    gateway: &Gateway,
    parameters: Option<&ClassConfig>,
    config: &EnvoyConfig,
) -> Value {
    let service_parameters = parameters.and_then(|parameters| parameters.spec.service.as_ref());
    let mut spec = Map::new();
    let backends = backend_services(config);
    if !backends.is_empty() {
        spec.insert("backendServices".to_owned(), json!(backends));
    }
    if let Some(labels) = &config.node_selector {
        spec.insert("nodeSelector".to_owned(), json!({"matchLabels": labels}));
    }
    spec.insert("resources".to_owned(), json!(resources(input, parameters, config)));
    let services = config.service.redirects.iter().map(|redirect| {
        let mut service = json!({
            "name": config.service.service.name,
            "namespace": config.service.service.namespace,
            "ports": redirect.ports,
        });
        if let Some(listener) = &redirect.listener {
            service["listener"] = json!(listener);
        } else if input.holds(Behaviour::EmptyListenerNameWritten) {
            service["listener"] = json!("");
        }
        service
    });
    spec.insert("services".to_owned(), json!(services.collect::<Vec<_>>()));
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumEnvoyConfig",
        "metadata": object_metadata(
            &config.name.namespace,
            &config.name.name,
            gateway,
            labels_and_annotations(input, gateway, service_parameters),
        ),
        "spec": spec,
    })
}

type Maps = (BTreeMap<String, String>, BTreeMap<String, String>);

fn labels_and_annotations(
    input: &Input<'_>,
    gateway: &Gateway,
    parameters: Option<&ServiceParameters>,
) -> Maps {
    let annotated = input.holds(Behaviour::OriginalSourceAnnotation);
    let (mut labels, mut annotations) = if !input.holds(Behaviour::InfrastructureOnEveryObject) {
        Maps::default()
    } else if annotated {
        (gateway_labels(input, gateway), annotations(input, gateway))
    } else {
        // Without an annotation of its own the CiliumEnvoyConfig shares the Service's map.
        (gateway_labels(input, gateway), shared_annotations(input, gateway, parameters))
    };
    if input.holds(Behaviour::SteeringAnnotationsFiltered) {
        // A Gateway's owner cannot steer the agent through infrastructure.
        annotations.retain(|key, _| !key.starts_with("cec.cilium.io/"));
    }
    let off = "false".to_owned();
    if annotated {
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

/// Listeners, route tables with that of plain HTTP first, clusters.
fn resources(
    input: &Input<'_>,
    parameters: Option<&ClassConfig>,
    config: &EnvoyConfig,
) -> Vec<Value> {
    let context = listener::Context { input, parameters, config };
    let listeners = config.listeners.iter().map(|found| listener::listener(context, found));
    let mut tables: Vec<_> = config.route_tables.iter().collect();
    tables.sort_by_key(|(name, _)| name.as_str() != INSECURE);
    let tables = tables.into_iter().map(|(name, table)| route::route_table(name, table));
    let clusters = config.clusters.values().map(|found| cluster(input, found));
    listeners.chain(tables).chain(clusters).collect()
}

fn cluster(input: &Input<'_>, cluster: &Cluster) -> Value {
    let mut value = json!({
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": cluster.name,
        "type": "EDS",
        "edsClusterConfig": {"serviceName": format!("{}:{}", cluster.service, cluster.port)},
        "outlierDetection": {"splitExternalLocalOriginErrors": true},
    });
    if let Some(options) = protocol_options(cluster.protocol) {
        value["typedExtensionProtocolOptions"] =
            json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options});
    }
    if input.holds(Behaviour::ConnectTimeout) {
        value["connectTimeout"] = json!("5s");
    }
    if let Some(tls) = &cluster.tls {
        value["transportSocket"] = upstream_tls(tls);
    }
    value
}

fn upstream_tls(tls: &UpstreamTls) -> Value {
    json!({
        "name": "envoy.transport_sockets.tls",
        "typedConfig": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": tls.server_name,
            "commonTlsContext": {
                "tlsParams": {"tlsMaximumProtocolVersion": "TLSv1_3"},
                "combinedValidationContext": {
                    "defaultValidationContext": {},
                    "validationContextSdsSecretConfig": {"name": tls.sds_name},
                },
            },
        },
    })
}

fn protocol_options(protocol: UpstreamProtocol) -> Option<Value> {
    let mut options = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "commonHttpProtocolOptions": {"idleTimeout": "60s"},
    });
    match protocol {
        UpstreamProtocol::Tcp => return None,
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
    Some(options)
}
