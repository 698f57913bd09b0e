//! The fields that kubeadm's documents have, by version.
//!
//! From the types of kubernetes/kubernetes v1.36: `cmd/kubeadm/app/apis/kubeadm/{v1beta3,v1beta4}`,
//! `staging/src/k8s.io/kubelet/config/v1beta1`, `staging/src/k8s.io/kube-proxy/config/v1alpha1`. Of
//! the last two the fields that clusters in containers are given; another one is refused here, and
//! has to be added with its type.

use serde_json::Value;

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A list.
    List(&'static Shape),
    /// A mapping of texts.
    Texts,
    /// A mapping of flags.
    Flags,
    /// An object with these fields and no others.
    Object(&'static [(&'static str, Shape)]),
}

use Shape::{Flag, Flags, List, Number, Object, Text, Texts};

const NAME_VALUE: Shape = List(&Object(&[("name", Text), ("value", Text)]));
const VOLUMES: Shape = List(&Object(&[
    ("name", Text),
    ("hostPath", Text),
    ("mountPath", Text),
    ("readOnly", Flag),
    ("pathType", Text),
]));
const ENDPOINT: Shape = Object(&[("advertiseAddress", Text), ("bindPort", Number)]);
const TAINTS: Shape = List(&Object(&[("key", Text), ("value", Text), ("effect", Text)]));
const TOKENS: Shape = List(&Object(&[
    ("token", Text),
    ("description", Text),
    ("ttl", Text),
    ("expires", Text),
    ("usages", List(&Text)),
    ("groups", List(&Text)),
]));
const DISCOVERY: Shape = Object(&[
    (
        "bootstrapToken",
        Object(&[
            ("token", Text),
            ("apiServerEndpoint", Text),
            ("caCertHashes", List(&Text)),
            ("unsafeSkipCAVerification", Flag),
        ]),
    ),
    ("file", Object(&[("kubeConfigPath", Text)])),
    ("tlsBootstrapToken", Text),
    ("timeout", Text),
]);
const NETWORKING: Shape =
    Object(&[("serviceSubnet", Text), ("podSubnet", Text), ("dnsDomain", Text)]);
const TIMEOUTS: Shape = Object(&[
    ("controlPlaneComponentHealthCheck", Text),
    ("kubeletHealthCheck", Text),
    ("kubernetesAPICall", Text),
    ("etcdAPICall", Text),
    ("tlsBootstrap", Text),
    ("discovery", Text),
    ("upgradeManifests", Text),
]);

macro_rules! registration {
    ($arguments:expr) => {
        Object(&[
            ("name", Text),
            ("criSocket", Text),
            ("taints", TAINTS),
            ("kubeletExtraArgs", $arguments),
            ("ignorePreflightErrors", List(&Text)),
            ("imagePullPolicy", Text),
            ("imagePullSerial", Flag),
        ])
    };
}

macro_rules! component {
    ($arguments:expr) => {
        Object(&[("extraArgs", $arguments), ("extraVolumes", VOLUMES), ("extraEnvs", NAME_VALUE)])
    };
}

macro_rules! cluster {
    ($arguments:expr) => {
        Object(&[
            ("apiVersion", Text),
            ("kind", Text),
            ("kubernetesVersion", Text),
            ("clusterName", Text),
            ("controlPlaneEndpoint", Text),
            (
                "apiServer",
                Object(&[
                    ("certSANs", List(&Text)),
                    ("extraArgs", $arguments),
                    ("extraVolumes", VOLUMES),
                    ("extraEnvs", NAME_VALUE),
                    ("timeoutForControlPlane", Text),
                ]),
            ),
            ("controllerManager", component!($arguments)),
            ("scheduler", component!($arguments)),
            (
                "etcd",
                Object(&[(
                    "local",
                    Object(&[
                        ("dataDir", Text),
                        ("extraArgs", $arguments),
                        ("extraEnvs", NAME_VALUE),
                        ("imageRepository", Text),
                        ("imageTag", Text),
                        ("serverCertSANs", List(&Text)),
                        ("peerCertSANs", List(&Text)),
                    ]),
                )]),
            ),
            ("dns", Object(&[("imageRepository", Text), ("imageTag", Text), ("disabled", Flag)])),
            ("networking", NETWORKING),
            ("certificatesDir", Text),
            ("imageRepository", Text),
            ("featureGates", Flags),
        ])
    };
}

const CLUSTER_3: Shape = cluster!(Texts);
const CLUSTER_4: Shape = cluster!(NAME_VALUE);

macro_rules! init {
    ($arguments:expr) => {
        Object(&[
            ("apiVersion", Text),
            ("kind", Text),
            ("bootstrapTokens", TOKENS),
            ("localAPIEndpoint", ENDPOINT),
            ("nodeRegistration", registration!($arguments)),
            ("skipPhases", List(&Text)),
            ("patches", Object(&[("directory", Text)])),
            ("certificateKey", Text),
            ("dryRun", Flag),
            ("timeouts", TIMEOUTS),
        ])
    };
}

const INIT_3: Shape = init!(Texts);
const INIT_4: Shape = init!(NAME_VALUE);

macro_rules! join {
    ($arguments:expr) => {
        Object(&[
            ("apiVersion", Text),
            ("kind", Text),
            ("nodeRegistration", registration!($arguments)),
            ("caCertPath", Text),
            ("discovery", DISCOVERY),
            ("controlPlane", Object(&[("localAPIEndpoint", ENDPOINT), ("certificateKey", Text)])),
            ("skipPhases", List(&Text)),
            ("patches", Object(&[("directory", Text)])),
            ("dryRun", Flag),
            ("timeouts", TIMEOUTS),
        ])
    };
}

const JOIN_3: Shape = join!(Texts);
const JOIN_4: Shape = join!(NAME_VALUE);

const KUBELET: Shape = Object(&[
    ("apiVersion", Text),
    ("kind", Text),
    ("address", Text),
    ("cgroupDriver", Text),
    ("cgroupRoot", Text),
    ("containerLogMaxSize", Text),
    ("evictionHard", Texts),
    ("failSwapOn", Flag),
    ("failCgroupV1", Flag),
    ("featureGates", Flags),
    ("healthzBindAddress", Text),
    ("imageGCHighThresholdPercent", Number),
    ("imageGCLowThresholdPercent", Number),
    ("maxPods", Number),
    ("serializeImagePulls", Flag),
    ("systemReserved", Texts),
]);

const KUBE_PROXY: Shape = Object(&[
    ("apiVersion", Text),
    ("kind", Text),
    ("mode", Text),
    ("featureGates", Flags),
    ("iptables", Object(&[("minSyncPeriod", Text), ("syncPeriod", Text)])),
    (
        "conntrack",
        Object(&[
            ("maxPerCore", Number),
            ("tcpBeLiberal", Flag),
            ("tcpEstablishedTimeout", Text),
            ("tcpCloseWaitTimeout", Text),
        ]),
    ),
]);

/// The shape of a document; `None` when kubeadm does not know such a kind in this version.
pub(super) fn shape(api_version: &str, kind: &str) -> Option<Shape> {
    Some(match (api_version, kind) {
        ("kubeadm.k8s.io/v1beta3", "ClusterConfiguration") => CLUSTER_3,
        ("kubeadm.k8s.io/v1beta4", "ClusterConfiguration") => CLUSTER_4,
        ("kubeadm.k8s.io/v1beta3", "InitConfiguration") => INIT_3,
        ("kubeadm.k8s.io/v1beta4", "InitConfiguration") => INIT_4,
        ("kubeadm.k8s.io/v1beta3", "JoinConfiguration") => JOIN_3,
        ("kubeadm.k8s.io/v1beta4", "JoinConfiguration") => JOIN_4,
        ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration") => KUBELET,
        ("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration") => KUBE_PROXY,
        _ => return None,
    })
}

/// What does not fit, each in the words of a strict decoder.
pub(super) fn misfits(value: &Value, shape: Shape, path: &str) -> Vec<String> {
    let wrong = |expected: &str| {
        vec![format!("json: cannot unmarshal {value} into field {path} of type {expected}")]
    };
    let each = |items: &mut dyn Iterator<Item = (String, &Value)>, shape: Shape| {
        items.flat_map(|(path, item)| misfits(item, shape, &path)).collect()
    };
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (shape, value) {
        // Nothing is said, whatever could be: kind itself writes `extraArgs:` with nothing behind.
        (_, Value::Null) => Vec::new(),
        (Text, Value::String(_)) | (Number, Value::Number(_)) | (Flag, Value::Bool(_)) => {
            Vec::new()
        }
        (List(shape), Value::Array(items)) => each(
            &mut items.iter().enumerate().map(|(index, it)| (format!("{path}[{index}]"), it)),
            *shape,
        ),
        (Texts, Value::Object(fields)) => {
            each(&mut fields.iter().map(|(key, it)| (below(key), it)), Text)
        }
        (Flags, Value::Object(fields)) => {
            each(&mut fields.iter().map(|(key, it)| (below(key), it)), Flag)
        }
        (Object(known), Value::Object(fields)) => fields
            .iter()
            .flat_map(|(key, it)| match known.iter().find(|(name, _)| name == key) {
                Some((_, shape)) => misfits(it, *shape, &below(key)),
                None => vec![format!("unknown field {:?}", below(key))],
            })
            .collect(),
        (Text, _) => wrong("string"),
        (Number, _) => wrong("int32"),
        (Flag, _) => wrong("bool"),
        (List(_), _) => wrong("[]"),
        (Texts | Flags, _) => wrong("map"),
        (Object(_), _) => wrong("struct"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{misfits, shape};

    #[test]
    fn fields_of_one_version_are_unknown_to_the_other() {
        let list = json!({"scheduler": {"extraArgs": [{"name": "v", "value": "2"}]}});
        let map = json!({"scheduler": {"extraArgs": {"v": "2"}}});
        let found = |version: &str, document: &serde_json::Value| {
            let shape = shape(&format!("kubeadm.k8s.io/{version}"), "ClusterConfiguration");
            misfits(document, shape.expect("a known kind"), "").join("; ")
        };
        assert_eq!(found("v1beta4", &list), "");
        assert_eq!(found("v1beta3", &map), "");
        assert_eq!(found("v1beta4", &json!({"scheduler": {"extraArgs": null}})), "");
        assert!(found("v1beta3", &list).contains("scheduler.extraArgs of type map"));
        assert!(found("v1beta4", &map).contains("scheduler.extraArgs of type []"));
        let typo = json!({"apiServer": {"certSans": []}, "networking": {"podSubnet": 1}});
        let words = found("v1beta4", &typo);
        assert!(words.contains("unknown field \"apiServer.certSans\""), "{words}");
        assert!(words.contains("networking.podSubnet of type string"), "{words}");
    }

    #[test]
    fn kinds_and_versions_that_kubeadm_does_not_read_have_no_shape() {
        assert!(shape("kubeadm.k8s.io/v1beta2", "InitConfiguration").is_none());
        assert!(shape("kubeadm.k8s.io/v1beta4", "Cluster").is_none());
    }
}
