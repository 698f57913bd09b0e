//! Proposals: what is read, what is assumed, and what is refused.

use serde_json::Value;

use super::{Given, Proposal, Setting, SettingKind, read};
use crate::setup::GivenFile;
use crate::source::{Role, SourceTree};

fn given(manifests: &[(&str, &str)]) -> Given {
    let mut tree = SourceTree::new();
    for (path, text) in manifests {
        tree.insert(Role::Manifest, *path, *text);
    }
    Given {
        manifests: tree,
        namespace: "default".to_owned(),
        values: Vec::new(),
        settings: Vec::new(),
        topology: None,
        pools: Vec::new(),
        versions: vec!["1.20.2".parse().expect("a version")],
    }
}

fn with_values(text: &str) -> Given {
    let file = GivenFile { path: "values.yaml".to_owned(), content: Ok(text.to_owned()) };
    Given { values: vec![file], ..given(&[]) }
}

fn accepted(given: &Given) -> Proposal {
    read(given).unwrap_or_else(|problems| panic!("{problems}"))
}

fn refused(given: &Given) -> String {
    read(given).expect_err("problems").to_string()
}

fn names(proposal: &Proposal) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let name = |object: &Value| {
        let metadata = &object["metadata"];
        format!(
            "{} {}/{}",
            text(&object["kind"]),
            text(&metadata["namespace"]),
            text(&metadata["name"])
        )
    };
    proposal.objects.iter().map(|one| name(&one.object)).collect()
}

#[test]
fn lists_are_unwrapped_and_objects_get_the_namespace_kubectl_would_give() {
    let text = "kind: List\napiVersion: v1\nitems:\n\
        - {apiVersion: v1, kind: Service, metadata: {name: a}}\n\
        - {apiVersion: v1, kind: Service, metadata: {name: a, namespace: apps}}\n\
        - {apiVersion: v1, kind: Node, metadata: {name: node, namespace: ignored}}\n---\n---\n\
        {apiVersion: example.org/v1, kind: Wishlist, metadata: {name: w}}\n";
    let proposal = accepted(&given(&[("a.yaml", text)]));
    let expected = [
        "Service default/a",
        "Service apps/a",
        "Node -/node",
        "Wishlist default/w",
        "GatewayClass -/cilium",
        "Namespace -/apps",
        "Namespace -/default",
    ];
    assert_eq!(names(&proposal), expected);
    assert_eq!(proposal.objects[1].origin, "a.yaml:5");
}

#[test]
fn an_object_that_is_there_twice_is_refused_naming_both_places() {
    let service = "{apiVersion: v1, kind: Service, metadata: {name: a}}\n";
    let again = "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: default}}\n";
    let text = refused(&given(&[("a.yaml", service), ("b.yaml", again)]));
    assert!(text.contains("b.yaml:1") && text.contains("a.yaml:1"), "{text}");
    let other = "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: other}}\n";
    accepted(&given(&[("a.yaml", service), ("b.yaml", other)]));
}

#[test]
fn what_the_gateway_api_refuses_is_refused_with_its_place() {
    let gateway = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a}\n\
        spec:\n  gatewayClassName: cilium\n  listeners: [{name: a, port: 0, protocol: HTTP}]\n";
    let text = refused(&given(&[("a.yaml", gateway)]));
    assert!(text.contains("a.yaml:6") && text.contains("spec.listeners[0].port"), "{text}");
}

#[test]
fn the_class_is_assumed_unless_it_is_given_or_the_chart_is_told_not_to_make_it() {
    let note =
        |proposal: &Proposal, part: &str| proposal.notes.iter().any(|note| note.contains(part));
    let assumed = accepted(&given(&[]));
    assert_eq!(names(&assumed), ["GatewayClass -/cilium"]);
    assert!(note(&assumed, "assumed as the chart makes it"), "{:?}", assumed.notes);
    let class = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n\
        metadata: {name: cilium}\nspec: {controllerName: example.org/other}\n";
    let own = accepted(&given(&[("class.yaml", class)]));
    assert_eq!((own.objects.len(), own.notes.len()), (1, 1), "{:?}", own.notes);
    let without = "gatewayAPI: {enabled: true, gatewayClass: {create: \"false\"}}\n";
    let without = accepted(&with_values(without));
    assert!(without.objects.is_empty() && note(&without, "there is none"), "{:?}", without.notes);
}

#[test]
fn values_merge_in_helms_order_and_wrong_keys_are_refused_wherever_they_stand() {
    let mut good = with_values("gatewayAPI: {enabled: true, xffNumTrustedHops: 1}\n");
    let set = |text: &str| Setting { kind: SettingKind::Typed, text: text.to_owned() };
    good.settings = vec![set("gatewayAPI.xffNumTrustedHops=2"), set("kubeProxyReplacement=true")];
    let version = "1.20.2".parse().expect("a version");
    let config = accepted(&good).config(&version);
    assert_eq!((config.xff_num_trusted_hops, config.kube_proxy_replacement), (2, true));
    let mut bad = with_values("gatewayAPI: {enabeld: true}\n");
    bad.settings = vec![set("gatewayAPI.serviceAnnotations.a=b"), set("oops")];
    let text = refused(&bad);
    for part in
        ["values.yaml:1:14", "`enabled`", "--set gatewayAPI.serviceAnnotations", "--set oops"]
    {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

#[test]
fn what_the_charts_templates_refuse_is_refused() {
    let text = refused(&with_values(
        "l7Proxy: false\ngatewayAPI: {enabled: true, externalTrafficPolicy: Global}\n",
    ));
    assert!(text.contains("l7Proxy") && text.contains("Cluster or Local"), "{text}");
    accepted(&with_values("l7Proxy: false\n"));
}

#[test]
fn pools_and_topologies_become_objects_and_wrong_ones_are_told() {
    let topology = "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\n\
        networking: {disableDefaultCNI: true}\nnodes: [{role: control-plane}, {role: worker}]\n";
    let file = |text: &str| GivenFile { path: "two.yaml".to_owned(), content: Ok(text.to_owned()) };
    let mut both = given(&[]);
    both.pools = vec!["172.18.255.0/28".to_owned()];
    both.topology = Some(file(topology));
    let proposal = accepted(&both);
    let expected = [
        "CiliumLoadBalancerIPPool -/pool-1",
        "Node -/control-plane",
        "Node -/worker",
        "GatewayClass -/cilium",
    ];
    assert_eq!(names(&proposal), expected);
    assert_eq!(proposal.objects[2].object["status"]["addresses"][0]["address"], "172.18.0.3");
    both.pools = vec!["172.18.255.0".to_owned(), "10.0.0.0/33".to_owned()];
    both.topology = Some(file("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodez: []\n"));
    let text = refused(&both);
    for part in ["`172.18.255.0` is no range", "`10.0.0.0/33` is no range", "nodez"] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    let mut twice = given(&[("n.yaml", "{apiVersion: v1, kind: Node, metadata: {name: node}}\n")]);
    twice.topology = Some(file(topology));
    assert!(refused(&twice).contains("the nodes are given twice"));
}

#[test]
fn a_kustomization_is_passed_over_with_a_note() {
    let proposal = accepted(&given(&[("a/kustomization.yaml", "resources: [b.yaml]\n")]));
    assert!(proposal.notes.iter().any(|note| note.contains("kubectl kustomize")));
}
