//! Plans from a catalog of two scenarios, and the laws of shards.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::{prop_assert, prop_assert_eq, proptest};

use super::make;
use crate::cluster::ProviderKind;
use crate::plan::selection::{LabelRequirement, NotAShard, Selection, SelectionError, Shard};
use crate::plan::{Plan, format};
use crate::scenario::catalog::{Catalog, load};
use crate::source::{Role, SourceTree};

const TOPOLOGY: &str = "apiVersion: kind.x-k8s.io/v1alpha4
kind: Cluster
networking: {disableDefaultCNI: true}
nodes: [{role: control-plane}, {role: worker}]
";

fn scenario(name: &str, versions: &str, variants: &str) -> String {
    format!(
        "apiVersion: gateproof.dev/v1alpha1
kind: Scenario
metadata: {{name: {name}, labels: {{suite: {name}-suite}}}}
spec:
  description: For plans.
  topology: pair
  stack:
    cilium: [{versions}]
    values: {{kubeProxyReplacement: true, gatewayAPI: {{enabled: true}}, operator: {{replicas: 1}}}}
  variants: [{variants}]
  manifests:
  - apiVersion: gateway.networking.k8s.io/v1
    kind: Gateway
    metadata: {{name: gateway, namespace: shop}}
    spec: {{gatewayClassName: cilium, listeners: [{{name: http, protocol: HTTP, port: 8080}}]}}
  checks:
  - gateway: {{name: shop/gateway, conditions: {{Accepted: true}}}}
"
    )
}

fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(loaded)
}

fn loaded() -> Catalog {
    let mut files = SourceTree::new();
    files.insert(Role::Topology, "clusters/pair.yaml", TOPOLOGY);
    let host = "{name: dedicated}, {name: host-network, values: {gatewayAPI: {hostNetwork: {enabled: true}}, operator: null}}";
    files.insert(Role::Scenario, "b.yaml", scenario("shared", "1.19.6, 1.20.2", host));
    files.insert(Role::Scenario, "a.yaml", scenario("canary", "1.20.2", "{name: dedicated}"));
    load(&files).unwrap_or_else(|problems| panic!("{problems}"))
}

fn plan(selection: &Selection) -> Result<Plan, SelectionError> {
    make(catalog(), ProviderKind::Embedded, selection)
}

fn names(selection: &Selection) -> Vec<String> {
    let plan = plan(selection).unwrap_or_else(|error| panic!("{error}"));
    plan.clusters.iter().flat_map(|c| &c.trials).map(|t| t.name.to_string()).collect()
}

fn by_name(name: &str) -> Selection {
    Selection { names: vec![name.to_owned()], ..Selection::default() }
}

#[test]
fn every_variant_meets_every_version_in_a_stable_order() {
    assert_eq!(
        names(&Selection::default()),
        [
            "canary::dedicated/cilium-1.20.2",
            "shared::dedicated/cilium-1.19.6",
            "shared::dedicated/cilium-1.20.2",
            "shared::host-network/cilium-1.19.6",
            "shared::host-network/cilium-1.20.2",
        ]
    );
}

#[test]
fn a_trial_has_the_merged_values_and_what_they_amount_to() {
    let plan = plan(&by_name("shared::host-network/cilium-1.20.2")).expect("a plan");
    let trial = &plan.clusters[0].trials[0];
    assert!(trial.config.host_network.is_on() && trial.config.gateway_api);
    assert!(trial.values["operator"].is_null(), "null is for Helm to see");
}

#[test]
fn cluster_names_are_kinds_and_each_trials_own() {
    let plan = plan(&Selection::default()).expect("a plan");
    let names: BTreeSet<&str> = plan.clusters.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names.len(), plan.clusters.len());
    for name in names {
        assert!(name.len() <= 40, "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
    }
}

#[test]
fn a_kind_cluster_has_another_name_in_each_run_and_the_trial_none() {
    let plan = plan(&Selection::default()).expect("a plan");
    let of = |provider, run: &str| Plan { provider, clusters: plan.clusters.clone() }.of_run(run);
    let clusters = |plan: &Plan| -> BTreeSet<String> {
        plan.clusters.iter().map(|cluster| cluster.name.to_string()).collect()
    };
    let (one, other) = (of(ProviderKind::Kind, "r1"), of(ProviderKind::Kind, "r2"));
    assert!(clusters(&one).is_disjoint(&clusters(&other)));
    assert_eq!(clusters(&one).len(), plan.clusters.len());
    assert_eq!(clusters(&one), clusters(&of(ProviderKind::Kind, "r1")), "always the same");
    for (cluster, planned) in one.clusters.iter().zip(&plan.clusters) {
        assert_eq!(cluster.name.as_str().len(), planned.name.as_str().len(), "no longer");
        assert_eq!(cluster.trials, planned.trials);
    }
    let embedded = of(ProviderKind::Embedded, "r1");
    assert_eq!(clusters(&embedded), clusters(&plan), "it lives in the process of its run");
}

#[test]
fn names_variants_and_labels_select_together() {
    assert_eq!(names(&by_name("canary")), ["canary::dedicated/cilium-1.20.2"]);
    assert_eq!(names(&by_name("*::host-network/*")).len(), 2);
    let both = Selection {
        names: vec!["*1.20.2".to_owned()],
        variants: vec!["host-*".to_owned()],
        labels: vec!["suite=shared-suite".parse().expect("a label")],
        shard: None,
    };
    assert_eq!(names(&both), ["shared::host-network/cilium-1.20.2"]);
}

#[test]
fn a_selection_that_matches_nothing_names_the_nearest() {
    let message =
        |selection: &Selection| plan(selection).expect_err("nothing is selected").to_string();
    assert_eq!(
        message(&by_name("canery")),
        "no trial or scenario matches `canery`; did you mean `canary`?"
    );
    assert_eq!(
        message(&by_name("zzzzzz")),
        "no trial or scenario matches `zzzzzz`; `gateproof plan` lists all trials"
    );
    let variants = Selection { variants: vec!["hostnetwork".to_owned()], ..Selection::default() };
    assert_eq!(
        message(&variants),
        "no variant matches `hostnetwork`; did you mean `host-network`?"
    );
    let labels = Selection {
        labels: vec![LabelRequirement { key: "suite".into(), value: "shared-suit".into() }],
        ..Selection::default()
    };
    assert!(message(&labels).contains("did you mean `suite=shared-suite`"), "{}", message(&labels));
    let apart = Selection {
        names: vec!["canary".to_owned()],
        variants: vec!["host-network".to_owned()],
        ..Selection::default()
    };
    assert_eq!(
        message(&apart),
        "no trial matches all of `canary`, variant `host-network` together"
    );
    assert!(message(&by_name("[")).starts_with("`[` is no glob pattern: "));
    let empty = make(&Catalog::default(), ProviderKind::Kind, &Selection::default());
    assert_eq!(empty, Err(SelectionError::NoScenarios));
}

#[test]
fn nonsense_is_no_shard_and_no_label() {
    for text in ["3/2", "0/2", "1", "1/0", "a/b", "-1/2", "1/2/3"] {
        assert_eq!(text.parse::<Shard>(), Err(NotAShard(text.to_owned())), "{text}");
    }
    assert_eq!("2/2".parse::<Shard>().map(|shard| shard.to_string()), Ok("2/2".to_owned()));
    assert!("suite".parse::<LabelRequirement>().is_err());
    assert!("=x".parse::<LabelRequirement>().is_err());
}

#[test]
fn a_plan_is_printed_for_people_programs_and_matrices() {
    let plan = plan(&by_name("shared::*")).expect("a plan");
    insta::assert_snapshot!("table", format::table(&plan));
    insta::assert_snapshot!("json", format::json(&plan));
    insta::assert_snapshot!("github", format::github(&plan));
}

proptest! {
    #[test]
    fn shards_are_disjoint_and_complete(count in 1_usize..9) {
        let all = names(&Selection::default());
        let mut seen = Vec::new();
        for index in 1..=count {
            let shard = Shard::new(index, count).expect("a shard");
            seen.extend(names(&Selection { shard: Some(shard), ..Selection::default() }));
        }
        let unique: BTreeSet<&String> = seen.iter().collect();
        prop_assert_eq!(unique.len(), seen.len());
        prop_assert!(all.iter().all(|name| unique.contains(name)));
        prop_assert_eq!(seen.len(), all.len());
    }

    #[test]
    fn every_position_is_in_exactly_one_shard(position in 0_usize..10_000, count in 1_usize..64) {
        let takers = (1..=count)
            .filter(|index| Shard::new(*index, count).is_ok_and(|shard| shard.takes(position)))
            .count();
        prop_assert_eq!(takers, 1);
    }
}
