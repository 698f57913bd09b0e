//! The scenario's issuer: a ClusterIssuer named `gateproof`, for the Gateway annotation
//! `cert-manager.io/cluster-issuer: gateproof`.
//!
//! A CA issuer is bootstrapped as cert-manager's documentation has it (cert-manager/website,
//! `content/docs/configuration/selfsigned.md`): a SelfSigned issuer signs a root certificate, and
//! a CA issuer signs with its Secret.

use gateproof_core::name::NamespacedName;
use gateproof_core::scenario::ObjectRef;
use gateproof_core::scenario::issuer::{Issuer, Solver};
use serde_json::{Value, json};

use super::acme;
use super::name_server::{self, NameServer};

/// The ClusterIssuer that scenarios refer to.
pub(crate) const ISSUER: &str = "gateproof";

/// Where cert-manager looks for the Secrets of ClusterIssuers (`--cluster-resource-namespace`,
/// default of the chart).
pub(crate) const CERT_MANAGER_NAMESPACE: &str = "cert-manager";

const ROOT: &str = "gateproof-root";

/// The Secret whose certificate is the trust root of a CA issuer.
pub(crate) fn root_secret() -> NamespacedName {
    NamespacedName::new(CERT_MANAGER_NAMESPACE, ROOT)
}

/// The objects to apply, in order. Of an ACME server they are those that there will be: what they
/// hold is known when it is brought up.
pub(crate) fn objects(issuer: &Issuer) -> Vec<Value> {
    match issuer {
        Issuer::None => Vec::new(),
        Issuer::SelfSigned => vec![cluster_issuer(ISSUER, &json!({"selfSigned": {}}))],
        Issuer::Acme(settings) => {
            let server = NameServer::unknown();
            let (mut objects, server) = match &settings.solver {
                Solver::Http01(_) => (Vec::new(), None),
                Solver::Dns01(zones) => {
                    let mut objects = name_server::place();
                    objects.extend(name_server::server(zones, &server));
                    (objects, Some(&server))
                }
            };
            objects.extend(acme::server(settings, server));
            objects.push(acme::issuer(settings, server));
            objects
        }
        Issuer::Ca => vec![
            json!({"apiVersion": "v1", "kind": "Namespace",
                   "metadata": {"name": CERT_MANAGER_NAMESPACE}}),
            cluster_issuer("gateproof-bootstrap", &json!({"selfSigned": {}})),
            json!({
                "apiVersion": "cert-manager.io/v1",
                "kind": "Certificate",
                "metadata": {"name": ROOT, "namespace": CERT_MANAGER_NAMESPACE},
                "spec": {
                    "isCA": true,
                    "commonName": "Gateproof test root",
                    "secretName": ROOT,
                    "privateKey": {"algorithm": "ECDSA", "size": 256},
                    "issuerRef": {"name": "gateproof-bootstrap", "kind": "ClusterIssuer",
                                  "group": "cert-manager.io"},
                },
            }),
            cluster_issuer(ISSUER, &json!({"ca": {"secretName": ROOT}})),
        ],
    }
}

/// The object that must become ready, if there is an issuer.
pub(crate) fn must_be_ready(issuer: &Issuer) -> Option<ObjectRef> {
    (*issuer != Issuer::None).then(|| ObjectRef {
        api_version: "cert-manager.io/v1".to_owned(),
        kind: "ClusterIssuer".to_owned(),
        namespace: None,
        name: ISSUER.to_owned(),
    })
}

/// A ClusterIssuer.
pub(crate) fn cluster_issuer(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "ClusterIssuer",
        "metadata": {"name": name},
        "spec": spec,
    })
}
