//! The file that kubeadm is given: read strictly, and checked against this very node.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Phase;
use super::known::{misfits, shape};
use super::registration::{KubeletArguments, Role, node_object};
use crate::{Failure, node};

/// The token that everybody knows.
const TOKEN: &str = "abcdef.0123456789abcdef";

/// The documents of a file by kind.
#[derive(Debug)]
pub(super) struct Documents {
    path: String,
    by_kind: BTreeMap<String, Value>,
}

/// What `kubeadm init` makes of them.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    /// The cluster's name.
    pub(super) name: String,
    /// `host:port` of the API.
    pub(super) endpoint: String,
    /// Names of the API server's certificate.
    pub(super) names: Vec<String>,
    /// The token by which nodes join.
    pub(super) token: String,
}

impl Cluster {
    /// The host of the endpoint.
    pub(super) fn endpoint_host(&self) -> &str {
        self.endpoint.rsplit_once(':').map_or(&self.endpoint, |(host, _)| host)
    }
}

/// What `kubeadm join` makes of them.
#[derive(Debug, Clone)]
pub(super) struct Joining {
    /// What the node becomes.
    pub(super) role: Role,
    /// `host:port` of the API.
    pub(super) endpoint: String,
    /// The token.
    pub(super) token: String,
}

impl Documents {
    /// Reads the file.
    pub(super) fn read(path: &str) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!("unable to read config from {path:?}: {error}"))
        })?;
        Self::parse(path, &text, node::minor())
    }

    fn parse(path: &str, text: &str, minor: u32) -> Result<Self, Failure> {
        let all: Vec<Value> = serde_saphyr::from_multiple(text)
            .map_err(|error| Failure::new(format!("{path}: error parsing YAML: {error}")))?;
        let wanted = if minor >= 36 { "kubeadm.k8s.io/v1beta4" } else { "kubeadm.k8s.io/v1beta3" };
        let mut by_kind = BTreeMap::new();
        let mut problems = Vec::new();
        for document in all.into_iter().filter(|document| !document.is_null()) {
            let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
            let (version, kind) = (text("apiVersion"), text("kind"));
            let group_version = format!("schema.GroupVersionKind{{{version}, Kind={kind}}}");
            let Some(shape) = shape(&version, &kind) else {
                problems.push(format!("no kind {kind:?} is registered for version {version:?}"));
                continue;
            };
            if version.starts_with("kubeadm.k8s.io/") && version != wanted {
                problems.push(format!(
                    "{kind} is of {version}, and Kubernetes {} is given {wanted}",
                    node::version()
                ));
            }
            problems.extend(misfits(&document, shape, "").into_iter().map(|what| {
                format!(
                    "error unmarshaling configuration {group_version}: strict decoding error: {what}"
                )
            }));
            if by_kind.insert(kind.clone(), document).is_some() {
                problems.push(format!("found two {kind} documents in one file"));
            }
        }
        refuse(&problems)?;
        Ok(Self { path: path.to_owned(), by_kind })
    }

    /// What a first control plane needs.
    pub(super) fn for_init(&self) -> Result<Cluster, Failure> {
        let mut wrong = self.common("InitConfiguration")?;
        let cluster = self.document("ClusterConfiguration")?;
        let init = self.document("InitConfiguration")?;
        let at = |document: &Value, pointer: &str| {
            document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let version = at(cluster, "/kubernetesVersion");
        if version != node::version() {
            wrong.push(format!("kubernetesVersion is {version}, the node has {}", node::version()));
        }
        let token = at(init, "/bootstrapTokens/0/token");
        if token != TOKEN {
            wrong.push("bootstrapTokens has not the one token by which nodes join".to_owned());
        }
        wrong.extend(advertises(&init["localAPIEndpoint"], "localAPIEndpoint"));
        let endpoint = at(cluster, "/controlPlaneEndpoint");
        let name = at(cluster, "/clusterName");
        if endpoint != format!("{}:6443", node::host_name())
            && endpoint != format!("{name}-external-load-balancer:6443")
        {
            wrong.push(format!("controlPlaneEndpoint {endpoint:?} leads nowhere"));
        }
        let names: Vec<String> = cluster
            .pointer("/apiServer/certSANs")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        if !names.iter().any(|name| name == "localhost") {
            wrong.push(
                "apiServer.certSANs has no localhost, so nobody on the host can connect".to_owned(),
            );
        }
        for field in ["podSubnet", "serviceSubnet"] {
            if at(cluster, &format!("/networking/{field}")).is_empty() {
                wrong.push(format!("networking.{field} is missing"));
            }
        }
        refuse(&wrong)?;
        Ok(Cluster { name, endpoint, names, token })
    }

    /// What a joining node needs.
    pub(super) fn for_join(&self) -> Result<Joining, Failure> {
        let mut wrong = self.common("JoinConfiguration")?;
        let join = self.document("JoinConfiguration")?;
        let role = match join.pointer("/controlPlane/localAPIEndpoint") {
            None => Role::Worker,
            Some(endpoint) => {
                wrong.extend(advertises(endpoint, "controlPlane.localAPIEndpoint"));
                Role::ControlPlane
            }
        };
        let token = join.pointer("/discovery/bootstrapToken").unwrap_or(&Value::Null);
        let text = |field: &str| token[field].as_str().unwrap_or_default().to_owned();
        if text("token") != TOKEN {
            wrong.push("discovery.bootstrapToken.token: the cluster has no such token".to_owned());
        }
        if token["unsafeSkipCAVerification"] != true {
            wrong.push(
                "discovery.bootstrapToken: using token-based discovery without caCertHashes can be \
                 unsafe; set unsafeSkipCAVerification as true to continue"
                    .to_owned(),
            );
        }
        refuse(&wrong)?;
        Ok(Joining { role, endpoint: text("apiServerEndpoint"), token: text("token") })
    }

    /// The Node object, by the document of this phase.
    pub(super) fn node(&self, phase: Phase) -> Result<Value, Failure> {
        let kind = match phase {
            Phase::Init => "InitConfiguration",
            Phase::Join => "JoinConfiguration",
        };
        let arguments = self.kubelet_arguments(kind)?;
        let labels = arguments.get("node-labels").map(String::as_str).unwrap_or_default();
        let labels = labels
            .split(',')
            .filter(|label| !label.is_empty())
            .map(|label| match label.split_once('=') {
                Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
                None => Err(Failure::new(format!(
                    "kubelet: invalid argument for --node-labels flag: {label} must be formatted \
                     as key=value"
                ))),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let provider_id = arguments.get("provider-id").cloned().unwrap_or_default();
        node_object(&KubeletArguments { labels, provider_id })
    }

    /// The kubelet's own document, as kubeadm writes it for the kubelet.
    pub(super) fn kubelet_text(&self) -> String {
        self.by_kind.get("KubeletConfiguration").unwrap_or(&Value::Null).to_string()
    }

    /// What is wrong with the parts that both phases have.
    fn common(&self, kind: &str) -> Result<Vec<String>, Failure> {
        let document = self.document(kind)?;
        let kubelet = self.document("KubeletConfiguration")?;
        let mut wrong = Vec::new();
        let phases = document.get("skipPhases").and_then(Value::as_array);
        if !phases.into_iter().flatten().any(|phase| phase == "preflight") {
            wrong.push(
                "skipPhases lacks preflight, whose checks fail in a container ([ERROR \
                 SystemVerification], [ERROR FileContent--proc-sys-net-bridge-bridge-nf-call-iptables])"
                    .to_owned(),
            );
        }
        let socket = document.pointer("/nodeRegistration/criSocket").and_then(Value::as_str);
        if socket != Some("unix:///run/containerd/containerd.sock") {
            wrong.push(format!("nodeRegistration.criSocket is {socket:?}; nothing listens there"));
        }
        let driver = if node::minor() >= 24 { "systemd" } else { "cgroupfs" };
        for (field, expected) in [("cgroupDriver", driver), ("cgroupRoot", "/kubelet")] {
            if kubelet[field] != expected {
                wrong.push(format!(
                    "KubeletConfiguration.{field} is {}, expected {expected}",
                    kubelet[field]
                ));
            }
        }
        if kubelet["failSwapOn"] != false {
            wrong.push("kubelet: running with swap on is not supported (failSwapOn)".to_owned());
        }
        let arguments = self.kubelet_arguments(kind)?;
        let own: Vec<String> = node::addresses().iter().map(ToString::to_string).collect();
        let node_ip = arguments.get("node-ip").cloned().unwrap_or_default();
        if !node_ip.split(',').all(|address| own.iter().any(|own| own == address)) {
            wrong.push(format!("kubelet: --node-ip is {node_ip:?}, the node has {own:?}"));
        }
        let provider_id = arguments.get("provider-id").cloned().unwrap_or_default();
        if !provider_id.starts_with("kind://docker/")
            || !provider_id.ends_with(&format!("/{}", node::host_name()))
        {
            wrong.push(format!("kubelet: --provider-id is {provider_id:?}"));
        }
        Ok(wrong)
    }

    fn document(&self, kind: &str) -> Result<&Value, Failure> {
        self.by_kind.get(kind).ok_or_else(|| Failure::new(format!("{} has no {kind}", self.path)))
    }

    /// Extra arguments in either form.
    fn kubelet_arguments(&self, kind: &str) -> Result<BTreeMap<String, String>, Failure> {
        let arguments = self.document(kind)?.pointer("/nodeRegistration/kubeletExtraArgs");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(match arguments {
            Some(Value::Object(map)) => map.iter().map(|(k, v)| (k.clone(), text(v))).collect(),
            Some(Value::Array(list)) => {
                list.iter().map(|item| (text(&item["name"]), text(&item["value"]))).collect()
            }
            _ => BTreeMap::new(),
        })
    }
}

/// What is wrong with where an API server says that it is.
fn advertises(endpoint: &Value, field: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let own: Vec<String> = node::addresses().iter().map(ToString::to_string).collect();
    let advertised = endpoint["advertiseAddress"].as_str().unwrap_or_default();
    if !own.iter().any(|own| own == advertised) {
        wrong.push(format!("{field}.advertiseAddress is {advertised:?}, the node has {own:?}"));
    }
    if endpoint["bindPort"] != 6443 {
        wrong.push(format!("{field}.bindPort is not 6443"));
    }
    wrong
}

fn refuse(problems: &[String]) -> Result<(), Failure> {
    if problems.is_empty() { Ok(()) } else { Err(Failure::new(problems.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::Documents;

    fn problem(text: &str, minor: u32) -> String {
        match Documents::parse("/kind/kubeadm.conf", text, minor) {
            Ok(_) => String::new(),
            Err(failure) => failure.words,
        }
    }

    #[test]
    fn documents_are_of_the_version_that_fits_the_nodes_kubernetes() {
        let document = |version: &str| {
            format!("apiVersion: kubeadm.k8s.io/{version}\nkind: InitConfiguration\n")
        };
        assert_eq!(problem(&document("v1beta4"), 36), "");
        assert_eq!(problem(&document("v1beta3"), 35), "");
        assert!(problem(&document("v1beta3"), 36).contains("is given kubeadm.k8s.io/v1beta4"));
        assert!(problem(&document("v1beta4"), 35).contains("is given kubeadm.k8s.io/v1beta3"));
        assert!(problem(&document("v1beta2"), 36).contains("no kind \"InitConfiguration\""));
    }

    #[test]
    fn every_problem_is_told() {
        let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nskipPhase: []\n\
                    ---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n\
                    clusterNam: a\n";
        let words = problem(text, 36);
        for part in ["unknown field \"skipPhase\"", "unknown field \"clusterNam\""] {
            assert!(words.contains(part), "{words}");
        }
        assert!(problem("a: [", 36).contains("error parsing YAML"));
    }
}
