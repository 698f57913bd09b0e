//! Mirrors that pull through: one registry container for each registry that a run's images come
//! from, on the cluster's network, with its data on a named volume that outlives clusters. Pure.
//!
//! Nodes are told of a mirror by `hosts.toml` in containerd's folder for its upstream, which
//! containerd reads at every pull (containerd 2: `docs/hosts.md`; images of kind 0.27 and later
//! have `config_path=/etc/containerd/certs.d`). The upstream stays as the server, so a mirror that
//! is gone costs a try and not the pull. A registry mirrors one upstream only (distribution:
//! `docs/content/recipes/mirror.md`).

use std::collections::{BTreeMap, BTreeSet};

use crate::container::{ContainerSpec, Privileges, RestartPolicy};
use crate::image_reference::{DEFAULT_REGISTRY, ImageReference};

/// The image of a mirror.
pub const REGISTRY_IMAGE: &str = "registry:3";

/// Where a registry listens and keeps its data (distribution: `Dockerfile`, its configuration).
const PORT: u16 = 5000;
const DATA: &str = "/var/lib/registry";

/// Where Docker Hub's registry really is (moby: `registry/config.go`).
const DOCKER_HUB: &str = "registry-1.docker.io";

/// A mirror of one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The registry as references name it, such as `quay.io`.
    pub upstream: String,
    /// The mirror's container, which is also its name on the network.
    pub container: String,
    /// The volume with its data.
    pub volume: String,
}

impl Mirror {
    /// The mirrors that images need, sorted by registry; none for images that no registry has.
    pub fn of<'a>(references: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let upstreams: BTreeSet<String> = references
            .into_iter()
            .map(|reference| ImageReference::parse(reference).registry)
            .filter(|registry| registry != "localhost" && registry != "gateproof.local")
            .collect();
        upstreams.into_iter().map(Self::to).collect()
    }

    fn to(upstream: String) -> Self {
        let name: String = upstream
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .collect();
        let container = format!("gateproof-mirror-{name}");
        Self { upstream, volume: container.clone(), container }
    }

    /// Where the registry is.
    fn address(&self) -> String {
        let host = if self.upstream == DEFAULT_REGISTRY { DOCKER_HUB } else { &self.upstream };
        format!("https://{host}")
    }

    /// The mirror's container. It needs no rights and publishes nothing.
    pub fn spec(&self, network: &str, labels: BTreeMap<String, String>) -> ContainerSpec {
        ContainerSpec {
            name: self.container.clone(),
            image: REGISTRY_IMAGE.to_owned(),
            labels,
            env: vec![format!("REGISTRY_PROXY_REMOTEURL={}", self.address())],
            command: Vec::new(),
            entrypoint: None,
            network: network.to_owned(),
            privileges: Privileges::Default,
            security_options: Vec::new(),
            tmpfs: BTreeMap::new(),
            anonymous_volumes: Vec::new(),
            binds: vec![format!("{}:{DATA}", self.volume)],
            devices: Vec::new(),
            sysctls: BTreeMap::new(),
            ports: Vec::new(),
            restart: RestartPolicy::OnFailure(1),
            tty: false,
            host_user_namespace: false,
        }
    }

    /// The file that tells a node of the mirror, and what is in it.
    pub fn hosts_file(&self) -> (String, String) {
        let path = format!("/etc/containerd/certs.d/{}/hosts.toml", self.upstream);
        let content = format!(
            "server = \"{}\"\n\n[host.\"http://{}:{PORT}\"]\n  capabilities = [\"pull\", \"resolve\"]\n",
            self.address(),
            self.container
        );
        (path, content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registry_of_the_images_has_one_mirror() {
        let mirrors = Mirror::of([
            "quay.io/cilium/cilium:v1.20.2",
            "kindest/node:v1.36.4",
            "quay.io/jetstack/cert-manager-webhook:v1",
            "gateproof.local/gateproof:0.1.0",
            "localhost/mine",
            "registry.test:5000/a/b",
        ]);
        let names: Vec<(&str, &str)> = mirrors
            .iter()
            .map(|mirror| (mirror.upstream.as_str(), mirror.container.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                ("docker.io", "gateproof-mirror-docker-io"),
                ("quay.io", "gateproof-mirror-quay-io"),
                ("registry.test:5000", "gateproof-mirror-registry-test-5000"),
            ]
        );
    }

    #[test]
    fn nodes_are_told_of_the_mirror_and_the_mirror_of_its_upstream() {
        let [hub, quay] = &Mirror::of(["kindest/node:v1", "quay.io/a/b:1"])[..] else {
            panic!("two mirrors")
        };
        let (path, content) = quay.hosts_file();
        assert_eq!(path, "/etc/containerd/certs.d/quay.io/hosts.toml");
        assert_eq!(
            content,
            "server = \"https://quay.io\"\n\n\
             [host.\"http://gateproof-mirror-quay-io:5000\"]\n  \
             capabilities = [\"pull\", \"resolve\"]\n"
        );
        let (path, content) = hub.hosts_file();
        assert_eq!(path, "/etc/containerd/certs.d/docker.io/hosts.toml");
        assert!(content.contains("server = \"https://registry-1.docker.io\""), "{content}");
        content.parse::<toml_edit::DocumentMut>().unwrap();
        let spec = hub.spec("kind", BTreeMap::new());
        assert_eq!(spec.env, ["REGISTRY_PROXY_REMOTEURL=https://registry-1.docker.io"]);
        assert_eq!(spec.binds, ["gateproof-mirror-docker-io:/var/lib/registry"]);
        assert_eq!((spec.network.as_str(), spec.ports.len()), ("kind", 0));
    }
}
