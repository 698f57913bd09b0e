//! A cluster, a Helm, a witness and a ledger for one test.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateproof_core::cilium::values::config;
use gateproof_core::name::ClusterName;
use gateproof_core::plan::ClusterPlan;
use gateproof_core::scenario::GatewayApi;
use gateproof_core::setup::{self, GivenFile};
use gateproof_core::topology::IpFamily;
use gateproof_embedded::api::Clock;
use gateproof_embedded::{EmbeddedCluster, EmbeddedProvider};
use gateproof_kubernetes::{
    Action, Client, Cluster, Ledger, LedgerError, News, StackRequest, Surroundings, Thing, Witness,
};
use gateproof_stack::{
    ApiServer, ChartSource, ClusterFacts, CrdSource, Downloads, HelmSource, Images, Installed,
    KubeProxy, Kubeconfig, LoadBalancing, Settings, StackError, Target,
};
use serde_json::{Value, json};

/// What the stand-in does: it writes down what it is asked, and copies what it is given.
const HELM: &str = r#"
here=$(dirname "$0")
echo "helm $*" >> "$here/asked"
copy() {
    cat "$2" > "$here/$1-$3"
    stat -c %a "$2" > "$here/$1-mode"
}
case $1 in
version) echo v3.19.0 ;;
show)
    case $* in
    *cert-manager*) cat "$here/cert-manager.yaml" ;;
    *) cat "$here/chart.yaml" ;;
    esac
    ;;
upgrade)
    name=$2
    while [ $# -gt 1 ]; do
        case $1 in
        --values) copy "$name" "$2" values.yaml ;;
        --kubeconfig) copy "$name" "$2" kubeconfig ;;
        esac
        shift
    done
    ;;
esac
"#;

/// As much of Cilium's `values.yaml` as the tests speak of.
const CHART: &str = "\
gatewayAPI: {enabled: false, hostNetwork: {enabled: false}}
kubeProxyReplacement: \"false\"
tls: {ca: {cert: \"\", key: \"\"}}
";

/// As much of cert-manager's.
const CERT_MANAGER_CHART: &str = "\
crds: {enabled: false, keep: true}
config: {}
replicaCount: 1
webhook: {replicaCount: 1}
startupapicheck: {enabled: true}
";

/// A clock that goes when it is told to.
pub(crate) struct TestClock(AtomicU32);

impl TestClock {
    /// Lets a minute pass.
    pub(crate) fn advance(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> String {
        let minutes = self.0.load(Ordering::SeqCst);
        format!("2026-01-01T{:02}:{:02}:00Z", minutes / 60, minutes % 60)
    }
}

/// Remembers what it was told.
#[derive(Default)]
struct Told(Mutex<Vec<(Action, News)>>);

impl Witness for Told {
    fn tell(&self, action: &Action, news: News) {
        self.0.lock().expect("no panic").push((action.clone(), news));
    }
}

/// Remembers what is open.
#[derive(Default)]
pub(crate) struct Book(Mutex<(usize, Vec<Thing>)>);

impl Book {
    pub(crate) fn noted(&self) -> usize {
        self.0.lock().expect("no panic").0
    }

    pub(crate) fn open(&self) -> Vec<Thing> {
        self.0.lock().expect("no panic").1.clone()
    }
}

impl Ledger for Book {
    fn note(&self, thing: &Thing) -> Result<(), LedgerError> {
        let mut book = self.0.lock().expect("no panic");
        book.0 += 1;
        book.1.push(thing.clone());
        Ok(())
    }

    fn strike(&self, thing: &Thing) -> Result<(), LedgerError> {
        self.0.lock().expect("no panic").1.retain(|open| open != thing);
        Ok(())
    }
}

/// Everything a test needs.
pub(crate) struct Place {
    pub(crate) cluster: Arc<EmbeddedCluster>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) request: StackRequest,
    pub(crate) settings: Settings,
    pub(crate) ledger: Arc<Book>,
    told: Arc<Told>,
    folder: tempfile::TempDir,
}

impl Place {
    /// A cluster of three nodes on which the charts of Cilium and cert-manager have been installed.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["bin", "scratch", "evidence"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let helm = folder.path().join("bin/helm");
        let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/helm");
        std::os::unix::fs::symlink(stand_in, &helm).expect("a link");
        fs::write(folder.path().join("bin/behaviour.sh"), HELM).expect("written");
        fs::write(folder.path().join("bin/chart.yaml"), CHART).expect("written");
        let path = folder.path().join("bin/cert-manager.yaml");
        fs::write(path, CERT_MANAGER_CHART).expect("written");
        let crds = folder.path().join("experimental-install.yaml");
        fs::write(&crds, manifest()).expect("written");

        let clock = Arc::new(TestClock(AtomicU32::new(0)));
        let provider = EmbeddedProvider::with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let cluster = provider.start(&plan()).await.expect("a cluster");
        let request = request();
        cluster.install(&request).await.expect("what the charts would make");
        for name in ["cert-manager-cainjector", "cert-manager-webhook"] {
            cluster.client().apply(&deployment(name), "helm").await.expect("applied");
        }
        clock.advance();
        let scratch = folder.path().join("scratch");
        let settings = Settings {
            helm: HelmSource::Program(helm),
            cilium_chart: ChartSource::Repository("https://charts.test".to_owned()),
            cert_manager_chart: ChartSource::Oci("oci://charts.test/cert-manager".to_owned()),
            crds: CrdSource::File(crds),
            downloads: Downloads::default(),
            scratch,
            step_within: Duration::from_mins(1),
        };
        Self {
            cluster,
            clock,
            request,
            settings,
            ledger: Arc::default(),
            told: Arc::default(),
            folder,
        }
    }

    pub(crate) async fn install(&self) -> Result<Installed, StackError> {
        let surroundings = self.surroundings();
        gateproof_stack::install(&self.target(), &self.request, &self.settings, &surroundings).await
    }

    pub(crate) fn client(&self) -> Client {
        self.cluster.client()
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        Surroundings {
            witness: Arc::clone(&self.told) as Arc<dyn Witness>,
            ledger: Arc::clone(&self.ledger) as Arc<dyn Ledger>,
            evidence: self.evidence(),
            ..Surroundings::none("r1")
        }
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            cluster: "five".to_owned(),
            client: self.client(),
            kubeconfig: Kubeconfig::new("apiVersion: v1 # hunter2\n"),
            beside: None,
            facts: ClusterFacts {
                kubernetes: Some("1.36.4".to_owned()),
                nodes: 3,
                api_server: Some(ApiServer { host: "five-control-plane".to_owned(), port: 6443 }),
                kube_proxy: KubeProxy::Absent,
                ip_family: IpFamily::V4,
                images: Images::Pulled,
            },
            load_balancing: Some(LoadBalancing {
                pools: vec!["10.9.9.0/28".to_owned()],
                announce_on: vec!["^eth0$".to_owned()],
            }),
        }
    }

    pub(crate) fn scratch(&self) -> &Path {
        &self.settings.scratch
    }

    pub(crate) fn evidence(&self) -> PathBuf {
        self.folder.path().join("evidence")
    }

    /// Puts lines of shell before what the stand-in does.
    pub(crate) fn helm_does(&self, lines: &str) {
        let behaviour = format!("{lines}\n{HELM}");
        fs::write(self.folder.path().join("bin/behaviour.sh"), behaviour).expect("written");
    }

    /// What Helm was asked, with folders left out.
    pub(crate) fn asked_of_helm(&self) -> String {
        let asked = fs::read_to_string(self.folder.path().join("bin/asked")).unwrap_or_default();
        asked.replace(&format!("{}/", self.scratch().display()), "")
    }

    /// A file that Helm was given for a release.
    pub(crate) fn given_to_helm(&self, release: &str, what: &str) -> String {
        let path = self.folder.path().join(format!("bin/{release}-{what}"));
        fs::read_to_string(path).expect("Helm was given it")
    }

    /// What was told: each step as it began, and what it waited for, without durations.
    pub(crate) fn told(&self) -> Vec<String> {
        let told = self.told.0.lock().expect("no panic");
        let lines = told.iter().filter_map(|(action, news)| match news {
            News::Started => Some(action.name.clone()),
            News::Awaiting(missing) => {
                Some(format!("{}: {}", action.name, self.without_folders(missing)))
            }
            News::Warned(warning) => Some(format!("{}: warning: {warning}", action.name)),
            News::Finished { .. } => None,
        });
        // What a wait happens to see on its way differs from run to run.
        lines.filter(|line| !line.starts_with("wait for") || !line.contains(" of 1 ")).collect()
    }

    fn without_folders(&self, text: &str) -> String {
        text.replace(&self.folder.path().display().to_string(), "")
    }

    /// How many news of a kind there were.
    pub(crate) fn news(&self, wanted: fn(&News) -> bool) -> usize {
        self.told.0.lock().expect("no panic").iter().filter(|(_, news)| wanted(news)).count()
    }

    /// The step that ended last, and its problem.
    pub(crate) fn last_finished(&self) -> (String, Option<String>) {
        let told = self.told.0.lock().expect("no panic");
        told.iter()
            .rev()
            .find_map(|(action, news)| match news {
                News::Finished { problem, .. } => Some((action.name.clone(), problem.clone())),
                _ => None,
            })
            .expect("some step ended")
    }

    /// Forgets what was told.
    pub(crate) fn forget(&self) {
        self.told.0.lock().expect("no panic").clear();
    }

    /// The identities of the pods of the stack, by their component.
    pub(crate) async fn pods(&self) -> BTreeMap<String, Vec<Value>> {
        let mut pods: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for pod in self.client().list("v1", "Pod", None).await.expect("listed") {
            let app =
                pod.pointer("/metadata/labels/app.kubernetes.io~1name").and_then(Value::as_str);
            if let Some(app) = app {
                pods.entry(app.to_owned()).or_default().push(pod["metadata"]["uid"].clone());
            }
        }
        pods
    }
}

fn plan() -> ClusterPlan {
    let text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n\
                networking: {disableDefaultCNI: true}\n\
                nodes: [{role: control-plane}, {role: worker}, {role: worker}]\n";
    let file = GivenFile { path: "three.yaml".to_owned(), content: Ok(text.to_owned()) };
    ClusterPlan {
        name: ClusterName::new("five"),
        topology: setup::topology(&file).expect("a topology"),
        trials: Vec::new(),
    }
}

fn request() -> StackRequest {
    let cilium = "1.20.2".parse().expect("a version");
    let values = json!({
        "gatewayAPI": {"enabled": true},
        "kubeProxyReplacement": true,
        "tls": {"ca": {"cert": "AAAA", "key": "hunter2"}},
    });
    StackRequest {
        config: config(&cilium, &values),
        cilium,
        values,
        gateway_api: GatewayApi::default(),
        cert_manager: None,
        cert_manager_values: Value::default(),
        address_pools: Vec::new(),
        faults: Vec::new(),
    }
}

fn deployment(name: &str) -> Value {
    let labels = json!({"k8s-app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": "cert-manager", "name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": name, "image": format!("x.test/{name}:v1")}]},
            },
        },
    })
}

/// A release manifest with one definition and the policy; of the release that the embedded cluster
/// says it has.
pub(crate) fn manifest() -> String {
    "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: backendtlspolicies.gateway.networking.k8s.io
  annotations:
    gateway.networking.k8s.io/bundle-version: v1.6.1
    gateway.networking.k8s.io/channel: experimental
    api-approved.kubernetes.io: https://example.test
spec:
  group: gateway.networking.k8s.io
  scope: Namespaced
  names: {kind: BackendTLSPolicy, listKind: BackendTLSPolicyList, plural: backendtlspolicies, singular: backendtlspolicy}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
    subresources: {status: {}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: safe-upgrades.gateway.networking.k8s.io}
spec: {failurePolicy: Fail, validations: [{expression: \"true\"}]}
"
    .to_owned()
}
