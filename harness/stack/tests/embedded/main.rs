//! The whole installation on an embedded cluster, over its API, with a program that stands in for
//! Helm: it writes down what it is asked and changes nothing. What charts would make is there
//! already, because the embedded cluster has installed it.

mod place;

use std::fs;
use std::time::Duration;

use gateproof_core::name::NodeName;
use gateproof_core::scenario::{Channel, GatewayApi, ObjectRef};
use gateproof_kubernetes::{Cluster, Component, News};
use gateproof_stack::{CrdSource, HelmSource, install, logs, settle};
use serde_json::{Value, json};

use place::{Place, manifest};

fn object(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
    ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    }
}

#[tokio::test]
async fn every_step_is_told_and_helm_is_asked_what_the_overview_says() {
    let place = Place::new().await;
    let installed = place.install().await.expect("installed");
    assert_eq!(installed.gateway_api.to_string(), "1.6.1 (experimental)");
    assert_eq!(installed.cert_manager.to_string(), "1.21.1");
    assert_eq!(installed.warnings, Vec::<String>::new());
    insta::assert_snapshot!("steps", place.told().join("\n"));
    insta::assert_snapshot!("helm", place.asked_of_helm());
    let evidence = fs::read_to_string(&installed.evidence[0]).expect("evidence");
    assert!(evidence.contains("k8sServiceHost: five-control-plane"), "{evidence}");
    let left: Vec<_> = fs::read_dir(place.scratch()).expect("a folder").collect();
    assert!(left.is_empty(), "nothing private is left: {left:?}");
    let open = place.ledger.open();
    assert!(open.is_empty(), "everything noted was struck out: {open:?}");
    assert_eq!(place.ledger.noted(), 4, "two files for each chart");
}

#[tokio::test]
async fn helm_is_given_the_merged_values_and_a_kubeconfig_that_nobody_else_reads() {
    let place = Place::new().await;
    place.install().await.expect("installed");
    let values = place.given_to_helm("cilium", "values.yaml");
    assert!(values.contains("kubeProxyReplacement: true") && values.contains("mode: kubernetes"));
    assert!(values.contains("key: hunter2"), "Helm gets the secret itself");
    assert_eq!(place.given_to_helm("cilium", "kubeconfig"), "apiVersion: v1 # hunter2\n");
    assert_eq!(place.given_to_helm("cilium", "mode"), "600\n");
    let all = fs::read_to_string(place.evidence().join("five/cilium-values.yaml")).expect("there");
    assert!(!all.contains("hunter2"), "evidence holds no secret:\n{all}");
    let told = place.told().join("\n");
    assert!(!told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn pods_older_than_the_configuration_are_replaced_and_no_others() {
    let place = Place::new().await;
    place.install().await.expect("installed");
    let before = place.pods().await;
    place.install().await.expect("installed again");
    assert_eq!(place.pods().await, before, "nothing changed, so nothing is replaced");

    place.clock.advance();
    let patch = json!({"data": {"enable-gateway-api-alpn": "true"}});
    let map = object("v1", "ConfigMap", Some("kube-system"), "cilium-config");
    place.client().merge_patch(&map, &patch, "helm").await.expect("patched");
    place.clock.advance();
    place.forget();
    place.install().await.expect("installed a third time");
    let after = place.pods().await;
    for name in ["cilium-agent", "cilium-operator", "cilium-envoy"] {
        assert_ne!(before[name], after[name], "{name} reads the ConfigMap");
    }
    assert_eq!(before["cert-manager"], after["cert-manager"], "it does not read the ConfigMap");
    let told = place.told().join("\n");
    assert!(told.contains("wait for the agents: 3 of 3 pods are older than"), "{told}");
}

#[tokio::test]
async fn versions_that_do_not_fit_are_refused_before_anything_is_created() {
    let mut place = Place::new().await;
    place.request.cilium = "1.19.6".parse().expect("a version");
    place.request.gateway_api.channel = Some(Channel::Standard);
    place.request.gateway_api.version = Some("1.6.1".to_owned());
    let words = place.install().await.expect_err("refused").in_words();
    assert!(words.contains("ends again and again") && words.contains("what fits:"), "{words}");
    assert_eq!(place.asked_of_helm(), "", "Helm was not asked anything");

    // What the manifest says of itself counts, not what one hopes for.
    place.request.cilium = "1.15.19".parse().expect("a version");
    place.request.gateway_api = GatewayApi::default();
    let words = place.install().await.expect_err("refused").in_words();
    assert!(words.contains("Cilium 1.15.19 with Gateway API 1.6.1 (experimental)"), "{words}");
    place.request.cilium = "1.20.2".parse().expect("a version");
    place.request.gateway_api.version = Some("1.6.0".to_owned());
    let words = place.install().await.expect_err("refused").in_words();
    assert!(words.contains("asks for Gateway API 1.6.0") && words.contains("is 1.6.1"), "{words}");
}

#[tokio::test]
async fn what_is_newer_than_known_or_contradicts_the_cluster_is_installed_with_a_warning() {
    let mut place = Place::new().await;
    place.request.cilium = "1.22.0".parse().expect("a version");
    place.request.values["kubeProxyReplacement"] = json!(false);
    let warnings = place.install().await.expect("installed").warnings;
    let told = place.told().join("\n");
    for part in [
        "choose versions: warning: Cilium 1.22.0 with Gateway API 1.6.1 (experimental) is newer",
        "warning: the values say kubeProxyReplacement: false, which stays",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert_eq!(told.matches("warning:").count(), warnings.len(), "{warnings:?}");
}

#[tokio::test]
async fn keys_that_the_chart_does_not_have_are_refused_before_the_chart_is_installed() {
    let mut place = Place::new().await;
    place.request.values["gatewayAPI"]["serviceAnnotations"] = json!({"a": "b"});
    let words = place.install().await.expect_err("refused").in_words();
    for part in ["no value `gatewayAPI.serviceAnnotations`", "`spec.infrastructure.annotations`"] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert!(!place.asked_of_helm().contains("upgrade"), "{}", place.asked_of_helm());
}

#[tokio::test]
async fn cert_manager_is_given_the_values_of_the_scenario_over_what_gateways_need() {
    let mut place = Place::new().await;
    place.request.cert_manager_values =
        json!({"replicaCount": 2, "config": {"gatewayAPI": {"enabled": false}}});
    let installed = place.install().await.expect("installed");
    let given = place.given_to_helm("cert-manager", "values.yaml");
    for part in ["replicaCount: 2", "kind: ControllerConfiguration", "enabled: false"] {
        assert!(given.contains(part), "{part} in {given}");
    }
    let [warning] = &installed.warnings[..] else { panic!("{:?}", installed.warnings) };
    assert!(warning.contains("config.gatewayAPI.enabled: false, which stays"), "{warning}");
    let evidence = fs::read_to_string(place.evidence().join("five/cert-manager-values.yaml"));
    let evidence = evidence.expect("evidence");
    assert!(evidence.contains("# added    crds.enabled: true, because"), "{evidence}");
    assert!(evidence.contains("# kept     config.gatewayAPI.enabled: false"), "{evidence}");

    place.request.cert_manager_values = json!({"webhook": {"replicaCounts": 2}});
    place.forget();
    let words = place.install().await.expect_err("refused").in_words();
    assert!(
        words.contains("`webhook.replicaCounts`; did you mean `webhook.replicaCount`"),
        "{words}"
    );
    assert!(!place.told().join("\n").contains("apply"), "nothing was applied: {:?}", place.told());
}

#[tokio::test]
async fn pools_of_an_earlier_variant_go_and_pools_of_others_stay() {
    let mut place = Place::new().await;
    place.request.address_pools = vec!["10.9.0.0/28".to_owned(), "10.9.1.0/28".to_owned()];
    place.install().await.expect("installed");
    let theirs = json!({"apiVersion": "cilium.io/v2", "kind": "CiliumLoadBalancerIPPool",
        "metadata": {"name": "theirs"}, "spec": {"blocks": [{"cidr": "10.8.0.0/28"}]}});
    place.client().apply(&theirs, "somebody").await.expect("applied");
    place.request.address_pools.pop();
    place.install().await.expect("installed again");
    let client = place.client();
    let pools = client.list("cilium.io/v2", "CiliumLoadBalancerIPPool", None).await;
    let names: Vec<Value> =
        pools.expect("listed").iter().map(|pool| pool["metadata"]["name"].clone()).collect();
    assert_eq!(names, ["gateproof-0", "theirs"]);
    let policies = client.list("cilium.io/v2alpha1", "CiliumL2AnnouncementPolicy", None).await;
    assert_eq!(policies.expect("listed").len(), 1, "addresses are announced");
}

#[tokio::test]
async fn a_helm_that_fails_is_told_with_its_own_words() {
    let place = Place::new().await;
    place.helm_does("case $1 in upgrade) echo 'Error: INSTALLATION FAILED: x' >&2; exit 1;; esac");
    let words = place.install().await.expect_err("it fails").in_words();
    assert!(words.contains("INSTALLATION FAILED: x") && words.contains("helm upgrade"), "{words}");
    let (name, problem) = place.last_finished();
    assert_eq!(name, "install Cilium 1.20.2");
    assert!(problem.expect("a problem").contains("INSTALLATION FAILED"));
    assert!(fs::read_dir(place.scratch()).expect("a folder").next().is_none(), "files are gone");
}

#[tokio::test]
async fn a_class_that_is_not_accepted_is_told_when_time_is_up() {
    let mut place = Place::new().await;
    let class = object("gateway.networking.k8s.io/v1", "GatewayClass", None, "cilium");
    place.client().delete(&class).await.expect("deleted");
    place.settings.step_within = Duration::from_millis(300);
    let words = place.install().await.expect_err("no class").in_words();
    assert!(words.contains("GatewayClass cilium: timed out"), "{words}");
    assert!(words.contains("GatewayClass cilium is not there"), "{words}");
}

#[tokio::test]
async fn a_file_that_is_no_release_manifest_is_refused() {
    let mut place = Place::new().await;
    let path = place.scratch().join("page.html");
    fs::write(&path, "<html>Not Found</html>").expect("written");
    place.settings.crds = CrdSource::File(path.clone());
    let words = place.install().await.expect_err("refused").in_words();
    assert!(
        words.contains("page.html") && words.contains("expected a release manifest"),
        "{words}"
    );
    place.settings.crds = CrdSource::File(path.with_extension("gone"));
    let words = place.install().await.expect_err("refused").in_words();
    assert!(words.contains("failed to read") && words.contains("page.gone"), "{words}");
}

#[tokio::test]
async fn a_missing_helm_is_told_before_the_cluster_is_touched() {
    let mut place = Place::new().await;
    place.settings.helm = HelmSource::Program(place.scratch().join("nothing"));
    let client = place.client();
    let definitions =
        client.list("apiextensions.k8s.io/v1", "CustomResourceDefinition", None).await;
    place.install().await.expect_err("no Helm");
    let after = client.list("apiextensions.k8s.io/v1", "CustomResourceDefinition", None).await;
    assert_eq!(definitions, after, "nothing was applied");
}

#[tokio::test]
async fn logs_of_every_component_can_be_read() {
    let place = Place::new().await;
    let client = place.client();
    let node = NodeName::new("worker");
    for (component, node) in [
        (Component::CiliumOperator, None),
        (Component::CertManager, None),
        (Component::CiliumAgent(node.clone()), Some("worker")),
        (Component::Envoy(node), Some("worker")),
    ] {
        logs(&client, &component, node)
            .await
            .unwrap_or_else(|error| panic!("{component:?}: {error}"));
    }
    let nowhere = Component::CiliumAgent(NodeName::new("nowhere"));
    let words = logs(&client, &nowhere, Some("nowhere")).await.expect_err("no such node");
    assert!(words.to_string().contains("has no pod on nowhere"), "{words}");
}

#[tokio::test]
async fn settling_ends_when_cilium_has_seen_every_change() {
    let place = Place::new().await;
    let client = place.client();
    let gateway = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"namespace": "default", "name": "g"},
        "spec": {"gatewayClassName": "cilium",
            "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]}});
    client.apply(&gateway, "test").await.expect("applied");
    let unseen = settle(&client, Duration::from_secs(30)).await.expect("settled");
    assert_eq!(unseen, Vec::<String>::new());
    let reference = object("gateway.networking.k8s.io/v1", "Gateway", Some("default"), "g");
    let live = client.get(&reference).await.expect("read").expect("there");
    let observed = &live["status"]["conditions"][0]["observedGeneration"];
    assert_eq!(*observed, live["metadata"]["generation"]);

    place.cluster.teardown().await.expect("down");
    let patch = json!({"spec": {"infrastructure": {"labels": {"a": "b"}}}});
    client.merge_patch(&reference, &patch, "test").await.expect("patched");
    let unseen = settle(&client, Duration::from_millis(200)).await.expect("bounded");
    assert_eq!(unseen, ["Cilium has seen generation 1 of Gateway default/g, which is at 2"]);
}

#[tokio::test]
async fn the_manifest_of_the_tests_is_one() {
    assert!(manifest().contains("bundle-version: v1.6.1"));
    let place = Place::new().await;
    let surroundings = place.surroundings();
    install(&place.target(), &place.request, &place.settings, &surroundings)
        .await
        .expect("installed");
    let finished = place.news(|news| matches!(news, News::Finished { problem: None, .. }));
    let started = place.news(|news| matches!(news, News::Started));
    assert_eq!(finished, started, "every step that began has ended");
}
