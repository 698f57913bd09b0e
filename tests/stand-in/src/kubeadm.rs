//! `kubeadm init`, `kubeadm join` and `kubeadm reset`.

pub(crate) mod authority;
mod documents;
mod known;
mod registration;

use std::fs;
use std::path::Path;
use std::time::Duration;

use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::{Client, Poll, wait};
use serde_json::{Value, json};

use crate::service::{Answer, Request};
use crate::{Failure, Outcome, block_on, journal, misbehaviour, node, service};
use documents::Documents;
use registration::Role;

const ADMIN: &str = "/etc/kubernetes/admin.conf";
const KUBELET: &str = "/etc/kubernetes/kubelet.conf";
/// How long a node may take until the API has it, as for the real program.
const REGISTERED_WITHIN: Duration = Duration::from_secs(40);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What kubeadm is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// `kubeadm init`
    Init,
    /// `kubeadm join`
    Join,
}

/// Runs a phase.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (phase, rest) = arguments
        .split_first()
        .ok_or_else(|| Failure::new("stand-in: kubeadm wants init, join or reset"))?;
    let config = config(rest)?;
    let outcome = match (phase.as_str(), config) {
        ("init", Some(path)) => init(&path),
        ("join", Some(path)) => join(&path),
        ("init" | "join", None) => Err(Failure::new("stand-in: kubeadm is run with --config here")),
        ("reset", None) => Ok(()),
        (other, _) => Err(Failure::new(format!("unknown command {other:?} for \"kubeadm\""))),
    };
    outcome.map_err(|mut failure| {
        failure
            .words
            .push_str("\nTo see the stack trace of this error execute with --v=5 or higher");
        journal::note(&format!("kubeadm: {}", failure.words));
        failure
    })
}

/// The file of `--config`, and nothing that the real program would not take.
fn config(arguments: &[String]) -> Result<Option<String>, Failure> {
    let mut config = None;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("--config", "") => config = words.next().cloned(),
            ("--config", path) => config = Some(path.to_owned()),
            ("--skip-token-print" | "--force" | "-f" | "--v", _) => {}
            (other, _) => return Err(Failure::new(format!("unknown flag: {other}"))),
        }
    }
    Ok(config)
}

fn init(path: &str) -> Outcome {
    if Path::new(ADMIN).exists() {
        return Err(Failure::new(format!(
            "error execution phase kubeconfig/admin: a kubeconfig file {ADMIN:?} exists already: \
             kubeadm init has run on this node"
        )));
    }
    let documents = Documents::read(path)?;
    let cluster = documents.for_init()?;
    println!("[init] Using Kubernetes version: {}", node::version());
    println!("[certs] Using certificateDir folder \"/etc/kubernetes/pki\"");
    let host = node::host_name();
    let mut names = cluster.names.clone();
    names.push(host.clone());
    names.push(cluster.endpoint_host().to_owned());
    names.extend(node::addresses().iter().map(ToString::to_string));
    let endpoint = format!("https://{}", cluster.endpoint);
    block_on(async {
        let request = Request::ControlPlane {
            cluster: cluster.name.clone(),
            url: endpoint.clone(),
            names,
            tokens: vec![cluster.token.clone()],
        };
        let Answer::ControlPlane(credentials) = service::ask(&request).await? else {
            return Err(Failure::new("stand-in: the control plane did not start"));
        };
        authority::write_files(&credentials)?;
        write(ADMIN, &credentials.admin)?;
        println!("[kubeconfig] Writing \"admin.conf\" kubeconfig file");
        write(
            "/etc/kubernetes/manifests/kube-apiserver.yaml",
            "# the stand-in serves by itself\n",
        )?;
        // The node's own way in, whatever clients outside are answered.
        let own = if misbehaviour::is("api-silent") { "https://127.0.0.1:7443" } else { &endpoint };
        let kubeconfig = credentials
            .admin
            .replace(&endpoint, own)
            .replace(&format!("https://{}:", cluster.endpoint_host()), &format!("https://{host}:"));
        let client = connect(&kubeconfig).await?;
        authority::publish(&client, &cluster, &credentials).await?;
        println!("[kubelet-start] Starting the kubelet");
        start_kubelet(&documents, Phase::Init, kubeconfig).await?;
        registered(&client, &host).await?;
        registration::mark_control_plane(&client, &host).await?;
        println!("\nYour Kubernetes control-plane has initialized successfully!");
        Ok(())
    })
}

fn join(path: &str) -> Outcome {
    if Path::new(KUBELET).exists() {
        return Err(Failure::new(format!(
            "error execution phase preflight: [preflight] Some fatal errors occurred:\n\t[ERROR \
             FileAvailable--etc-kubernetes-kubelet.conf]: {KUBELET} already exists"
        )));
    }
    let documents = Documents::read(path)?;
    let joining = documents.for_join()?;
    if joining.role == Role::ControlPlane {
        authority::must_be_shared()?;
    }
    println!("[preflight] Reading configuration from the \"kubeadm-config\" ConfigMap");
    block_on(async {
        let insecure = authority::bootstrap_kubeconfig(&joining.endpoint, &joining.token, None);
        let client = connect(&insecure).await?;
        let authority = authority::discover(&client, &joining.endpoint).await?;
        let kubeconfig =
            authority::bootstrap_kubeconfig(&joining.endpoint, &joining.token, Some(&authority));
        write(KUBELET, &kubeconfig)?;
        println!("[kubelet-start] Starting the kubelet");
        let host = node::host_name();
        if joining.role == Role::ControlPlane {
            let client = connect(&kubeconfig).await?;
            let to = format!("{}:6443", registration::first_control_plane(&client).await?);
            service::ask(&Request::Forward { to }).await?;
        }
        start_kubelet(&documents, Phase::Join, kubeconfig).await?;
        registered(&client, &host).await?;
        if joining.role == Role::ControlPlane {
            registration::mark_control_plane(&client, &host).await?;
        }
        println!("\nThis node has joined the cluster:");
        Ok(())
    })
}

async fn connect(kubeconfig: &str) -> Result<Client, Failure> {
    Client::from_kubeconfig_text(kubeconfig).await.map_err(|error| Failure::of(&error))
}

async fn start_kubelet(documents: &Documents, phase: Phase, kubeconfig: String) -> Outcome {
    write("/var/lib/kubelet/config.yaml", &documents.kubelet_text())?;
    let node = documents.node(phase)?;
    service::ask(&Request::Kubelet { kubeconfig, node, info: node::info() }).await?;
    Ok(())
}

/// Waits until the API has the node, as the real program does after it has started the kubelet.
async fn registered(client: &Client, name: &str) -> Outcome {
    let reference = object("v1", "Node", None, name);
    let look = || async {
        match client.get(&reference).await {
            Ok(Some(_)) => Poll::Ready(()),
            Ok(None) => Poll::NotYet { missing: format!("nodes \"{name}\" not found") },
            Err(error) => Poll::NotYet { missing: error.to_string() },
        }
    };
    // A node that never registers is not what kubeadm itself fails of with a worker.
    let within =
        if misbehaviour::is("never-registers") { Duration::ZERO } else { REGISTERED_WITHIN };
    match wait::until(within, LOOK_EVERY, |_| {}, look).await {
        Err(_) if misbehaviour::is("never-registers") => Ok(()),
        other => other
            .map_err(|error| Failure::new(format!("error execution phase kubelet-start: {error}"))),
    }
}

fn object(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
    ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    }
}

fn write(path: &str, text: &str) -> Outcome {
    if let Some(folder) = Path::new(path).parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).map_err(|error| Failure::new(format!("failed to write {path}: {error}")))
}

/// A ConfigMap.
fn config_map(namespace: &str, name: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace}, "data": data,
    })
}
