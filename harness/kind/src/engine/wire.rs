//! Between our values and the fields of the Docker API.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum, DeviceMapping,
    HostConfig, HostConfigCgroupnsModeEnum, PortBinding as WirePort, PortMap,
    RestartPolicy as WireRestart, RestartPolicyNameEnum,
};

use crate::container::{
    Addresses, ContainerSpec, ContainerState, Phase, PortBinding, Privileges, Protocol,
    RestartPolicy,
};

/// The body of a request to create a container. What kind sets on every container without a
/// choice is set here: no init process, a cgroup namespace of its own (kubernetes-sigs/kind
/// v0.33.0: `pkg/cluster/internal/providers/docker/provision.go`).
pub(super) fn create_body(spec: &ContainerSpec) -> ContainerCreateBody {
    let (privileged, cap_add) = match &spec.privileges {
        Privileges::Default => (false, None),
        Privileges::Privileged => (true, None),
        Privileges::Capabilities(names) => (false, Some(names.clone())),
    };
    // As the docker program says it to the API (docker/cli: `cli/command/container/opts.go`).
    let (open, security): (Vec<&String>, Vec<&String>) =
        spec.security_options.iter().partition(|option| *option == "systempaths=unconfined");
    let devices = spec
        .devices
        .iter()
        .map(|path| DeviceMapping {
            path_on_host: Some(path.clone()),
            path_in_container: Some(path.clone()),
            cgroup_permissions: Some("rwm".to_owned()),
        })
        .collect();
    ContainerCreateBody {
        hostname: Some(spec.name.clone()),
        image: Some(spec.image.clone()),
        labels: Some(hashed(&spec.labels)),
        env: Some(spec.env.clone()),
        cmd: (!spec.command.is_empty()).then(|| spec.command.clone()),
        entrypoint: spec.entrypoint.clone(),
        tty: Some(spec.tty),
        volumes: Some(spec.anonymous_volumes.clone()),
        exposed_ports: Some(spec.ports.iter().map(port_key).collect()),
        host_config: Some(HostConfig {
            network_mode: Some(spec.network.clone()),
            privileged: Some(privileged),
            cap_add,
            security_opt: Some(security.into_iter().cloned().collect()),
            masked_paths: (!open.is_empty()).then(Vec::new),
            readonly_paths: (!open.is_empty()).then(Vec::new),
            tmpfs: Some(hashed(&spec.tmpfs)),
            binds: Some(spec.binds.clone()),
            devices: Some(devices),
            sysctls: Some(hashed(&spec.sysctls)),
            port_bindings: Some(port_map(&spec.ports)),
            restart_policy: Some(restart(spec.restart)),
            init: Some(false),
            cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
            userns_mode: spec.host_user_namespace.then(|| "host".to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// A container as the engine describes it.
pub(super) fn container_state(found: ContainerInspectResponse) -> ContainerState {
    let config = found.config.unwrap_or_default();
    let network = found.network_settings.unwrap_or_default();
    ContainerState {
        id: found.id.unwrap_or_default(),
        name: found.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        image: config.image.unwrap_or_default(),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        phase: phase(&found.state.unwrap_or_default()),
        addresses: network
            .networks
            .unwrap_or_default()
            .into_iter()
            .map(|(name, endpoint)| {
                let address = |text: Option<String>| text.and_then(|text| text.parse().ok());
                let v4 = address(endpoint.ip_address);
                (name, Addresses { v4, v6: address(endpoint.global_ipv6_address) })
            })
            .collect(),
        ports: bound_ports(network.ports.unwrap_or_default()),
    }
}

fn phase(state: &bollard::models::ContainerState) -> Phase {
    match state.status {
        Some(ContainerStateStatusEnum::CREATED) => Phase::Created,
        Some(ContainerStateStatusEnum::RUNNING) => Phase::Running,
        Some(ContainerStateStatusEnum::EXITED) => Phase::Exited {
            code: state.exit_code.unwrap_or_default(),
            out_of_memory: state.oom_killed.unwrap_or_default(),
        },
        Some(other) => Phase::Other(other.to_string()),
        None => Phase::Other("unknown".to_owned()),
    }
}

/// A map in the form the client wants.
pub(super) fn hashed(map: &BTreeMap<String, String>) -> HashMap<String, String> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The filter of a list by labels: all of them; a label without a value is there with any.
pub(super) fn label_filter(labels: &[(&str, Option<&str>)]) -> HashMap<String, Vec<String>> {
    let wanted = labels
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => (*name).to_owned(),
        })
        .collect();
    HashMap::from([("label".to_owned(), wanted)])
}

fn port_key(port: &PortBinding) -> String {
    let protocol = match port.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    };
    format!("{}/{protocol}", port.container_port)
}

fn port_map(ports: &[PortBinding]) -> PortMap {
    let mut map = PortMap::new();
    for port in ports {
        let bindings = map.entry(port_key(port)).or_default().get_or_insert_default();
        bindings.push(WirePort {
            host_ip: Some(port.host_address.to_string()),
            // An empty port lets Docker choose one.
            host_port: Some(port.host_port.map(|port| port.to_string()).unwrap_or_default()),
        });
    }
    map
}

/// Ports that lead to a container; in a fixed order. What cannot be read is not there.
fn bound_ports(map: PortMap) -> Vec<PortBinding> {
    let mut ports: Vec<PortBinding> = map
        .into_iter()
        .filter_map(|(key, bindings)| Some((port_of_key(&key)?, bindings?)))
        .flat_map(|((container_port, protocol), bindings)| {
            bindings.into_iter().filter_map(move |binding| {
                Some(PortBinding {
                    container_port,
                    protocol,
                    host_address: binding.host_ip.as_deref().and_then(host_address)?,
                    host_port: Some(binding.host_port?.parse().ok()?),
                })
            })
        })
        .collect();
    ports.sort_by_key(|port| {
        (port.container_port, port.protocol, port.host_address, port.host_port)
    });
    ports
}

/// An engine leaves the address of every interface empty at times.
fn host_address(text: &str) -> Option<IpAddr> {
    if text.is_empty() { Some(IpAddr::from([0, 0, 0, 0])) } else { text.parse().ok() }
}

fn port_of_key(key: &str) -> Option<(u16, Protocol)> {
    let (port, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => return None,
    };
    Some((port.parse().ok()?, protocol))
}

fn restart(policy: RestartPolicy) -> WireRestart {
    match policy {
        RestartPolicy::No => {
            WireRestart { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }
        }
        RestartPolicy::OnFailure(times) => WireRestart {
            name: Some(RestartPolicyNameEnum::ON_FAILURE),
            maximum_retry_count: Some(i64::from(times)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::create_body;
    use crate::container::ContainerSpec;

    #[test]
    fn open_system_paths_are_said_as_the_docker_program_says_them() {
        let spec = |options: &[&str]| ContainerSpec {
            security_options: options.iter().map(|option| (*option).to_owned()).collect(),
            tty: true,
            ..ContainerSpec::new("node", "node:1", BTreeMap::new(), "kind")
        };
        let host =
            |options: &[&str]| create_body(&spec(options)).host_config.expect("a host config");
        let open = host(&["seccomp=unconfined", "systempaths=unconfined"]);
        assert_eq!(open.security_opt, Some(vec!["seccomp=unconfined".to_owned()]));
        assert_eq!((open.masked_paths, open.readonly_paths), (Some(Vec::new()), Some(Vec::new())));
        let closed = host(&["seccomp=unconfined"]);
        assert_eq!((closed.masked_paths, closed.readonly_paths), (None, None), "Docker's own");
    }
}
