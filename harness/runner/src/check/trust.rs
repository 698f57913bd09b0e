//! The trust roots of a scenario's issuer, read from the cluster.

use gateproof_core::scenario::ObjectRef;
use gateproof_core::scenario::issuer::Issuer;
use gateproof_core::verdict::Failure;
use gateproof_kubernetes::Client;
use gateproof_probe::TrustRoots;
use serde_json::Value;

use crate::cause::with_causes;
use crate::prerequisite::acme::{MANAGEMENT, ROOT_PATH};
use crate::prerequisite::issuer::root_secret;
use crate::step::undecided;

use super::place;

/// Reads the roots; none when the scenario has no issuer, so that nothing is trusted by accident.
pub(super) async fn roots(client: &Client, issuer: &Issuer) -> Result<TrustRoots, Box<Failure>> {
    let pem = match issuer {
        Issuer::None => String::new(),
        Issuer::Ca => {
            let name = root_secret();
            let secret = place::read(client, &secret_ref(&name.namespace, &name.name)).await?;
            secret.as_ref().and_then(|secret| certificate(secret, "tls.crt")).unwrap_or_default()
        }
        // Pebble's root is new at every start, and only Pebble has it.
        Issuer::Acme(_) => client.ask_service(MANAGEMENT, ROOT_PATH).await.map_err(|error| {
            Box::new(undecided("Pebble shows its root certificate", &with_causes(&error)))
        })?,
        Issuer::SelfSigned => {
            // Each leaf of a SelfSigned issuer is its own root.
            let secrets = place::list(client, "v1", "Secret").await?;
            let by_issuer = |secret: &&Value| {
                secret["metadata"]["annotations"].get("cert-manager.io/issuer-name").is_some()
            };
            secrets.iter().filter(by_issuer).filter_map(|s| certificate(s, "ca.crt")).collect()
        }
    };
    TrustRoots::from_pem(&pem).map_err(|error| {
        Box::new(undecided("the issuer's root certificate is readable", &with_causes(&error)))
    })
}

fn secret_ref(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    }
}

/// A certificate of a Secret's data, decoded. Keys are never read.
fn certificate(secret: &Value, key: &str) -> Option<String> {
    gateproof_kubernetes::secret::certificates(secret, key)
}
