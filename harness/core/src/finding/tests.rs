//! What holds for every rule.

use serde_json::json;

use super::fixture::{Change, NODES, Variant, dedicated, healthy};
use super::{Confidence, Role, against_a_pass, examine, rule, rules};
use crate::dossier::{Dossier, text};
use crate::name::NamespacedName;
use crate::observation::TcpOutcome;

const VARIANTS: [Variant; 3] =
    [Variant::Dedicated, Variant::HostNetwork, Variant::HostNetworkNodeSelector];

#[test]
fn rules_are_numbered_in_order_and_each_says_what_it_knows() {
    let ids: Vec<&str> = rules::ALL.iter().map(|rule| rule.id).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(ids, sorted, "numbers are unique and ascending");
    for rule in rules::ALL {
        let id = rule.id;
        let number = id.strip_prefix("GP").expect("ids begin with GP");
        assert!(number.len() == 4 && number.parse::<u16>().is_ok(), "{id}");
        assert!(!rule.remedy.is_empty(), "{id} says what to do");
        assert!(!rule.sources.is_empty(), "{id} says where its facts come from");
        assert!(!rule.title.ends_with('.') && rule.title.len() < 90, "{id}: {}", rule.title);
        assert!(rule.explanation.len() > 200, "{id} explains");
        for paragraph in rule.explanation.split("\n\n") {
            assert!(!paragraph.contains('\n'), "{id}: paragraphs are one line each: {paragraph}");
            assert!(
                paragraph.trim() == paragraph && paragraph.ends_with(['.', ':']),
                "{id}: {paragraph}"
            );
            assert!(!paragraph.contains("  "), "{id}: no doubled spaces: {paragraph}");
        }
        for issue in rule.issues {
            let (repository, number) = issue.reference.split_once('#').expect("owner/name#number");
            assert!(repository.contains('/') && number.parse::<u32>().is_ok(), "{id}");
        }
    }
}

#[test]
fn no_rule_fires_on_healthy_clusters() {
    for variant in VARIANTS {
        let dossier = healthy(variant);
        let findings = examine(&dossier);
        assert!(findings.is_empty(), "{variant:?}: {findings:#?}");
        let findings = examine(&dossier.unprobed());
        assert!(findings.is_empty(), "{variant:?} without probes: {findings:#?}");
    }
}

#[test]
fn no_rule_finds_anything_where_nothing_was_read() {
    assert!(examine(&Dossier::default()).is_empty());
    for variant in VARIANTS {
        let mut dossier = healthy(variant).dead(&NODES, &TcpOutcome::Refused);
        dossier.objects.clear();
        let findings = examine(&dossier.unread("everything"));
        let causes: Vec<_> =
            findings.iter().filter(|finding| finding.role == Role::Cause).collect();
        assert!(causes.is_empty(), "{variant:?}: {causes:#?}");
    }
}

#[test]
fn findings_come_causes_first_and_the_surest_first() {
    let dossier = healthy(Variant::Dedicated).dead(&NODES, &TcpOutcome::Refused);
    let findings = examine(&dossier);
    let ranks: Vec<_> = findings
        .iter()
        .map(|finding| (finding.role, finding.confidence, finding.rule.clone()))
        .collect();
    let mut sorted = ranks.clone();
    sorted.sort();
    assert_eq!(ranks, sorted);
}

#[test]
fn a_rule_is_found_by_its_number_in_any_case() {
    assert_eq!(rule("gp0001").map(|rule| rule.id), Some("GP0001"));
    assert!(rule("GP9999").is_none());
}

/// A neighbour of the Gateway, which is broken: its route's backend does not exist, and its class is
/// another controller's.
fn beside_a_broken_one(variant: Variant, class: &str) -> Dossier {
    let mut dossier = healthy(variant);
    let mut copies: Vec<serde_json::Value> = dossier
        .objects
        .iter()
        .filter(|object| matches!(text(object, "/kind"), Some("Gateway" | "HTTPRoute")))
        .cloned()
        .collect();
    for copy in &mut copies {
        copy["metadata"]["name"] = json!("neighbour");
        copy["status"] = json!({});
        if copy["kind"] == "Gateway" {
            copy["spec"]["gatewayClassName"] = json!(class);
        } else {
            copy["spec"]["parentRefs"][0]["name"] = json!("neighbour");
            copy["spec"]["rules"][0]["backendRefs"][0]["port"] = json!(81);
        }
    }
    dossier.objects.extend(copies);
    dossier.with(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "other"}, "spec": {"controllerName": "example.test/other"},
    }))
}

fn causes(dossier: &Dossier) -> Vec<String> {
    let findings = examine(dossier).into_iter();
    findings.filter(|one| one.role == Role::Cause).map(|one| one.rule.to_string()).collect()
}

#[test]
fn what_ails_another_gateway_is_no_cause_of_the_one_that_is_diagnosed() {
    for (class, ailment) in [("cilium", "GP0017"), ("other", "GP0012")] {
        let mut dossier = beside_a_broken_one(Variant::Dedicated, class);
        assert!(causes(&dossier).contains(&ailment.to_owned()), "{class}: of the whole cluster");
        dossier.about = [NamespacedName::new("gateway", "neighbour")].into();
        assert!(causes(&dossier).contains(&ailment.to_owned()), "{class}: of itself");
        dossier.about = [NamespacedName::new("gateway", "shared-gateway")].into();
        assert_eq!(causes(&dossier), [""; 0], "{class}: of its neighbour");
    }
}

#[test]
fn another_gateway_that_wants_the_same_port_of_the_hosts_is_a_cause() {
    let mut dossier = beside_a_broken_one(Variant::HostNetwork, "cilium");
    dossier.about = [NamespacedName::new("gateway", "shared-gateway")].into();
    assert_eq!(causes(&dossier), ["GP0022", "GP0022"], "one for each port");
}

#[test]
fn only_a_certain_cause_speaks_against_a_pass() {
    // Nothing is ready behind the Service.
    let slice = "go-hello-world-x";
    let empty = dedicated().set("EndpointSlice", slice, "/endpoints", &json!([]));
    let mut findings = examine(&empty);
    let why = against_a_pass(&findings).expect("a certain cause");
    assert!(why.contains("GP0017") && why.contains("Service apps/go-hello-world"), "{why}");
    for (role, confidence) in [
        (Role::Cause, Confidence::Likely),
        (Role::Contributing, Confidence::Certain),
        (Role::Explanation, Confidence::Certain),
    ] {
        for finding in &mut findings {
            (finding.role, finding.confidence) = (role, confidence);
        }
        assert_eq!(against_a_pass(&findings), None, "{role} {confidence}");
    }
    assert_eq!(against_a_pass(&examine(&dedicated())), None);
}
