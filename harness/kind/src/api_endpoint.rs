//! Where a cluster's API server answers, as seen from here and from inside its network.

use std::net::IpAddr;

use crate::container::{ContainerState, Protocol};
use crate::endpoint::Endpoint;
use crate::label;
use crate::plan::API_SERVER_PORT;

/// Docker Desktop's own word on where a port is reached (kubernetes-sigs/kind v0.33.0:
/// `pkg/cluster/internal/providers/docker/provider.go`, `GetAPIServerEndpoint`).
const DESKTOP_PORT: &str = "desktop.docker.io/ports/6443/tcp";

/// Where the API server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiEndpoint {
    /// The server for clients here.
    pub server: String,
    /// The name that its certificate has, where it does not have the one in `server`.
    pub certificate_name: Option<&'static str>,
    /// The container's name and port, for clients on the cluster's network.
    pub internal: (String, u16),
}

/// No API server can be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoApiEndpoint {
    /// There is no container that could have one.
    #[error("cluster {cluster} has no control plane among its containers ({})", list(containers))]
    NoControlPlane {
        /// The cluster.
        cluster: String,
        /// Its containers.
        containers: Vec<String>,
    },
    /// Several control planes have nobody before them.
    #[error("cluster {0} has several control planes and no load balancer")]
    NoLoadBalancer(String),
    /// The port is not published.
    #[error(
        "{container} does not publish port 6443, so its API server cannot be reached; {}",
        crate::actions::ended(phase)
    )]
    NotPublished {
        /// The container.
        container: String,
        /// What it is doing.
        phase: crate::container::Phase,
    },
    /// The port is published on an address of another machine that leads nowhere from here.
    #[error(
        "{container} publishes its API server on {address} of the engine's machine ({engine}), \
         which cannot be reached from here; set `networking.apiServerAddress` of the topology to \
         an address of that machine, or to 0.0.0.0"
    )]
    OtherMachine {
        /// The container.
        container: String,
        /// The address.
        address: IpAddr,
        /// The engine.
        engine: String,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "there are none".to_owned() } else { names.join(", ") }
}

/// Finds the API server of a cluster among its containers: that of the load balancer, else of the
/// only control plane.
///
/// # Errors
///
/// When there is none, or it cannot be reached from here.
pub fn find(
    cluster: &str,
    containers: &[ContainerState],
    engine: &Endpoint,
) -> Result<ApiEndpoint, NoApiEndpoint> {
    let container = entrance(cluster, containers)?;
    let internal = (container.name.clone(), API_SERVER_PORT);
    if let Some(socket) = container.labels.get(DESKTOP_PORT) {
        let server = format!("https://{socket}");
        return Ok(ApiEndpoint { server, certificate_name: Some("localhost"), internal });
    }
    let published = container
        .ports
        .iter()
        .find(|port| port.container_port == API_SERVER_PORT && port.protocol == Protocol::Tcp);
    let not_published = || NoApiEndpoint::NotPublished {
        container: container.name.clone(),
        phase: container.phase.clone(),
    };
    let published = published.ok_or_else(not_published)?;
    let port = published.host_port.ok_or_else(not_published)?;
    let address = published.host_address;
    let (host, certificate_name) = match machine(engine) {
        None if address.is_unspecified() && address.is_ipv6() => {
            ("[::1]".to_owned(), Some("localhost"))
        }
        None if address.is_unspecified() => ("127.0.0.1".to_owned(), Some("localhost")),
        Some(_) if address.is_loopback() => {
            return Err(NoApiEndpoint::OtherMachine {
                container: container.name.clone(),
                address,
                engine: engine.to_string(),
            });
        }
        Some(host) if address.is_unspecified() => (in_brackets(host), Some("localhost")),
        _ => (in_brackets(&address.to_string()), None),
    };
    Ok(ApiEndpoint { server: format!("https://{host}:{port}"), certificate_name, internal })
}

/// The container that clients speak to.
fn entrance<'c>(
    cluster: &str,
    containers: &'c [ContainerState],
) -> Result<&'c ContainerState, NoApiEndpoint> {
    let with = |role: &str| -> Vec<&'c ContainerState> {
        containers
            .iter()
            .filter(|container| container.labels.get(label::ROLE).is_some_and(|is| is == role))
            .collect()
    };
    if let [balancer, ..] = with(label::ROLE_LOAD_BALANCER).as_slice() {
        return Ok(balancer);
    }
    match with("control-plane").as_slice() {
        [only] => Ok(only),
        [] => Err(NoApiEndpoint::NoControlPlane {
            cluster: cluster.to_owned(),
            containers: containers.iter().map(|container| container.name.clone()).collect(),
        }),
        _ => Err(NoApiEndpoint::NoLoadBalancer(cluster.to_owned())),
    }
}

/// The engine's machine, when it is another one.
pub fn machine(engine: &Endpoint) -> Option<&str> {
    match engine {
        Endpoint::Unix(_) => None,
        Endpoint::Tcp { host, .. } => {
            let here = host == "localhost"
                || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
            (!here).then_some(host.as_str())
        }
        Endpoint::Ssh(target) => Some(target.host.as_str()),
    }
}

fn in_brackets(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{NoApiEndpoint, find};
    use crate::container::{ContainerState, Phase, PortBinding, Protocol};
    use crate::endpoint::Endpoint;
    use crate::label;

    fn container(name: &str, role: &str, published: Option<&str>) -> ContainerState {
        let ports = published.map(|address| PortBinding {
            container_port: 6443,
            protocol: Protocol::Tcp,
            host_address: address.parse().expect("an address"),
            host_port: Some(40123),
        });
        ContainerState {
            id: name.to_owned(),
            name: name.to_owned(),
            image: "kindest/node".to_owned(),
            labels: BTreeMap::from([(label::ROLE.to_owned(), role.to_owned())]),
            phase: Phase::Running,
            addresses: BTreeMap::new(),
            ports: ports.into_iter().collect(),
        }
    }

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse(text).expect("an endpoint")
    }

    #[test]
    fn the_address_that_works_from_here_is_found() {
        for (engine, published, server, name) in [
            ("unix:///x", "127.0.0.1", "https://127.0.0.1:40123", None),
            ("unix:///x", "0.0.0.0", "https://127.0.0.1:40123", Some("localhost")),
            ("unix:///x", "::1", "https://[::1]:40123", None),
            ("unix:///x", "192.0.2.7", "https://192.0.2.7:40123", None),
            ("tcp://127.0.0.1:2375", "127.0.0.1", "https://127.0.0.1:40123", None),
            ("tcp://docker.test:2376", "0.0.0.0", "https://docker.test:40123", Some("localhost")),
            ("ssh://me@docker.test", "0.0.0.0", "https://docker.test:40123", Some("localhost")),
            ("ssh://me@docker.test", "192.0.2.7", "https://192.0.2.7:40123", None),
        ] {
            let containers = [container("a-control-plane", "control-plane", Some(published))];
            let found = find("a", &containers, &endpoint(engine)).expect(engine);
            assert_eq!((found.server.as_str(), found.certificate_name), (server, name), "{engine}");
            assert_eq!(found.internal, ("a-control-plane".to_owned(), 6443));
        }
    }

    #[test]
    fn the_load_balancer_is_the_entrance_where_there_is_one() {
        let containers = [
            container("a-control-plane", "control-plane", None),
            container("a-control-plane2", "control-plane", None),
            container("a-external-load-balancer", "external-load-balancer", Some("127.0.0.1")),
        ];
        let found = find("a", &containers, &endpoint("unix:///x")).expect("an entrance");
        assert_eq!(found.internal.0, "a-external-load-balancer");
        let without = find("a", &containers[..2], &endpoint("unix:///x"));
        assert_eq!(without, Err(NoApiEndpoint::NoLoadBalancer("a".to_owned())));
    }

    #[test]
    fn docker_desktops_own_word_comes_first() {
        let mut only = container("a-control-plane", "control-plane", None);
        only.labels
            .insert("desktop.docker.io/ports/6443/tcp".to_owned(), "10.0.1.7:6443".to_owned());
        let found = find("a", &[only], &endpoint("unix:///x")).expect("an entrance");
        assert_eq!(found.server, "https://10.0.1.7:6443");
    }

    #[test]
    fn what_cannot_be_reached_says_why_and_what_to_do() {
        let stopped = ContainerState {
            phase: Phase::Exited { code: 137, out_of_memory: false },
            ..container("a-control-plane", "control-plane", None)
        };
        let local = container("a-control-plane", "control-plane", Some("127.0.0.1"));
        for (containers, engine, told) in [
            (vec![stopped], "unix:///x", "ended with exit code 137"),
            (vec![local], "ssh://docker.test", "set `networking.apiServerAddress`"),
            (vec![container("a-worker", "worker", None)], "unix:///x", "(a-worker)"),
            (vec![], "unix:///x", "there are none"),
        ] {
            let error = find("a", &containers, &endpoint(engine)).expect_err(told).to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
