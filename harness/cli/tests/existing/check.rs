//! `gateproof check`: healthy and broken clusters, and an API that is slow, fails or forbids.

use std::time::Duration;

use gateproof_core::cluster::NodeSelector;
use gateproof_core::scenario::Fault;
use serde_json::json;

use crate::bed::Bed;
use crate::proxy::Manners;

const VARIANTS: [&str; 3] = ["dedicated", "host-network", "host-network-node-selector"];

#[test]
fn healthy_clusters_pass_in_every_variant_and_no_call_changes_anything() {
    for variant in VARIANTS {
        let bed = Bed::healthy(variant);
        let proxy = bed.proxy(Manners::default());
        let run = bed.gateproof(&["check", "--verbose"]);
        assert_eq!(run.code, Some(0), "{variant}: {}\n{}", run.out, run.err);
        for part in ["context behind-proxy (API server 127.0.0.1:", "nodes answer from here"] {
            assert!(run.err.contains(part), "{part}: {}", run.err);
        }
        assert!(run.out.contains("check::gateway/shared-gateway"), "{}", run.out);
        assert!(run.out.contains("reference model of Cilium"), "{}", run.out);
        assert!(run.out.contains("https://"), "requests were sent: {}", run.out);
        assert_eq!(proxy.writes(), Vec::<String>::new(), "{variant}");
        assert!(proxy.calls().len() > 10, "the proxy was in between: {:?}", proxy.calls());
        // Nothing but a dossier reads these.
        let read = proxy.calls().get(&("list".to_owned(), "ciliumnodes".to_owned())).copied();
        assert_eq!(read, Some(1), "{variant}: plan and diagnosis rest on one look");
        assert!(!format!("{run:?}").contains("planted-token"), "credentials are not told");
        assert_eq!(bed.place.runs_left(), 0);
    }
}

#[test]
fn dead_traffic_behind_green_conditions_fails_with_its_cause() {
    for variant in VARIANTS {
        let bed = Bed::healthy(variant);
        bed.strike(Fault::AgentsNotRestarted { nodes: NodeSelector::All });
        let _proxy = bed.proxy(Manners::default());
        let run = bed.gateproof(&["check", "--report", "json=report.json"]);
        assert_eq!(run.code, Some(1), "{variant}: {}\n{}", run.out, run.err);
        let report = bed.place.path().join("report.json");
        let report = std::fs::read_to_string(report).expect("a report");
        assert!(report.contains("GP0001"), "{variant}: {report}");
        assert!(run.out.contains("CLOSED (refused)"), "{variant}: {}", run.out);
        assert!(run.out.contains("agents that started before"), "{variant}: {}", run.out);
    }
}

#[test]
fn a_rule_without_backends_fails_beside_healthy_ones_and_what_is_not_asked_is_told() {
    let bed = Bed::healthy("dedicated");
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": "starlift-observability", "name": "nobody"},
        "spec": {"selector": {"app": "nobody"}, "ports": [{"port": 80}]}});
    let rule = |path: &str, method: Option<&str>| {
        json!({"matches": [{"path": {"value": path}, "method": method}],
            "backendRefs": [{"name": "nobody", "port": 80}]})
    };
    let route = |rules: serde_json::Value| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"namespace": "starlift-observability", "name": "more"},
            "spec": {"parentRefs": [{"namespace": "gateway", "name": "shared-gateway"}],
                "hostnames": ["hello.obs.example.test"], "rules": rules}})
    };
    let _proxy = bed.proxy(Manners::default());
    bed.apply(&[service, route(json!([rule("/orders", Some("POST"))]))]);
    let run = bed.gateproof(&["check"]);
    assert_eq!(run.code, Some(0), "{}\n{}", run.out, run.err);
    for part in ["hello.obs.example.test/orders on port 80", "method POST, which may have effects"]
    {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
    // What is not asked is known to be dead: the Service has no such port.
    let mut orders = rule("/orders", Some("POST"));
    orders["backendRefs"][0]["port"] = json!(81);
    bed.apply(&[route(json!([orders]))]);
    let run = bed.gateproof(&["check"]);
    assert_eq!(run.code, Some(3), "{}\n{}", run.out, run.err);
    assert!(run.out.contains("everything that was asked holds"), "{}", run.out);
    assert!(run.out.contains("GP0017"), "{}", run.out);
    bed.apply(&[route(json!([rule("/dead", None)]))]);
    let run = bed.gateproof(&["check", "--report", "json=report.json"]);
    assert_eq!(run.code, Some(1), "{}\n{}", run.out, run.err);
    assert!(run.out.contains("hello.obs.example.test/dead"), "{}", run.out);
    let report = std::fs::read_to_string(bed.place.path().join("report.json")).expect("a report");
    assert!(report.contains("no healthy upstream"), "Envoy's own words are kept: {report}");
}

#[test]
fn a_reader_without_secrets_and_logs_gets_the_same_verdict_and_hears_what_is_hidden() {
    let bed = Bed::healthy("dedicated");
    let forbid = vec![("*", "secrets"), ("*", "pods/log"), ("watch", "*")];
    let proxy = bed.proxy(Manners { forbid, ..Manners::default() });
    let run = bed.gateproof(&["check", "--report", "json=report.json"]);
    assert_eq!(run.code, Some(0), "{}\n{}", run.out, run.err);
    let report = std::fs::read_to_string(bed.place.path().join("report.json")).expect("a report");
    assert!(report.contains("secrets"), "what may not be read is told: {report}");
    assert_eq!(proxy.writes(), Vec::<String>::new());
}

#[test]
fn an_api_that_is_slow_fails_and_loses_events_leads_to_no_wrong_verdict() {
    let bed = Bed::healthy("host-network");
    for manners in [
        Manners { delay: Duration::from_millis(400), ..Manners::default() },
        Manners { fail_one_in: Some(10), ..Manners::default() },
        Manners { deaf_watches: true, ..Manners::default() },
        Manners {
            delay: Duration::from_millis(100),
            fail_one_in: Some(10),
            deaf_watches: true,
            ..Manners::default()
        },
    ] {
        let _proxy = bed.proxy(manners.clone());
        let run = bed.gateproof(&["check"]);
        assert_eq!(run.code, Some(0), "{manners:?}: {}\n{}", run.out, run.err);
    }
}

#[test]
fn an_api_that_forbids_nodes_leaves_open_what_traffic_does() {
    let bed = Bed::healthy("dedicated");
    let forbid = vec![("*", "nodes")];
    let _proxy = bed.proxy(Manners { forbid, ..Manners::default() });
    let run = bed.gateproof(&["check"]);
    assert_eq!(run.code, Some(3), "not known is never passed: {}\n{}", run.out, run.err);
}

#[test]
fn what_was_not_probed_does_not_pass() {
    let bed = Bed::healthy("dedicated");
    let _proxy = bed.proxy(Manners::default());
    let run = bed.gateproof(&["check", "--no-probes"]);
    assert_eq!(run.code, Some(3), "{}\n{}", run.out, run.err);
    assert!(run.out.contains("--no-probes"), "{}", run.out);
}

#[test]
fn mistakes_are_told_before_anything_is_asked() {
    let bed = Bed::healthy("dedicated");
    let proxy = bed.proxy(Manners::default());
    for (arguments, code, part) in [
        (&["check", "--context", "behind-proxi"][..], 2, "did you mean `behind-proxy`?"),
        (&["check", "--gateway", "shared-gateway"], 2, "namespace/name"),
        (&["check", "--profile", "aws-lbc-clutser"], 2, "aws-lbc-cluster"),
    ] {
        let run = bed.gateproof(arguments);
        assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.err);
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
    assert!(proxy.calls().is_empty(), "{:?}", proxy.calls());
    let run = bed.gateproof(&["check", "--gateway", "gateway/shared-gatewy"]);
    assert_eq!(run.code, Some(4), "{}", run.err);
    assert!(run.err.contains("did you mean gateway/shared-gateway?"), "{}", run.err);
}

#[test]
fn a_bundle_of_a_broken_cluster_names_the_same_cause_without_the_cluster() {
    let bed = Bed::healthy("dedicated");
    bed.strike(Fault::AgentsNotRestarted { nodes: NodeSelector::All });
    let proxy = bed.proxy(Manners::default());
    let live = bed.gateproof(&["check", "--bundle", "evidence.tar"]);
    assert_eq!(live.code, Some(1), "{}\n{}", live.out, live.err);
    assert!(live.err.contains("evidence.tar"), "{}", live.err);
    drop(proxy);
    let offline = bed.place.run(&["check", "--from", "evidence.tar"]);
    assert!(offline.out.contains("GP0001"), "{}\n{}", offline.out, offline.err);
    assert!(offline.out.contains("reference model of Cilium"), "{}", offline.out);
    assert_eq!(offline.code, Some(3), "a folder decides nothing about traffic: {}", offline.out);
}

#[test]
fn what_a_healthy_cluster_left_never_passes_and_blames_nobody() {
    let bed = Bed::healthy("host-network");
    let proxy = bed.proxy(Manners::default());
    let live = bed.gateproof(&["check", "--bundle", "evidence.tar"]);
    assert_eq!(live.code, Some(0), "{}\n{}", live.out, live.err);
    drop(proxy);
    let offline = bed.place.run(&["check", "--from", "evidence.tar", "--report", "json=r.json"]);
    assert_eq!(offline.code, Some(3), "{}\n{}", offline.out, offline.err);
    let report = std::fs::read_to_string(bed.place.path().join("r.json")).expect("a report");
    assert!(!report.contains("\"role\":\"cause\""), "{report}");
    assert!(!report.contains("\"role\": \"cause\""), "{report}");
}

#[test]
fn a_place_without_a_dump_is_refused_with_what_is_wanted() {
    let bed = Bed::bare("dedicated");
    bed.place.write("empty/notes.txt", "nothing here");
    for (arguments, part) in [
        (&["check", "--from", "nowhere"][..], "failed to read nowhere"),
        (&["check", "--from", "empty"], "holds no Kubernetes object"),
        (&["check", "--from", "empty", "--context", "prod"], "cannot be used with"),
    ] {
        let run = bed.place.run(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.err);
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
}
