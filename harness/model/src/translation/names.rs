//! Names of the objects that Cilium makes for a Gateway.

use gateproof_core::name::NamespacedName;
use ring::digest::{SHA256, digest};

use crate::Input;
use crate::facts::Behaviour;

/// Longest name of a Service, and so of what is named like it.
const LONGEST: usize = 63;

/// Shortens a name of more than 63 characters: its first 52, a dash, and ten characters of its
/// SHA-256 in letters that cannot be misread (cilium/cilium `pkg/shortener`).
pub(crate) fn shorten(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let hash: String = sha256_hex(name.as_bytes())
        .chars()
        .take(10)
        .map(|digit| match digit {
            '0' => 'g',
            '1' => 'h',
            '3' => 'k',
            'a' => 'm',
            'e' => 't',
            other => other,
        })
        .collect();
    let start: String = name.chars().take(52).collect();
    format!("{start}-{hash}")
}

/// The Service of a Gateway. Its prefix is fixed and is not the class's name.
pub fn service(gateway: &NamespacedName) -> NamespacedName {
    NamespacedName::new(
        gateway.namespace.as_str(),
        shorten(&format!("cilium-gateway-{}", gateway.name)),
    )
}

/// The CiliumEnvoyConfig of a Gateway.
pub(crate) fn envoy_config(input: &Input<'_>, gateway: &NamespacedName) -> NamespacedName {
    if input.holds(Behaviour::ShortEnvoyConfigName) {
        return service(gateway);
    }
    NamespacedName::new(gateway.namespace.as_str(), format!("cilium-gateway-{}", gateway.name))
}

/// The copy of a Secret that Envoy reads (cilium/cilium `pkg/secretsync/names`).
pub(crate) fn secret_copy(input: &Input<'_>, secret: &NamespacedName) -> NamespacedName {
    let [plain, hashed] = secret_copies(&input.config.secrets_namespace, secret);
    if input.holds(Behaviour::HashedSecretNames) { hashed } else { plain }
}

/// What the copy of a Secret may be called: plainly, and by a hash as in newer versions.
pub fn secret_copies(secrets_namespace: &str, secret: &NamespacedName) -> [NamespacedName; 2] {
    let text = format!("secret\0{}\0{}", secret.namespace, secret.name);
    [
        format!("{}-{}", secret.namespace, secret.name),
        format!("cilium-sync-secret-{}", sha256_hex(text.as_bytes())),
    ]
    .map(|name| NamespacedName::new(secrets_namespace, name))
}

/// The copy of an authority's ConfigMap that Envoy reads.
pub(crate) fn authority_copy(input: &Input<'_>, config_map: &NamespacedName) -> NamespacedName {
    let name = if input.holds(Behaviour::HashedSecretNames) {
        let text = format!("configmap\0{}\0{}", config_map.namespace, config_map.name);
        format!("cilium-sync-cfgmap-{}", sha256_hex(text.as_bytes()))
    } else {
        format!("{}-cfgmap-{}", config_map.namespace, config_map.name)
    };
    NamespacedName::new(input.config.secrets_namespace.as_str(), name)
}

/// A SHA-256 in hexadecimal digits.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    let nibbles = digest(&SHA256, bytes);
    let nibbles = nibbles.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
    use gateproof_core::name::NamespacedName;

    use super::{envoy_config, secret_copy, service, shorten};
    use crate::{Input, Resources};

    fn with<T>(version: &str, check: impl FnOnce(&Input<'_>) -> T) -> T {
        let version: CiliumVersion = version.parse().expect("a version");
        let (config, resources) = (CiliumConfig::default(), Resources::default());
        check(&Input::new(&version, &config, &resources))
    }

    #[test]
    fn names_of_63_characters_stay_and_longer_ones_are_cut() {
        let fits = "x".repeat(63);
        assert_eq!(shorten(&fits), fits);
        let short = shorten(&"x".repeat(64));
        assert_eq!(short.len(), 63);
        assert!(short.starts_with(&format!("{}-", "x".repeat(52))), "{short}");
        assert!(!short[53..].contains(['0', '1', '3', 'a', 'e']), "{short}");
        assert_ne!(short, shorten(&"x".repeat(65)), "names of different length differ");
    }

    #[test]
    fn a_long_gateway_name_splits_service_and_envoy_config_before_1_20() {
        let gateway = NamespacedName::new("n", "g".repeat(60));
        for (version, same) in [("1.19.5", false), ("1.20.0", true)] {
            let config = with(version, |input| envoy_config(input, &gateway));
            assert_eq!(config == service(&gateway), same, "{version}");
        }
    }

    #[test]
    fn copies_of_secrets_are_named_as_recorded() {
        let secret = NamespacedName::new("gateway", "wildcard");
        assert_eq!(with("1.20.0", |input| secret_copy(input, &secret)).name, "gateway-wildcard");
        assert_eq!(
            with("1.21-dev", |input| secret_copy(input, &secret)).name,
            "cilium-sync-secret-295222924dcfe088abf50e8501fe72586741f34fc10f6a1fd20f97da57325773"
        );
    }
}
