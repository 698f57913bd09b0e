//! From a setup to what both data planes are told.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use gateproof_embedded::dataplane::CertifiedKeyPem;
use gateproof_model::translation::envoy::{Action, EnvoyConfig, UpstreamProtocol};
use gateproof_model::{Input, reconcile};
use serde_json::{Value, json};

use crate::backend::Backends;
use crate::certificate;
use crate::envoy::Resources;
use crate::request::Proxied;
use crate::setup::{NAMESPACE, SECRETS, Setup};

/// What the model made of a setup.
#[derive(Debug)]
pub(crate) struct Translated {
    pub(crate) config: EnvoyConfig,
    rendered: Vec<Value>,
    /// Set apart from other setups by this.
    tag: String,
}

/// Translates a setup; `None` when the model makes no configuration of it or does not cover it.
pub(crate) fn translate(setup: &Setup, tag: &str) -> Option<Translated> {
    // Setups that share an Envoy live in namespaces of their own.
    let objects: Vec<Value> = setup
        .objects
        .iter()
        .map(|object| {
            let text = object
                .to_string()
                .replace(&format!("\"{NAMESPACE}\""), &format!("\"{NAMESPACE}{tag}\""));
            serde_json::from_str(&text).expect("still JSON")
        })
        .collect();
    let (resources, skipped) = gateproof_model::Resources::from_objects(&objects);
    if !skipped.is_empty() {
        return None;
    }
    let input = Input::new(&setup.version, &setup.config, &resources);
    let outcome = reconcile(&input);
    if !outcome.unmodelled.is_empty() {
        return None;
    }
    let config = outcome.envoy.into_iter().next()?;
    let rendered = outcome.objects.iter().find(|object| object["kind"] == "CiliumEnvoyConfig")?;
    let rendered = rendered["spec"]["resources"].as_array()?.clone();
    Some(Translated { config, rendered, tag: tag.to_owned() })
}

impl Translated {
    /// The name of a listener where several setups share an Envoy.
    pub(crate) fn listener_name(&self, listener: usize) -> Option<String> {
        Some(format!("{}{}", self.config.listeners.get(listener)?.name, self.tag))
    }

    pub(crate) fn proxied(&self) -> Proxied {
        if self.config.listeners.iter().any(|l| l.proxy_protocol) {
            Proxied::Yes
        } else {
            Proxied::No
        }
    }

    /// Whether chance decides where requests go.
    pub(crate) fn has_choices(&self) -> bool {
        let hosts = self.config.route_tables.values().flat_map(|table| &table.virtual_hosts);
        hosts.flat_map(|host| &host.routes).any(|route| match &route.action {
            Action::Forward(f) => f.clusters.iter().filter(|c| c.weight > 0).count() > 1,
            Action::Redirect(_) | Action::Respond { .. } => false,
        })
    }

    /// Whether requests may be tried again.
    pub(crate) fn has_retries(&self) -> bool {
        let hosts = self.config.route_tables.values().flat_map(|table| &table.virtual_hosts);
        hosts
            .flat_map(|host| &host.routes)
            .any(|route| matches!(&route.action, Action::Forward(f) if f.retry.is_some()))
    }

    /// Whether HTTP/2 is spoken to a backend.
    pub(crate) fn has_http2_backends(&self) -> bool {
        self.config.clusters.values().any(|cluster| cluster.protocol == UpstreamProtocol::Http2)
    }

    /// Whether requests are copied.
    pub(crate) fn has_mirrors(&self) -> bool {
        let hosts = self.config.route_tables.values().flat_map(|table| &table.virtual_hosts);
        hosts
            .flat_map(|host| &host.routes)
            .any(|route| matches!(&route.action, Action::Forward(f) if !f.mirrors.is_empty()))
    }

    /// Sockets of each cluster's endpoints.
    pub(crate) fn endpoints(
        &self,
        backends: &Backends,
        refusing: SocketAddr,
    ) -> BTreeMap<String, Vec<SocketAddr>> {
        let sockets = self.config.clusters.iter().map(|(name, cluster)| {
            let service = cluster.service.name.as_str();
            let socket = match service {
                "shut" => Some(refusing),
                _ => backends.socket(&format!("{service}:{}", cluster.port)),
            };
            (name.clone(), socket.into_iter().collect())
        });
        sockets.collect()
    }

    /// Certificates by the names that chains ask for.
    pub(crate) fn certificates(&self) -> BTreeMap<String, CertifiedKeyPem> {
        let chains = self.config.listeners.iter().flat_map(|listener| &listener.terminate);
        let found = chains.filter_map(|chain| {
            let (name, hosts) = SECRETS.iter().find(|(name, _)| *name == chain.secret.name)?;
            Some((chain.sds_name.clone(), certificate::pair(name, hosts)))
        });
        found.collect()
    }

    /// Adds everything to what Envoy is fed.
    pub(crate) fn feed(
        &self,
        resources: &mut Resources,
        endpoints: &BTreeMap<String, Vec<SocketAddr>>,
    ) {
        let of = |kind: &str| {
            let kind = kind.to_owned();
            self.rendered.iter().filter(move |resource| {
                resource["@type"].as_str().is_some_and(|found| found.ends_with(&kind))
            })
        };
        for (name, pair) in self.certificates() {
            resources.secrets.push(json!({
                "name": name,
                "tlsCertificate": {
                    "certificateChain": {"inlineString": pair.chain_pem},
                    "privateKey": {"inlineString": pair.key_pem}}}));
        }
        for cluster in of(".Cluster") {
            let mut cluster = cluster.clone();
            let sockets = &endpoints[cluster["name"].as_str().expect("a name")];
            let endpoints: Vec<Value> = sockets
                .iter()
                .map(|socket| {
                    json!({"endpoint": {"address": {"socketAddress": {
                        "address": socket.ip().to_string(), "portValue": socket.port()}}}})
                })
                .collect();
            cluster["loadAssignment"] = json!({
                "clusterName": cluster["edsClusterConfig"]["serviceName"],
                "endpoints": [{"lbEndpoints": endpoints}]});
            cluster["type"] = json!("STATIC");
            if let Some(fields) = cluster.as_object_mut() {
                fields.remove("edsClusterConfig");
            }
            resources.clusters.push(cluster);
        }
        let tables: BTreeMap<&str, &Value> =
            of(".RouteConfiguration").filter_map(|t| Some((t["name"].as_str()?, t))).collect();
        for listener in of(".Listener") {
            let mut listener = listener.clone();
            let name = format!("{}{}", listener["name"].as_str().expect("a name"), self.tag);
            listener["name"] = json!(name);
            listener["address"] =
                json!({"socketAddress": {"address": "127.0.0.1", "portValue": 0}});
            if let Some(fields) = listener.as_object_mut() {
                fields.remove("additionalAddresses");
            }
            put_tables(&mut listener, &tables);
            resources.listeners.push(listener);
        }
    }
}

/// Puts each route table where it is asked for. One that was not rendered serves no route.
fn put_tables(value: &mut Value, tables: &BTreeMap<&str, &Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| put_tables(item, tables)),
        Value::Object(fields) => {
            if let Some(rds) = fields.remove("rds") {
                let name = rds["routeConfigName"].as_str().expect("a name");
                let table = tables
                    .get(name)
                    .map_or_else(|| json!({"name": name}), |table| (*table).clone());
                fields.insert("routeConfig".into(), without_type(table));
            }
            fields.iter_mut().for_each(|(_, field)| put_tables(field, tables));
        }
        _ => {}
    }
}

fn without_type(mut table: Value) -> Value {
    if let Some(fields) = table.as_object_mut() {
        fields.remove("@type");
    }
    table
}
