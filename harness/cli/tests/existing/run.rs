//! `gateproof run --provider existing`: nothing is made unless allowed, and nothing is left.

use std::path::Path;
use std::time::Duration;

use gateproof_kubernetes::wait;

use crate::bed::Bed;
use crate::proxy::Manners;
use crate::support::Run;

/// Runs a variant of the founding scenario on a bed.
fn run(bed: &Bed, arguments: &[&str]) -> Run {
    bed.gateproof(&[&["run", &scenario(), "--provider", "existing"], arguments].concat())
}

fn scenario() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("scenarios/shared-gateway.yaml").display().to_string()
}

#[test]
fn the_founding_scenario_passes_on_a_cluster_that_exists_and_leaves_nothing() {
    for variant in ["dedicated", "host-network-node-selector"] {
        let bed = Bed::bare(variant);
        let kinds = ["Namespace", "ClusterIssuer", "Secret", "Certificate", "Gateway"];
        let before = kinds.map(|kind| bed.names(kind));
        let proxy = bed.proxy(Manners::default());
        let run = run(&bed, &["--allow-writes"]);
        assert_eq!(run.code, Some(0), "{variant}: {}\n{}", run.out, run.err);
        for part in ["context behind-proxy", "left out: shared-gateway::"] {
            assert!(run.err.contains(part), "{part}: {}", run.err);
        }
        assert!(run.out.contains(&format!("shared-gateway::{variant}/")), "{}", run.out);
        assert!(!proxy.writes().is_empty(), "the run went through the proxy");
        let after = kinds.map(|kind| bed.names(kind));
        assert_eq!(after, before, "{variant}: {}\n{}", run.out, run.err);
        assert_eq!(bed.place.runs_left(), 0);
    }
}

#[test]
fn without_leave_nothing_is_made_and_all_that_is_in_the_way_is_told_at_once() {
    let bed = Bed::bare("dedicated");
    let manners = Manners {
        deny: vec![("create", "gateways"), ("delete", "clusterissuers")],
        ..Manners::default()
    };
    let proxy = bed.proxy(manners);
    let run = run(&bed, &[]);
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    for part in [
        "nothing was made on context behind-proxy",
        "may not create gateways.gateway.networking.k8s.io in namespace gateway",
        "may not delete clusterissuers.cert-manager.io",
        "allow it with --allow-writes",
        "starlift-observability",
    ] {
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
    assert_eq!(proxy.writes(), Vec::<String>::new());
}

#[test]
fn namespaces_that_exist_are_not_touched() {
    let bed = Bed::healthy("dedicated");
    let proxy = bed.proxy(Manners::default());
    let run = run(&bed, &["--allow-writes"]);
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    for part in ["namespace gateway exists already", "namespace starlift-observability exists"] {
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
    assert_eq!(proxy.writes(), Vec::<String>::new());
}

#[test]
fn a_variant_that_the_cluster_does_not_have_is_refused_with_what_differs() {
    let bed = Bed::bare("dedicated");
    let proxy = bed.proxy(Manners::default());
    let run = run(&bed, &["--allow-writes", "--variant", "host-network"]);
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    for part in ["no trial wants what this cluster has", "setting host network should be"] {
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
    assert_eq!(proxy.writes(), Vec::<String>::new());
}

#[test]
fn a_scenario_for_a_version_that_behaves_differently_runs_only_when_that_is_wanted() {
    let bed = Bed::bare("dedicated");
    let proxy = bed.proxy(Manners::default());
    bed.place.write("older.yaml", OLDER);
    let arguments = ["run", "older.yaml", "--provider", "existing", "--allow-writes"];
    let refused = bed.gateproof(&arguments);
    assert_eq!(refused.code, Some(2), "{}\n{}", refused.out, refused.err);
    for part in ["Cilium 1.18.10 is wanted, and 1.20.2 runs", "gateproof facts", "--any-version"] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    assert_eq!(proxy.writes(), Vec::<String>::new());
    let taken = bed.gateproof(&[&arguments[..], &["--any-version"]].concat());
    assert_eq!(taken.code, Some(0), "{}\n{}", taken.out, taken.err);
    assert!(taken.err.contains("older::plain/cilium-1.18.10 runs on Cilium 1.20.2"), "{taken:?}");
    assert!(taken.out.contains("older::plain/cilium-1.20.2"), "{}", taken.out);
}

#[test]
fn what_a_scenario_needs_and_is_not_there_is_told_before_anything_is_made() {
    let bed = Bed::bare("dedicated");
    let proxy = bed.proxy(Manners::default());
    let other = OLDER.replace("1.18.10", "1.20.2").replace("ClassName: cilium", "ClassName: cilum");
    bed.place.write("other.yaml", &other);
    let run = bed.gateproof(&["run", "other.yaml", "--provider", "existing", "--allow-writes"]);
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    let told = "Gateway plain/edge is of GatewayClass cilum, which does not exist";
    assert!(run.err.contains(told), "{}", run.err);
    assert_eq!(proxy.writes(), Vec::<String>::new());
}

const OLDER: &str = r#"
apiVersion: gateproof.dev/v1alpha1
kind: Scenario
metadata: {name: older}
spec:
  description: A Gateway and nothing else.
  topology: single-node
  stack:
    cilium: "1.18.10"
    values: {kubeProxyReplacement: true, gatewayAPI: {enabled: true}, operator: {replicas: 1}}
  variants:
  - name: plain
  manifests:
  - apiVersion: gateway.networking.k8s.io/v1
    kind: Gateway
    metadata: {name: edge, namespace: plain}
    spec:
      gatewayClassName: cilium
      listeners: [{name: http, protocol: HTTP, port: 80}]
  checks:
  - gateway: {name: plain/edge, conditions: {Accepted: true}}
  - exposure: {gateway: plain/edge, expect: {nodePorts: all}}
"#;

#[test]
fn what_could_not_be_removed_is_no_success_and_is_removed_by_the_next_who_may() {
    let bed = Bed::bare("dedicated");
    let before = bed.names("Namespace");
    bed.place.write("mine.yaml", &OLDER.replace("1.18.10", "1.20.2"));
    let forbid = vec![("delete", "namespaces")];
    let proxy = bed.proxy(Manners { forbid, ..Manners::default() });
    let run = bed.gateproof(&["run", "mine.yaml", "--provider", "existing", "--allow-writes"]);
    assert_eq!(run.code, Some(3), "{}\n{}", run.out, run.err);
    for part in ["was not removed cleanly", "namespaces is forbidden", "gateproof.dev/run="] {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
    assert!(run.err.contains(" --context behind-proxy delete namespaces"), "{}", run.err);
    assert_ne!(bed.names("Namespace"), before);
    drop(proxy);
    let _proxy = bed.proxy(Manners::default());
    let cleaned = bed.place.run(&["clean"]);
    assert_eq!(cleaned.code, Some(0), "{cleaned:?}");
    assert!(cleaned.out.contains("removed Namespace plain"), "{cleaned:?}");
    assert_eq!(bed.names("Namespace"), before);
}

#[test]
fn a_cluster_that_may_not_be_read_is_told_once_and_nothing_is_made() {
    let bed = Bed::bare("dedicated");
    let forbid = vec![("list", "*"), ("get", "configmaps"), ("get", "pods")];
    let proxy = bed.proxy(Manners { forbid, ..Manners::default() });
    let run = run(&bed, &["--allow-writes"]);
    assert_eq!(run.code, Some(3), "{}\n{}", run.out, run.err);
    let told = "which version of Cilium runs could not be read";
    assert_eq!(run.err.matches(told).count(), 1, "not for each trial: {}", run.err);
    for part in ["may not list", "cilium-config", "--print-role"] {
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
    assert_eq!(proxy.writes(), Vec::<String>::new());
}

#[test]
fn an_api_that_fails_now_and_then_hinders_no_run() {
    let bed = Bed::bare("dedicated");
    let before = bed.names("Namespace");
    bed.place.write("mine.yaml", &OLDER.replace("1.18.10", "1.20.2"));
    let _proxy = bed.proxy(Manners { fail_one_in: Some(10), ..Manners::default() });
    let run = bed.gateproof(&["run", "mine.yaml", "--provider", "existing", "--allow-writes"]);
    assert_eq!(run.code, Some(0), "{}\n{}", run.out, run.err);
    assert_eq!(bed.names("Namespace"), before);
}

#[test]
fn a_killed_run_is_cleaned_up_by_its_label() {
    let bed = Bed::bare("dedicated");
    let before = bed.names("Namespace");
    let _proxy = bed.proxy(Manners::default());
    let scenario = scenario();
    let mut child = bed
        .place
        .command(&["run", &scenario, "--provider", "existing", "--allow-writes"])
        .args(["--kubeconfig", "kubeconfig"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary starts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let made = runtime.expect("a runtime").block_on(wait::until(
        Duration::from_mins(1),
        Duration::from_millis(20),
        |_| (),
        || async {
            if bed.names("Gateway").is_empty() {
                wait::Poll::NotYet { missing: "a Gateway".to_owned() }
            } else {
                wait::Poll::Ready(())
            }
        },
    ));
    made.expect("the run makes its Gateway");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let told = bed.place.run(&["clean", "--dry-run"]);
    assert!(
        told.out.contains("would remove Namespace gateway in context behind-proxy"),
        "{told:?}"
    );
    assert_ne!(bed.names("Namespace"), before, "a dry run removes nothing");
    let cleaned = bed.place.run(&["clean"]);
    assert!(cleaned.out.contains("removed Namespace gateway"), "{cleaned:?}");
    assert_eq!(bed.names("Namespace"), before);
    assert_eq!(bed.names("ClusterIssuer"), Vec::<String>::new());
    assert_eq!(bed.place.runs_left(), 0);
}
