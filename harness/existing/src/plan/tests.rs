//! What is claimed of clusters of several versions and configurations.

use std::collections::BTreeMap;

use gateproof_core::cilium::{CiliumConfig, HostNetwork};
use gateproof_core::cluster::{Node, NodeRole};
use gateproof_core::dossier::{Dossier, Unread, Why};
use gateproof_core::health::find_profile;
use gateproof_core::name::{ClusterName, NamespacedName, NodeName};
use gateproof_core::scenario::{Action, Claim, ExposureExpectation, HttpClaim};
use serde_json::{Value, json};

mod passthrough;
mod requests;

use super::{NoPlan, Probing, Wishes, plan};

fn class(name: &str, controller: &str) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": name, "generation": 1}, "spec": {"controllerName": controller},
        "status": {"conditions": [{"type": "Accepted", "status": "True"}]}})
}

fn gateway(name: &str, class: &str) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"namespace": "gateway", "name": name, "generation": 1},
        "spec": {"gatewayClassName": class, "listeners": [{
            "name": "http", "protocol": "HTTP", "port": 80,
            "allowedRoutes": {"namespaces": {"from": "All"}}}]},
        "status": {"listeners": [{"name": "http", "conditions": [
            {"type": "Accepted", "status": "True"}, {"type": "Programmed", "status": "False"}]}]}})
}

fn route(matches: &Value, filters: &Value) -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}),
        json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"namespace": "apps", "name": "web"},
            "spec": {"ports": [{"port": 80}]}}),
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"namespace": "apps", "name": "web", "generation": 1},
            "spec": {"parentRefs": [{"namespace": "gateway", "name": "shared"}],
                "hostnames": ["web.example.test"],
                "rules": [{"matches": matches, "filters": filters,
                    "backendRefs": [{"name": "web", "port": 80}]}]}}),
    ]
}

fn dossier(version: &str, host_network: HostNetwork, objects: Vec<Value>) -> Dossier {
    let config = CiliumConfig {
        gateway_api: true,
        kube_proxy_replacement: true,
        host_network,
        ..CiliumConfig::default()
    };
    let mut dossier = Dossier { objects, ..Dossier::default() };
    dossier.versions.cilium = Some(version.parse().expect("a version"));
    dossier.cilium.config = Some(config);
    dossier.nodes = (1..=9)
        .map(|number| Node {
            name: NodeName::new(format!("node{number}")),
            role: NodeRole::Worker,
            labels: BTreeMap::new(),
            addresses: vec![[192, 0, 2, number].into()],
        })
        .collect();
    dossier
}

fn wishes(gateways: &[&str], probing: Probing) -> Wishes {
    let named = gateways.iter().map(|name| name.parse().expect("a name"));
    let profile = find_profile("aws-lbc-cluster").expect("a profile");
    Wishes { gateways: named.collect(), probing, profile, cilium: None }
}

fn claims(dossier: &Dossier, probing: Probing) -> Vec<Claim> {
    let planned = plan(&ClusterName::new("prod"), dossier, &wishes(&[], probing)).expect("a plan");
    let [trial] = &planned.clusters[0].trials[..] else { panic!("one Gateway") };
    assert_eq!(trial.name.as_str(), "check::gateway/shared");
    let claim = |step: &gateproof_core::scenario::Step| match &step.action {
        Action::Check(check) => check.claim.clone(),
        other => panic!("a check changes nothing: {other:?}"),
    };
    trial.definition.steps.iter().map(claim).collect()
}

fn requests(dossier: &Dossier) -> Vec<HttpClaim> {
    let claims = claims(dossier, Probing::Requests).into_iter();
    claims
        .filter_map(|claim| if let Claim::Http(http) = claim { Some(*http) } else { None })
        .collect()
}

const CILIUM: &str = "io.cilium/gateway-controller";

fn on() -> HostNetwork {
    HostNetwork::On { match_labels: BTreeMap::new() }
}

fn usual() -> Vec<Value> {
    vec![class("cilium", CILIUM), gateway("shared", "cilium")]
}

#[test]
fn programmed_is_claimed_only_where_the_version_owes_it() {
    for (version, host_network, owed) in [
        ("1.18.2", on(), true),
        ("1.18.3", on(), false),
        ("1.18.3", HostNetwork::Off, true),
        ("1.18.12", on(), true),
        ("1.19.5", on(), false),
        ("1.19.6", on(), true),
        ("1.20.2", on(), true),
    ] {
        let dossier = dossier(version, host_network.clone(), usual());
        let claims = claims(&dossier, Probing::Connections);
        let Some(Claim::Gateway(status)) = claims.first() else { panic!("status comes first") };
        let listener = status.listeners.values().next().expect("a listener");
        assert!(status.conditions.contains_key("Accepted"));
        assert_eq!(
            status.conditions.contains_key("Programmed"),
            owed,
            "{version} {host_network:?}"
        );
        assert_eq!(listener.conditions.contains_key("Programmed"), owed, "{version}");
    }
}

#[test]
fn a_class_whose_service_is_no_balancer_owes_no_address() {
    let mut ciliums = class("cilium", CILIUM);
    ciliums["spec"]["parametersRef"] = json!({"group": "cilium.io",
        "kind": "CiliumGatewayClassConfig", "namespace": "kube-system", "name": "own"});
    let config = json!({"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumGatewayClassConfig",
        "metadata": {"namespace": "kube-system", "name": "own"},
        "spec": {"service": {"type": "NodePort"}}});
    let objects = vec![ciliums, config, gateway("shared", "cilium")];
    let claims = claims(&dossier("1.20.2", HostNetwork::Off, objects), Probing::Connections);
    let Some(Claim::Gateway(status)) = claims.first() else { panic!("status comes first") };
    assert!(!status.conditions.contains_key("Programmed"));
}

#[test]
fn what_is_not_probed_stays_open_instead_of_being_left_out() {
    let why = || Probing::Nothing("--no-probes".to_owned());
    let mut without_config = dossier("1.20.2", HostNetwork::Off, usual());
    without_config.cilium.config = None;
    for (dossier, probing) in
        [(dossier("1.20.2", HostNetwork::Off, usual()), why()), (without_config, Probing::Requests)]
    {
        let claims = claims(&dossier, probing);
        assert!(claims.iter().any(|claim| matches!(
            claim,
            Claim::Exposure(claim) if matches!(claim.expect, ExposureExpectation::Unknowable(_))
        )));
        assert!(
            !claims.iter().any(|claim| matches!(claim, Claim::Http(_) | Claim::TargetHealth(_)))
        );
    }
}

#[test]
fn gateways_of_others_are_left_alone_unless_named() {
    let objects = vec![
        class("cilium", CILIUM),
        class("other", "example.test/other"),
        gateway("shared", "cilium"),
        gateway("foreign", "other"),
        gateway("orphan", "gone"),
    ];
    let dossier = dossier("1.20.2", HostNetwork::Off, objects);
    for (named, expected) in [
        (&[][..], &["shared", "orphan"][..]),
        (&["gateway/foreign"], &["foreign"]),
        (&["gateway/shared"], &["shared"]),
    ] {
        let wishes = wishes(named, Probing::Connections);
        let planned = plan(&ClusterName::new("prod"), &dossier, &wishes).expect("a plan");
        let names: Vec<&str> = planned.clusters[0]
            .trials
            .iter()
            .filter_map(|trial| trial.variant.as_str().strip_prefix("gateway/"))
            .collect();
        assert_eq!(names, expected, "{named:?}");
    }
}

#[test]
fn nothing_to_check_is_told_with_what_there_is() {
    let cluster = ClusterName::new("prod");
    let none = |dossier: &Dossier, named: &[&str]| {
        plan(&cluster, dossier, &wishes(named, Probing::Connections))
            .expect_err("no plan")
            .to_string()
    };
    let empty = dossier("1.20.2", HostNetwork::Off, vec![class("cilium", CILIUM)]);
    assert_eq!(none(&empty, &[]), "there is no Gateway of Cilium's: it has no Gateways at all");
    let there = dossier("1.20.2", HostNetwork::Off, usual());
    let told = none(&there, &["gateway/sharde"]);
    assert!(told.contains("no Gateway gateway/sharde; did you mean gateway/shared?"), "{told}");
    let mut denied = empty.clone();
    denied.unread.push(Unread {
        what: "Gateway objects".to_owned(),
        why: Why::Forbidden("list gateways.gateway.networking.k8s.io".to_owned()),
        hides: "everything".to_owned(),
    });
    for named in [&[][..], &["gateway/shared"]] {
        let told = none(&denied, named);
        assert!(told.contains("the account may not list gateways"), "{told}");
    }
    let mut nameless = there;
    nameless.versions.cilium = None;
    assert!(matches!(
        plan(&cluster, &nameless, &wishes(&[], Probing::Connections)),
        Err(NoPlan::NoVersion { .. })
    ));
    let named = NamespacedName::new("gateway", "shared");
    assert_eq!(named.to_string(), "gateway/shared");
}
