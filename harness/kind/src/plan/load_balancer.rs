//! The load balancer before several control planes: an Envoy that forwards TCP to the API servers
//! that answer `/healthz`.
//!
//! The same container, files and reload as in kubernetes-sigs/kind v0.33.0
//! (`pkg/cluster/internal/loadbalancer`, `create/actions/loadbalancer`), in words of our own: the
//! container starts with empty listener and cluster files, and full ones are moved over them once
//! the control planes are there. Envoy sees the move and follows.

use gateproof_core::topology::IpFamily;

use super::image::DEFAULT_LOAD_BALANCER_IMAGE;
use super::{API_SERVER_PORT, FilePlan, Request, containers};
use crate::container::ContainerSpec;
use crate::label;

const FOLDER: &str = "/home/envoy";

/// The last file that the container's own start writes, where it is not there yet.
pub const WRITTEN_LAST: &str = "/home/envoy/lds.yaml";

/// The load balancer as planned.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadBalancerPlan {
    /// Its container.
    pub container: ContainerSpec,
    /// Files to be written once the control planes have started.
    pub files: Vec<FilePlan>,
    /// The command that puts the files in force, all of a sudden.
    pub activate: Vec<String>,
}

/// The load balancer, where there are several control planes.
pub(super) fn plan(request: &Request<'_>) -> Option<LoadBalancerPlan> {
    if !containers::has_load_balancer(request) {
        return None;
    }
    let name = containers::load_balancer_name(request);
    let mut container = containers::common(name.clone(), label::ROLE_LOAD_BALANCER, request);
    let image = request.settings.load_balancer_image.clone();
    container.image = image.unwrap_or_else(|| DEFAULT_LOAD_BALANCER_IMAGE.to_owned());
    container.ports = vec![containers::published_api_server(request)];
    container.command = vec![
        "bash".to_owned(),
        "-c".to_owned(),
        start_script(&bootstrap(request.name.as_str(), &name)),
    ];
    let mut servers: Vec<String> = request
        .topology
        .control_planes()
        .map(|node| format!("{}-{}", request.name, node.name))
        .collect();
    servers.sort();
    let v6 = request.topology.networking.ip_family == IpFamily::V6;
    let (listen, lookup) = if v6 { ("::", "AUTO") } else { ("0.0.0.0", "V4_PREFERRED") };
    let file = |name: &str, content: String| FilePlan {
        path: format!("{FOLDER}/{name}.yaml.tmp"),
        content,
    };
    let (cds, lds) = (format!("{FOLDER}/cds.yaml"), format!("{FOLDER}/lds.yaml"));
    let activate =
        format!("chmod 666 {cds}.tmp {lds}.tmp && mv {cds}.tmp {cds} && mv {lds}.tmp {lds}");
    Some(LoadBalancerPlan {
        container,
        files: vec![file("lds", listeners(listen)), file("cds", clusters(&servers, lookup))],
        activate: ["sh", "-c", &activate].map(str::to_owned).to_vec(),
    })
}

/// Writes Envoy's configuration, keeps listeners and clusters of an earlier start, and starts
/// Envoy again whenever it ends in failure.
fn start_script(bootstrap: &str) -> String {
    format!(
        "mkdir -p {FOLDER} && printf '%s' '{bootstrap}' > {FOLDER}/envoy.yaml && \
         for file in {FOLDER}/cds.yaml {FOLDER}/lds.yaml; do \
         [ -f \"$file\" ] || printf 'resources: []\\n' > \"$file\"; done && \
         until envoy -c {FOLDER}/envoy.yaml; do sleep 1; done"
    )
}

fn bootstrap(cluster: &str, node: &str) -> String {
    format!(
        "node:
  cluster: {cluster}
  id: {node}
dynamic_resources:
  cds_config:
    resource_api_version: V3
    path_config_source:
      path: {FOLDER}/cds.yaml
  lds_config:
    resource_api_version: V3
    path_config_source:
      path: {FOLDER}/lds.yaml
admin:
  access_log_path: /dev/stdout
  address:
    socket_address:
      address: 0.0.0.0
      port_value: 10000
"
    )
}

fn listeners(address: &str) -> String {
    format!(
        "resources:
- '@type': type.googleapis.com/envoy.config.listener.v3.Listener
  name: listener_apiserver
  address:
    socket_address:
      address: '{address}'
      port_value: {API_SERVER_PORT}
  filter_chains:
  - filters:
    - name: envoy.filters.network.tcp_proxy
      typed_config:
        '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
        stat_prefix: ingress_tcp
        cluster: kube_apiservers
"
    )
}

fn clusters(servers: &[String], lookup: &str) -> String {
    let mut text = format!(
        "resources:
- '@type': type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: kube_apiservers
  type: STRICT_DNS
  dns_lookup_family: {lookup}
  lb_policy: ROUND_ROBIN
  connect_timeout: 0.25s
  health_checks:
  - http_health_check:
      path: /healthz
    timeout: 3s
    interval: 2s
    initial_jitter: 0s
    no_traffic_interval: 3s
    unhealthy_threshold: 2
    healthy_threshold: 1
    always_log_health_check_failures: true
    always_log_health_check_success: true
    event_log_path: /dev/stdout
    transport_socket_match_criteria:
      tls_mode: 'true'
  transport_socket_matches:
  - name: health_check_tls
    match:
      tls_mode: 'true'
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context:
          validation_context:
            trust_chain_verification: ACCEPT_UNTRUSTED
  load_assignment:
    cluster_name: kube_apiservers
    endpoints:
    - lb_endpoints:
"
    );
    for server in servers {
        let endpoint = format!(
            "      - endpoint:
          address:
            socket_address:
              address: {server}
              port_value: {API_SERVER_PORT}
"
        );
        text.push_str(&endpoint);
    }
    text
}
