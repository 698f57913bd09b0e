//! The name of an image, taken apart as Docker does it (distribution/reference: `normalize.go`).

/// The registry of a name that has none.
pub const DEFAULT_REGISTRY: &str = "docker.io";

/// The name of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// The registry's host, with its port; `docker.io` when the name has none.
    pub registry: String,
    /// The name as it was written, without tag and digest.
    pub name: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest, `sha256:…`.
    pub digest: Option<String>,
}

impl ImageReference {
    /// Takes a name apart. Whether it is a good one is for the engine to say.
    pub fn parse(text: &str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        // A colon before the last slash belongs to a registry's port.
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[last..].find(':') {
            Some(at) => (&rest[..last + at], Some(rest[last + at + 1..].to_owned())),
            None => (rest, None),
        };
        let registry = match name.split_once('/') {
            Some((host, _)) if host == "localhost" || host.contains(['.', ':']) => host,
            _ => DEFAULT_REGISTRY,
        };
        Self { registry: registry.to_owned(), name: name.to_owned(), tag, digest }
    }

    /// What a pull names besides the name: the digest where there is one, else the tag, else
    /// `latest`. Without it an engine would pull every tag.
    pub fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_as_docker_does_it() {
        for (text, registry, name, version) in [
            ("busybox", "docker.io", "busybox", "latest"),
            ("kindest/node:v1.36.4", "docker.io", "kindest/node", "v1.36.4"),
            ("kindest/node:v1.36.4@sha256:ab", "docker.io", "kindest/node", "sha256:ab"),
            ("quay.io/cilium/cilium:v1.20.0", "quay.io", "quay.io/cilium/cilium", "v1.20.0"),
            ("localhost/mine", "localhost", "localhost/mine", "latest"),
            ("127.0.0.1:5001/mine", "127.0.0.1:5001", "127.0.0.1:5001/mine", "latest"),
            ("registry:5000/a/b:1", "registry:5000", "registry:5000/a/b", "1"),
        ] {
            let reference = ImageReference::parse(text);
            let found = (reference.registry.as_str(), reference.name.as_str(), reference.version());
            assert_eq!(found, (registry, name, version), "{text}");
        }
    }
}
