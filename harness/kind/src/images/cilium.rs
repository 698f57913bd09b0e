//! The images of Cilium's charts.
//!
//! Agent and operator carry the release's version. Envoy and certgen have versions of their own,
//! which each release pins (cilium/cilium, `install/kubernetes/cilium/values.yaml` at the
//! release's tag). Of a release that is not in the table, those of the nearest one before it in
//! the same minor version are told, and that this is inferred.

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use serde_json::Value;

use super::needed::{Certainty, NeededImage};

/// The tag of an image and its digest.
type TagAndDigest = (&'static str, &'static str);

/// What a release pins besides its own images.
struct Pinned {
    minor: u64,
    patch: u64,
    /// Digest of `quay.io/cilium/cilium`, where it is known.
    agent: Option<&'static str>,
    envoy: TagAndDigest,
    certgen: TagAndDigest,
    /// Why it is not sure that certgen is this one, where that is so.
    certgen_inferred: Option<&'static str>,
    /// Where this is read.
    source: &'static str,
}

/// Sorted by version.
const PINNED: &[Pinned] = &[
    Pinned {
        minor: 18,
        patch: 10,
        agent: None,
        envoy: (
            "v1.36.6-1778235340-b87d1e32f522b33bd51701c6476d199326f01496",
            "71d4fa0ec45e8d546dbd5604e169dc77fe92be63b799313bff031d00d89762e3",
        ),
        certgen: ("v0.4.3", "d63d1cb3ee6db2167cb1ca9e7e31f30b6197846fcf42505d8f59e2f090a42c86"),
        certgen_inferred: None,
        source: "values.yaml of v1.18.10",
    },
    Pinned {
        minor: 19,
        patch: 6,
        agent: None,
        envoy: (
            "v1.36.9-1782267392-edeb3f2af56c37c407efa1f63f0b32f595399bbc",
            "767101fb8a5e38f055778cb43b7aa8eed80450b37f8121effac3d9de9e06dc99",
        ),
        certgen: ("v0.4.6", "511cedee817713fdf72db7e32fffb4b90da7747661b95180064f18198877626c"),
        certgen_inferred: None,
        source: "values.yaml of v1.19.6",
    },
    Pinned {
        minor: 20,
        patch: 0,
        agent: None,
        envoy: (
            "v1.37.5-1782911245-7cffc778c923f68a77954a53b1a98d6b5353f004",
            "583057dd4f7d54cd41efff3c413aa0b148ac201f522e2c3336851fa89c78b039",
        ),
        certgen: ("v0.4.1", "f0c656830e856d26b24b0e144df1f8b327d3b46748d76a630514111fc365b697"),
        // The released chart was not at hand.
        certgen_inferred: Some("from the branch before v1.20.0"),
        source: "the chart of 1.20.0",
    },
];

/// The digest of 1.20.2's agent, as that release runs (cilium/cilium, an issue's `cilium version`).
const AGENT_1_20_2: &str = "2939231d0d3e3ebddcd80fffa168b7ddcc78fdf0dc864d1c8c126ff523c54f01";

/// The images of a release with these values.
pub fn images(version: &CiliumVersion, config: &CiliumConfig, values: &Value) -> Vec<NeededImage> {
    let release = Release { version, values };
    let mut images = vec![release.own("image", "quay.io/cilium/cilium", "Cilium's agent")];
    images.push(release.own(
        "operator.image",
        "quay.io/cilium/operator-generic",
        "Cilium's operator",
    ));
    if config.external_envoy_proxy {
        let reason = "Envoy, in a DaemonSet of its own";
        images.push(release.pinned(
            "envoy.image",
            "quay.io/cilium/cilium-envoy",
            reason,
            |pinned| (pinned.envoy, None),
        ));
    }
    if makes_certificates_in_a_job(values) {
        let reason = "certgen, which makes Hubble's certificates";
        images.push(release.pinned("certgen.image", "quay.io/cilium/certgen", reason, |pinned| {
            (pinned.certgen, pinned.certgen_inferred)
        }));
    }
    images
}

/// Only then does the chart run certgen (`templates/hubble/tls-cronjob`). Gateproof switches
/// Hubble off unless the values say otherwise.
fn makes_certificates_in_a_job(values: &Value) -> bool {
    values.pointer("/hubble/enabled") == Some(&Value::Bool(true))
        && values.pointer("/hubble/tls/auto/method").and_then(Value::as_str) == Some("cronJob")
}

/// A release with its values.
struct Release<'a> {
    version: &'a CiliumVersion,
    values: &'a Value,
}

impl Release<'_> {
    fn reason(&self, what: &str) -> String {
        format!("{what}, {}", self.version)
    }

    /// What the values say instead of the chart's image.
    fn said(&self, path: &str) -> Option<NeededImage> {
        let pointer = |key: &str| format!("/{}/{key}", path.replace('.', "/"));
        let text = |key: &str| self.values.pointer(&pointer(key)).and_then(Value::as_str);
        let reference = text("override").filter(|reference| !reference.is_empty())?;
        Some(NeededImage {
            reference: reference.to_owned(),
            digest: None,
            reason: self.reason(&format!("{path}.override of the values")),
            certainty: Certainty::Known,
        })
    }

    fn named(&self, path: &str, repository: &str, tag: &str) -> (String, bool) {
        let pointer = |key: &str| format!("/{}/{key}", path.replace('.', "/"));
        let text = |key: &str| self.values.pointer(&pointer(key)).and_then(Value::as_str);
        let (said_repository, said_tag) = (text("repository"), text("tag"));
        // The operator's repository is written without the cloud it is built for.
        let repository = match said_repository {
            Some(said) if path == "operator.image" => format!("{said}-generic"),
            Some(said) => said.to_owned(),
            None => repository.to_owned(),
        };
        let usual = said_repository.is_none() && said_tag.is_none();
        (format!("{repository}:{}", said_tag.unwrap_or(tag)), usual)
    }

    /// An image that carries the release's version.
    fn own(&self, path: &str, repository: &str, what: &str) -> NeededImage {
        if let Some(said) = self.said(path) {
            return said;
        }
        let (reference, usual) = self.named(path, repository, &format!("v{}", self.version));
        let at = (self.version.minor(), self.version.patch());
        let known = PINNED.iter().find(|pinned| (pinned.minor, pinned.patch) == at);
        let digest = match path {
            "image" if at == (20, 2) => Some(AGENT_1_20_2),
            "image" => known.and_then(|pinned| pinned.agent),
            _ => None,
        };
        NeededImage {
            reference,
            digest: digest.filter(|_| usual).map(|digest| format!("sha256:{digest}")),
            reason: self.reason(what),
            certainty: Certainty::Known,
        }
    }

    /// An image that the release pins.
    fn pinned(
        &self,
        path: &str,
        repository: &str,
        what: &str,
        of: fn(&Pinned) -> (TagAndDigest, Option<&'static str>),
    ) -> NeededImage {
        if let Some(said) = self.said(path) {
            return said;
        }
        let at = (self.version.minor(), self.version.patch());
        let before = PINNED.iter().rev().find(|pinned| (pinned.minor, pinned.patch) <= at);
        let nearest = before.unwrap_or(&PINNED[0]);
        let ((tag, digest), inferred) = of(nearest);
        let (reference, usual) = self.named(path, repository, tag);
        let certainty = if !usual {
            Certainty::Known
        } else if let Some(from) = inferred {
            Certainty::Inferred(from.to_owned())
        } else if (nearest.minor, nearest.patch) == at {
            Certainty::Known
        } else {
            Certainty::Inferred(format!("from {}", nearest.source))
        };
        NeededImage {
            reference,
            digest: usual.then(|| format!("sha256:{digest}")),
            reason: self.reason(what),
            certainty,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(version: &str, values: &Value) -> Vec<NeededImage> {
        let version: CiliumVersion = version.parse().unwrap();
        let config = gateproof_core::cilium::values::config(&version, values);
        images(&version, &config, values)
    }

    #[test]
    fn a_release_in_the_table_is_known_and_another_is_inferred_from_the_one_before() {
        let known = listed("1.18.10", &json!({}));
        let names: Vec<&str> = known.iter().map(|image| image.reference.as_str()).collect();
        assert_eq!(
            names[..2],
            ["quay.io/cilium/cilium:v1.18.10", "quay.io/cilium/operator-generic:v1.18.10"]
        );
        assert!(names[2].starts_with("quay.io/cilium/cilium-envoy:v1.36.6-"), "{names:?}");
        assert!(known.iter().all(|image| image.certainty == Certainty::Known));
        let inferred = listed("1.20.2", &json!({}));
        assert!(inferred[2].reference.contains(":v1.37.5-"), "{inferred:?}");
        assert!(
            matches!(&inferred[2].certainty, Certainty::Inferred(from) if from.contains("1.20.0"))
        );
        assert_eq!(inferred[0].certainty, Certainty::Known);
        assert!(inferred[0].digest.as_ref().is_some_and(|digest| digest.starts_with("sha256:29")));
    }

    #[test]
    fn images_follow_the_values() {
        let embedded = listed("1.20.2", &json!({"envoy": {"enabled": false}}));
        assert_eq!(embedded.len(), 2, "{embedded:?}");
        let with_certgen =
            json!({"hubble": {"enabled": true, "tls": {"auto": {"method": "cronJob"}}}});
        assert!(listed("1.20.2", &with_certgen)[3].reference.contains("cilium/certgen:"));
        let certainty = |version| listed(version, &with_certgen)[3].certainty.clone();
        let of_branch = Certainty::Inferred("from the branch before v1.20.0".to_owned());
        assert_eq!([certainty("1.20.0"), certainty("1.19.6")], [of_branch, Certainty::Known]);
        let other = json!({"hubble": {"tls": {"auto": {"method": "cronJob"}}}});
        assert_eq!(listed("1.20.2", &other).len(), 3, "Hubble is off");
        let mirrored = json!({
            "image": {"override": "mirror.test/agent:1"},
            "operator": {"image": {"repository": "mirror.test/operator", "tag": "v2"}},
        });
        let mirrored = listed("1.20.2", &mirrored);
        assert_eq!(mirrored[0].reference, "mirror.test/agent:1");
        assert_eq!(mirrored[1].reference, "mirror.test/operator-generic:v2");
        assert!(mirrored[..2].iter().all(|image| image.digest.is_none()));
    }
}
