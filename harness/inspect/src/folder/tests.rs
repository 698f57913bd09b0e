use std::fs;
use std::path::Path;

use gateproof_core::dossier::{Component, Dossier, Why};

use super::{folder, stem};

/// A folder with these files.
fn of(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

fn read(files: &[(&str, &str)]) -> Dossier {
    folder(of(files).path()).unwrap()
}

const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {namespace: gateway, name: web}\n";
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {namespace: kube-system, name: cilium-abcde, labels: {k8s-app: cilium}}\nspec: {nodeName: worker, containers: [{name: cilium-agent}], initContainers: [{name: config}]}\n";
const WARNING: &str = "time=2026-01-31T10:00:00Z level=warn msg=\"Mismatch found\"\n";

#[test]
fn objects_are_found_in_every_form_that_dumps_have() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {namespace: a, name: b}}\n";
    let typed = "{\"apiVersion\": \"v1\", \"kind\": \"NodeList\", \"items\": [{\"metadata\": {\"name\": \"n\"}}]}";
    let several = format!("{GATEWAY}---\n{POD}");
    let seen = read(&[("a/x.yaml", list), ("b.json", typed), ("c.yml", &several)]);
    let kinds: Vec<&str> =
        seen.objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Node", "Pod", "Service", "Gateway"]);
    assert_eq!(seen.nodes[0].name.as_str(), "n");
}

#[test]
fn logs_belong_to_the_pod_that_their_file_names() {
    let seen = read(&[
        ("k8s-pods-20260131-100000.yaml", POD),
        ("logs-cilium-abcde-cilium-agent-20260131-100000.log", WARNING),
        ("logs-cilium-abcde-config-20260131-100000.log", "level=warn msg=init\n"),
        ("logs-coredns-abcde-coredns-20260131-100000.log", "level=warn msg=dns\n"),
    ]);
    assert_eq!(seen.logs.len(), 1, "{:?}", seen.logs);
    let line = &seen.logs[0];
    assert_eq!(
        (line.component, line.source.as_str()),
        (Component::CiliumAgent, "kube-system/cilium-abcde")
    );
    assert_eq!(line.node.as_ref().unwrap().as_str(), "worker");
    assert_eq!(seen.taken, line.at);
}

#[test]
fn logs_without_pods_are_known_by_the_usual_names() {
    let seen = read(&[
        ("gateways.yaml", GATEWAY),
        ("logs/cilium-operator-5d-x.log", "level=error msg=a\n"),
        ("logs/cilium-x.log", "level=error msg=b\n"),
        ("logs/cert-manager-webhook-x.log", "level=error msg=c\n"),
    ]);
    let mut components: Vec<Component> = seen.logs.iter().map(|line| line.component).collect();
    components.sort_unstable();
    assert_eq!(components, [Component::CiliumOperator, Component::CiliumAgent]);
}

#[test]
fn metrics_belong_to_the_agent_that_their_path_names() {
    let page = "cilium_endpoint 4\ncilium_drift_checker_config_delta 3\n";
    let table = "cilium_drift_checker_config_delta      2.000000\n";
    for (file, content, drift) in [
        ("metrics-cilium-abcde-cilium-agent-20260131-100000.txt", page, Some(3)),
        ("cilium-bugtool-cilium-abcde-2026/cmd/cilium-dbg-metrics-list.md", table, Some(2)),
        ("metrics-cilium-operator-x-cilium-operator-20260131-100000.txt", page, None),
        ("metrics-cilium-abcde-cilium-agent-20260131-100000.txt", "cilium_endpoint 4\n", None),
    ] {
        let seen = read(&[("pods.yaml", POD), (file, content)]);
        assert_eq!(seen.cilium.agents[0].drift, drift, "{file}");
    }
}

#[test]
fn what_cannot_be_read_and_what_is_not_there_is_told() {
    let seen = read(&[
        ("gateways.yaml", GATEWAY),
        ("damaged.yaml", "a: [hunter22"),
        ("grpcroutes.yaml", "apiVersion: v1\nitems: []\nkind: List\n"),
    ]);
    let of = |what: &str| seen.unread.iter().find(|unread| unread.what == what);
    let damaged = of("file damaged.yaml").unwrap();
    assert!(
        matches!(&damaged.why, Why::Unreadable(words) if !words.contains("hunter22")),
        "{damaged:?}"
    );
    assert_eq!(of("Service objects").unwrap().why, Why::NotInFolder);
    assert_eq!(of("GRPCRoute objects"), None, "an empty list says that there are none");
}

#[test]
fn folders_that_say_nothing_are_refused_with_what_is_expected() {
    let empty = of(&[("readme.md", "x")]);
    let error = folder(empty.path()).unwrap_err().to_string();
    assert!(error.contains("kubectl get") && error.contains("1 files"), "{error}");
    let packed = of(&[("sysdump.zip", "PK")]);
    let error = folder(&packed.path().join("sysdump.zip")).unwrap_err().to_string();
    assert!(error.contains("unpack it"), "{error}");
    assert!(
        folder(Path::new("/nonexistent/x")).unwrap_err().to_string().contains("/nonexistent/x")
    );
}

#[test]
fn helm_values_and_versions_are_taken_from_their_files() {
    let seen = read(&[
        ("gateways.yaml", GATEWAY),
        (
            "cilium-helm-values-20260131-100000.yaml",
            "USER-SUPPLIED VALUES:\ngatewayAPI: {enabled: true}\ntls: {ca: {key: hunter22}}\n",
        ),
        ("k8s-version-20260131-100000.txt", "v1.33.2"),
    ]);
    let values = seen.cilium.values.unwrap();
    assert_eq!(values["gatewayAPI"]["enabled"], true);
    assert!(
        values.get("USER-SUPPLIED VALUES").is_none() && !values.to_string().contains("hunter22")
    );
    assert_eq!(seen.versions.kubernetes.as_deref(), Some("v1.33.2"));
}

#[test]
fn names_of_files_lose_what_a_sysdump_puts_around_them() {
    for (name, expected) in [
        ("gatewayapi-httproutes-20260131-100000.yaml", "httproutes"),
        ("k8s-services-20260131-100000.yaml", "services"),
        ("services.yaml", "services"),
        ("team-7.yaml", "team-7"),
    ] {
        assert_eq!(stem(Path::new(name)), expected, "{name}");
    }
}

#[test]
fn leases_of_announcements_are_kept_and_missed_only_where_addresses_are_announced() {
    let config = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{namespace: kube-system, name: cilium-config}}\ndata: {{enable-l2-announcements: \"{value}\"}}\n"
        )
    };
    let lease = |name: &str| {
        format!(
            "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {{namespace: kube-system, name: {name}}}\nspec: {{holderIdentity: worker}}\n"
        )
    };
    let misses = |dossier: &Dossier| dossier.unread.iter().any(|one| one.what == "Lease objects");
    let (on, off) = (config("true"), config("false"));
    assert!(misses(&read(&[("a.yaml", GATEWAY), ("b.yaml", &on)])));
    assert!(!misses(&read(&[("a.yaml", GATEWAY), ("b.yaml", &off)])));
    let leases = format!(
        "{}---\n{}",
        lease("cilium-l2announce-gateway-cilium-gateway-web"),
        lease("cilium-operator-resource-lock")
    );
    let seen = read(&[("a.yaml", GATEWAY), ("b.yaml", &on), ("leases.yaml", &leases)]);
    assert!(!misses(&seen));
    assert_eq!(seen.list("coordination.k8s.io", "Lease").count(), 1);
}
