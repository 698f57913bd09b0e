//! Certificate authorities in files, and how a joining node finds the cluster's.

use gateproof_kubernetes::Client;
use k8s_openapi::ByteString;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use serde_json::{Value, json};

use super::documents::Cluster;
use super::{config_map, object, write};
use crate::service::Credentials;
use crate::{Failure, Outcome, node};

const PKI: &str = "/etc/kubernetes/pki";

/// Writes what a real control plane has in its folder of certificates.
pub(super) fn write_files(credentials: &Credentials) -> Outcome {
    let failed = |error: rcgen::Error| Failure::new(error.to_string());
    write(&format!("{PKI}/ca.crt"), &credentials.authority)?;
    write(&format!("{PKI}/ca.key"), &credentials.authority_key)?;
    for (file, name) in [("front-proxy-ca", "front-proxy-ca"), ("etcd/ca", "etcd-ca")] {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).map_err(failed)?;
        write(&format!("{PKI}/{file}.crt"), &certificate.pem())?;
        write(&format!("{PKI}/{file}.key"), &key.serialize_pem())?;
    }
    let key = KeyPair::generate().map_err(failed)?;
    write(&format!("{PKI}/sa.key"), &key.serialize_pem())?;
    write(&format!("{PKI}/sa.pub"), &key.public_key_pem())
}

/// Fails where a further control plane lacks what the first one must have given to it, as kubeadm
/// does without `--upload-certs` (kubernetes/kubernetes v1.36:
/// `cmd/kubeadm/app/phases/certs/certs.go`, `SharedCertificateExists`).
pub(super) fn must_be_shared() -> Outcome {
    let files = ["ca.crt", "ca.key", "sa.key", "sa.pub", "front-proxy-ca.crt", "etcd/ca.crt"];
    for path in files.map(|file| format!("{PKI}/{file}")) {
        if !std::path::Path::new(&path).exists() {
            return Err(Failure::new(format!(
                "error execution phase control-plane-prepare/certs: failure loading certificate \
                 for CA: couldn't load the certificate file {path}: open {path}: no such file or \
                 directory"
            )));
        }
    }
    Ok(())
}

/// Gives the node a certificate authority to trust, which every operating system has and programs
/// count on; nobody has its key.
pub(crate) fn write_trusted() -> Outcome {
    let failed = |error: rcgen::Error| Failure::new(error.to_string());
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "nobody");
    let certificate = params.self_signed(&key).map_err(failed)?;
    write("/etc/ssl/certs/ca-certificates.crt", &certificate.pem())
}

/// Publishes what joining nodes ask for.
pub(super) async fn publish(
    client: &Client,
    cluster: &Cluster,
    credentials: &Credentials,
) -> Outcome {
    let failed = |error: gateproof_kubernetes::RequestError| {
        Failure::new(format!("error execution phase upload-config/kubeadm: {error}"))
    };
    let information = json!({"ca.crt": credentials.authority, "endpoint": cluster.endpoint});
    let map = config_map("kube-public", "cluster-info", &information);
    client.apply(&map, "kubeadm").await.map_err(failed)?;
    let data = json!({"kubernetesVersion": node::version(), "clusterName": cluster.name});
    let map = config_map("kube-system", "kubeadm-config", &data);
    client.apply(&map, "kubeadm").await.map_err(failed)?;
    println!("[upload-config] Storing the configuration used in ConfigMap \"kubeadm-config\"");
    Ok(())
}

/// Asks the cluster for its authority, without knowing whom one speaks to.
pub(super) async fn discover(client: &Client, endpoint: &str) -> Result<String, Failure> {
    let reference = object("v1", "ConfigMap", Some("kube-public"), "cluster-info");
    let refused = |words: String| {
        Failure::new(format!(
            "error execution phase preflight: couldn't validate the identity of the API Server: \
             failed to request the cluster-info ConfigMap from {endpoint}: {words}"
        ))
    };
    let map = client
        .get(&reference)
        .await
        .map_err(|error| refused(error.to_string()))?
        .ok_or_else(|| refused("configmaps \"cluster-info\" not found".to_owned()))?;
    let authority = map.pointer("/data").and_then(|data| data.get("ca.crt")?.as_str());
    authority.map(str::to_owned).ok_or_else(|| refused("it has no authority".to_owned()))
}

/// A kubeconfig with the token of a joining node.
pub(super) fn bootstrap_kubeconfig(endpoint: &str, token: &str, authority: Option<&str>) -> String {
    let mut cluster = json!({"server": format!("https://{endpoint}")});
    match authority {
        Some(pem) => {
            let octets = ByteString(pem.as_bytes().to_vec());
            cluster["certificate-authority-data"] =
                serde_json::to_value(octets).unwrap_or(Value::Null);
        }
        None => cluster["insecure-skip-tls-verify"] = true.into(),
    }
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "default",
        "clusters": [{"name": "default", "cluster": cluster}],
        "users": [{"name": "default", "user": {"token": token}}],
        "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
    })
    .to_string()
}
