//! Mirrors that pull through: one registry container for each registry that nodes pull from. The
//! containers are the cluster's and go with it; their data is on named volumes that stay.
//!
//! Nodes are told of a mirror by `hosts.toml` in containerd's folder for its upstream, which
//! containerd reads at every pull (containerd 2: `docs/hosts.md`; images of kind 0.27 and later
//! have `config_path=/etc/containerd/certs.d`). The upstream stays as the server, so a mirror that
//! is gone costs a try and not the pull. A registry mirrors one upstream only (distribution:
//! `docs/content/recipes/mirror.md`).
//!
//! Mirrors of several clusters share a volume. That is inferred to be fine: what they keep is named
//! by its digest, and nothing expires, which is what a registry keeps notes of
//! (distribution v3: `registry/proxy/proxyregistry.go`).

use std::collections::{BTreeMap, BTreeSet};

use super::{FilePlan, Request, containers};
use crate::container::{ContainerSpec, RestartPolicy};
use crate::image_reference::{DEFAULT_REGISTRY, ImageReference};
use crate::label;
use crate::volume::VolumeState;

/// The usual image of a mirror.
pub const REGISTRY_IMAGE: &str = "registry:3";

/// Where a registry listens and keeps its data (distribution: `Dockerfile`, its configuration).
const PORT: u16 = 5000;
const DATA: &str = "/var/lib/registry";

/// Where Docker Hub's registry really is (moby: `registry/config.go`).
const DOCKER_HUB: &str = "registry-1.docker.io";

/// A mirror of one registry.
#[derive(Debug, Clone, PartialEq)]
pub struct Mirror {
    /// The registry as references name it, such as `quay.io`.
    pub upstream: String,
    /// The volume with its data, which no run owns.
    pub volume: VolumeState,
    /// The mirror's container.
    pub container: ContainerSpec,
}

/// The registries that images are pulled from, sorted; none for images that no registry has.
fn upstreams(references: &[String]) -> BTreeSet<String> {
    references
        .iter()
        .map(|reference| ImageReference::parse(reference).registry)
        .filter(|registry| registry != "localhost" && registry != "gateproof.local")
        .collect()
}

/// The names of the mirrors' containers, numbered as kind numbers nodes.
pub(super) fn names(request: &Request<'_>) -> Vec<String> {
    if request.settings.registry_mirror.is_none() {
        return Vec::new();
    }
    (1..=upstreams(request.images).len())
        .map(|number| match number {
            1 => format!("{}-{}", request.name, label::ROLE_MIRROR),
            _ => format!("{}-{}{number}", request.name, label::ROLE_MIRROR),
        })
        .collect()
}

/// The mirrors, where the user wants them.
pub(super) fn plan(request: &Request<'_>) -> Vec<Mirror> {
    let Some(image) = &request.settings.registry_mirror else { return Vec::new() };
    let upstreams = upstreams(request.images).into_iter();
    upstreams.zip(names(request)).map(|(of, name)| mirror(of, name, image, request)).collect()
}

/// It needs no rights and publishes nothing.
fn mirror(upstream: String, name: String, image: &str, request: &Request<'_>) -> Mirror {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let volume = VolumeState {
        name: format!("gateproof-mirror-{}", upstream.chars().map(plain).collect::<String>()),
        labels: BTreeMap::from([(label::MIRROR.to_owned(), upstream.clone())]),
    };
    let mut container = containers::common(name, label::ROLE_MIRROR, request);
    image.clone_into(&mut container.image);
    container.env.push(format!("REGISTRY_PROXY_REMOTEURL={}", address(&upstream)));
    container.env.push("REGISTRY_PROXY_TTL=0".to_owned());
    container.env.sort();
    container.binds = vec![format!("{}:{DATA}", volume.name)];
    container.devices.clear();
    container.restart = RestartPolicy::No;
    container.tty = false;
    Mirror { upstream, volume, container }
}

/// Where a registry is.
fn address(upstream: &str) -> String {
    let host = if upstream == DEFAULT_REGISTRY { DOCKER_HUB } else { upstream };
    format!("https://{host}")
}

impl Mirror {
    /// The file that tells a node of the mirror.
    pub fn hosts_file(&self) -> FilePlan {
        FilePlan {
            path: format!("/etc/containerd/certs.d/{}/hosts.toml", self.upstream),
            content: format!(
                "server = \"{}\"\n\n[host.\"http://{}:{PORT}\"]\n  \
                 capabilities = [\"pull\", \"resolve\"]\n",
                address(&self.upstream),
                self.container.name
            ),
        }
    }
}
