use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{assert_verdict, name, printed, texts};
use crate::judge::{certificate, gateway, route, service};
use crate::name::ListenerName;
use crate::scenario::{
    CertificateClaim, ConditionClaim, ConditionStatus, GatewayClaim, ListenerClaim, RouteClaim,
    ServiceClaim, ServiceRef,
};
use crate::verdict::Verdict::{Failed, Passed};

fn conditions(
    claims: &[(&str, ConditionStatus, Option<&str>)],
) -> BTreeMap<String, ConditionClaim> {
    let claim =
        |status, reason: Option<&str>| ConditionClaim { status, reason: reason.map(str::to_owned) };
    claims
        .iter()
        .map(|(kind, status, reason)| ((*kind).to_owned(), claim(*status, *reason)))
        .collect()
}

fn is_true(kind: &str) -> BTreeMap<String, ConditionClaim> {
    conditions(&[(kind, ConditionStatus::True, None)])
}

fn condition(kind: &str, status: &str, reason: &str, generation: i64) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": "as told",
           "observedGeneration": generation})
}

fn gateway_claim(conditions: BTreeMap<String, ConditionClaim>) -> GatewayClaim {
    GatewayClaim {
        gateway: name("infra/shared"),
        conditions,
        addresses: None,
        listeners: BTreeMap::new(),
    }
}

fn gateway_object(programmed: &Value) -> Value {
    json!({
        "metadata": {"namespace": "infra", "name": "shared", "generation": 2},
        "status": {
            "addresses": [{"type": "IPAddress", "value": "172.18.255.201"},
                          {"type": "IPAddress", "value": "172.18.255.200"}],
            "conditions": [condition("Accepted", "True", "Accepted", 2), programmed],
            "listeners": [{"name": "http", "attachedRoutes": 1,
                           "conditions": [condition("Programmed", "True", "Programmed", 2)]}],
        },
    })
}

#[test]
fn a_condition_holds_only_with_its_status_its_reason_and_the_current_generation() {
    use ConditionStatus::{False, True, Unknown};
    let cases = [
        ("as claimed", True, None, condition("Programmed", "True", "Programmed", 2), Passed),
        ("other status", True, None, condition("Programmed", "False", "Pending", 2), Failed),
        ("older generation", True, None, condition("Programmed", "True", "Programmed", 1), Failed),
        ("older, claimed False", False, None, condition("Programmed", "False", "X", 1), Failed),
        ("reason fits", False, Some("X"), condition("Programmed", "False", "X", 2), Passed),
        ("other reason", False, Some("X"), condition("Programmed", "False", "Y", 2), Failed),
        ("absent", True, None, condition("Other", "True", "Programmed", 2), Failed),
        ("absent, claimed Unknown", Unknown, None, condition("Other", "True", "X", 2), Passed),
        ("absent with a reason", Unknown, Some("X"), condition("Other", "True", "X", 2), Failed),
        ("no generation told", True, None, json!({"type": "Programmed", "status": "True"}), Passed),
    ];
    for (about, status, reason, programmed, expected) in cases {
        let claim = gateway_claim(conditions(&[("Programmed", status, reason)]));
        assert_verdict(&gateway(&claim, Some(&gateway_object(&programmed))), expected, about);
    }
    assert_verdict(&gateway(&gateway_claim(BTreeMap::new()), None), Failed, "no object");
}

#[test]
fn addresses_of_a_gateway_are_exactly_those_claimed_in_any_order() {
    let object = gateway_object(&json!({}));
    let cases = [
        (vec!["172.18.255.200", "172.18.255.201"], Passed),
        (vec!["172.18.255.200"], Failed),
        (vec!["172.18.255.200", "172.18.255.201", "172.18.255.202"], Failed),
        (vec![], Failed),
    ];
    for (addresses, expected) in cases {
        let mut claim = gateway_claim(BTreeMap::new());
        claim.addresses = Some(addresses.iter().map(|a| (*a).to_owned()).collect());
        assert_verdict(&gateway(&claim, Some(&object)), expected, &format!("{addresses:?}"));
    }
}

#[test]
fn a_listener_is_judged_by_its_own_status() {
    let object = gateway_object(&json!({}));
    let cases = [
        ("http", Some(1), is_true("Programmed"), Passed),
        ("http", Some(2), BTreeMap::new(), Failed),
        ("http", None, is_true("ResolvedRefs"), Failed),
        ("web", None, BTreeMap::new(), Failed),
    ];
    for (listener, attached_routes, conditions, expected) in cases {
        let mut claim = gateway_claim(BTreeMap::new());
        let of_listener = ListenerClaim { attached_routes, conditions };
        claim.listeners.insert(ListenerName::new(listener), of_listener);
        assert_verdict(&gateway(&claim, Some(&object)), expected, listener);
    }
}

fn route_object(parents: &[Value], statuses: &[Value]) -> Value {
    json!({
        "metadata": {"namespace": "apps", "name": "hello", "generation": 3},
        "spec": {"parentRefs": parents},
        "status": {"parents": statuses},
    })
}

fn parent_status(parent: &Value, controller: &str, accepted: &str) -> Value {
    json!({"parentRef": parent, "controllerName": controller,
           "conditions": [condition("Accepted", accepted, "Accepted", 3)]})
}

#[test]
fn a_route_needs_a_word_of_cilium_on_every_parent_that_its_spec_names() {
    const CILIUM: &str = "io.cilium/gateway-controller";
    let shared = json!({"name": "shared", "namespace": "infra"});
    let spelt_out = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway",
                           "name": "shared", "namespace": "infra"});
    let section = json!({"name": "shared", "namespace": "infra", "sectionName": "web"});
    let own = json!({"name": "own"});
    let one = |parent: &Value, status: Value| route_object(std::slice::from_ref(parent), &[status]);
    let yes = |parent: &Value| parent_status(parent, CILIUM, "True");
    let cases = [
        ("accepted", None, one(&shared, yes(&shared)), Passed),
        ("defaults are filled in", None, one(&shared, yes(&spelt_out)), Passed),
        ("not accepted", None, one(&shared, parent_status(&shared, CILIUM, "False")), Failed),
        ("another controller", None, one(&shared, parent_status(&shared, "x/y", "True")), Failed),
        ("another section", None, one(&section, yes(&shared)), Failed),
        ("no status", None, route_object(std::slice::from_ref(&shared), &[]), Failed),
        ("no parents", None, route_object(&[], &[]), Failed),
        (
            "one of two is missing",
            None,
            route_object(&[shared.clone(), own.clone()], &[yes(&shared)]),
            Failed,
        ),
        (
            "only the one claimed counts",
            Some("infra/shared"),
            route_object(&[shared.clone(), own.clone()], &[yes(&shared)]),
            Passed,
        ),
        ("claimed parent is no parent", Some("infra/other"), one(&shared, yes(&shared)), Failed),
        ("the route's own namespace", Some("apps/own"), one(&own, yes(&own)), Passed),
    ];
    for (about, parent, object, expected) in cases {
        let claim = RouteClaim {
            route: name("apps/hello"),
            parent: parent.map(name),
            conditions: is_true("Accepted"),
        };
        assert_verdict(&route(&claim, Some(&object)), expected, about);
    }
}

#[test]
fn a_service_is_judged_by_type_annotations_labels_and_addresses() {
    let object = json!({
        "metadata": {"annotations": {"a": "b"}, "labels": {"team": "obs"}},
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}, {"hostname": "nlb.example"}]}},
    });
    let any = || ServiceClaim {
        service: ServiceRef::OfGateway(name("infra/shared")),
        service_type: None,
        annotations: BTreeMap::new(),
        labels: BTreeMap::new(),
        addresses: None,
    };
    let typed = |kind: &str| ServiceClaim { service_type: Some(kind.to_owned()), ..any() };
    let annotated = |pairs: &[_]| ServiceClaim { annotations: texts(pairs), ..any() };
    let addressed = |list: &[&str]| ServiceClaim {
        addresses: Some(list.iter().map(|a| (*a).to_owned()).collect()),
        ..any()
    };
    let cases = [
        ("type", typed("LoadBalancer"), Passed),
        ("other type", typed("ClusterIP"), Failed),
        ("annotation", annotated(&[("a", Some("b"))]), Passed),
        ("other value", annotated(&[("a", Some("c"))]), Failed),
        ("missing annotation", annotated(&[("x", Some("b"))]), Failed),
        ("absent as claimed", annotated(&[("x", None)]), Passed),
        ("there although absence is claimed", annotated(&[("a", None)]), Failed),
        ("labels are not annotations", annotated(&[("team", Some("obs"))]), Failed),
        ("label", ServiceClaim { labels: texts(&[("team", Some("obs"))]), ..any() }, Passed),
        ("addresses", addressed(&["nlb.example", "10.0.0.1"]), Passed),
        ("one address too few", addressed(&["10.0.0.1"]), Failed),
    ];
    for (about, claim, expected) in cases {
        assert_verdict(&service(&claim, Some(&object)), expected, about);
    }
    assert_verdict(&service(&any(), None), Failed, "no Service");
}

#[test]
fn a_certificate_is_judged_by_readiness_and_names() {
    let object = |ready: Value| {
        json!({
            "metadata": {"generation": 1},
            "spec": {"dnsNames": ["b.example.test", "a.example.test"]},
            "status": {"conditions": [ready]},
        })
    };
    let ready = || object(condition("Ready", "True", "Ready", 1));
    let missing = || object(condition("Ready", "False", "DoesNotExist", 1));
    let names = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect());
    let cases = [
        ("ready", true, None, Some(ready()), Passed),
        ("not ready", true, None, Some(missing()), Failed),
        ("not ready as claimed", false, None, Some(missing()), Passed),
        ("ready although not claimed", false, None, Some(ready()), Failed),
        ("names", true, names(&["a.example.test", "b.example.test"]), Some(ready()), Passed),
        ("a name is missing", true, names(&["a.example.test"]), Some(ready()), Failed),
        ("no object", true, None, None, Failed),
        ("no object, claimed not ready", false, None, None, Failed),
    ];
    for (about, ready, dns_names, object, expected) in cases {
        let certificate_name = name("infra/wildcard");
        let claim = CertificateClaim { certificate: certificate_name, ready, dns_names };
        assert_verdict(&certificate(&claim, object.as_ref()), expected, about);
    }
}

#[test]
fn failures_of_status_claims_say_what_to_look_at() {
    let waiting = condition("Programmed", "False", "AddressNotAssigned", 2);
    let stale = condition("Programmed", "True", "Programmed", 1);
    let programmed = gateway_claim(is_true("Programmed"));
    let nobody = json!({"metadata": {"generation": 1}});
    let claimed_route = RouteClaim {
        route: name("apps/hello"),
        parent: Some(name("infra/shared")),
        conditions: is_true("Accepted"),
    };
    let shared = json!({"name": "shared", "namespace": "infra"});
    let mut refused = parent_status(&shared, "io.cilium/gateway-controller", "False");
    refused["conditions"][0]["reason"] = json!("NoMatchingListenerHostname");
    let told = [
        gateway(&programmed, Some(&gateway_object(&waiting))),
        gateway(&programmed, Some(&gateway_object(&stale))),
        gateway(&programmed, Some(&nobody)),
        route(&claimed_route, Some(&route_object(&[shared], &[refused]))),
    ];
    insta::assert_snapshot!(told.iter().map(printed).collect::<Vec<_>>().join("\n"));
}
