//! GP0001: agents still run the configuration they started with.
//!
//! Certain only by what the agents say themselves: the drift checker's lines. Start times alone
//! prove nothing, because a write that changed nothing relevant moves the ConfigMap's time too.

use std::collections::BTreeMap;

use super::issue;
use crate::dossier::{ComponentPod, Dossier, text};
use crate::finding::reading::{
    Drift, Socket, config_map, dead, drifts, entry, gateways, in_trouble, listed, nodes_of,
    sockets, told,
};
use crate::finding::releases::{EVERY, Releases, since};
use crate::finding::{Confidence, Firing, Role, Rule, Seen};
use crate::moment::Moment;
use crate::name::NodeName;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0001",
    title: "agents run an older configuration",
    explanation: "\
An agent reads Cilium's configuration once, when its pod starts: an init container copies the \
ConfigMap into the pod. A Helm upgrade changes the ConfigMap and restarts nothing unless \
rollOutCiliumPods is set. The operator may have been restarted meanwhile; it then makes the \
Service, the placeholder endpoint and the CiliumEnvoyConfig, and writes Accepted and Programmed, \
all from objects in Kubernetes alone.

Agents that started without enable-envoy-config do not watch CiliumEnvoyConfigs. On their nodes \
nothing leads from a node port to Envoy, so every port of the Gateway is dead there while every \
condition is green: all nodes fail alike, on all ports, at once. Agents that started without \
enable-gateway-api but with enable-envoy-config do route, and do not serve the Gateway's Secrets: \
HTTP works and TLS is reset.

From 1.17 on agents can tell themselves (the drift checker, on by default from 1.18): `Mismatch \
found` names a key that they started with otherwise, `No local entry found` one that they did not \
have. Such a line about enable-gateway-api or enable-envoy-config is proof. Start times are not: \
any change of the ConfigMap moves its time, also one that concerns no Gateway.

Keys that only the operator reads (gateway-api-hostnetwork-enabled, for one) drift too, and do not \
matter for the agents.

The metric cilium_drift_checker_config_delta counts the keys that differ and names none, so it \
supports what start times suggest and proves nothing about a Gateway by itself. Where the drift \
checker is on, 0 says that an agent runs what the ConfigMap holds, however old its pod is.",
    remedy: &[
        "restart the agents: kubectl -n kube-system rollout restart daemonset/cilium, then wait for kubectl -n kube-system rollout status daemonset/cilium",
        "set rollOutCiliumPods=true, operator.rollOutPods=true and envoy.rollOutPods=true in Cilium's Helm values, so that a change of the configuration restarts what reads it",
    ],
    sources: &[
        "cilium/cilium pkg/driftchecker/checker.go 1.17.10 and 1.18.10: what the two lines mean",
        "cilium/cilium pkg/driftchecker/metrics.go 1.17 to 1.21-dev: the metric, which is 0 as well while the checker is off",
        "cilium/cilium pkg/ciliumenvoyconfig/cell.go 1.17, k8s_reflector.go and controller.go 1.18: CiliumEnvoyConfigs are watched only with enable-envoy-config",
        "cilium/charts templates/cilium-agent/daemonset.yaml 1.18.12: the init container build-config; values.yaml: rollOutCiliumPods is false",
        "cilium/cilium operator/pkg/gateway-api/gateway_reconcile.go 1.14.10 to 1.21-dev: status is written without asking agents",
    ],
    issues: &[
        issue("cilium/cilium#32873", EVERY),
        issue("devantler-tech/platform#1969", Releases(&[since(17, 0)])),
    ],
    examine,
};

/// Keys that agents read and that decide whether a Gateway carries traffic; the first two are
/// proof by themselves.
const READ_BY_AGENTS: &[&str] = &[
    "enable-gateway-api",
    "enable-envoy-config",
    "enable-l7-proxy",
    "gateway-api-secrets-namespace",
    "external-envoy-proxy",
    "kube-proxy-replacement",
    "enable-node-port",
];
const PROOF: &[&str] = &["enable-gateway-api", "enable-envoy-config"];

fn examine(dossier: &Dossier) -> Vec<Firing> {
    if gateways(dossier).is_empty() {
        return Vec::new();
    }
    by_drift(dossier).or_else(|| by_age(dossier)).into_iter().collect()
}

/// By what the agents say.
fn by_drift(dossier: &Dossier) -> Option<Firing> {
    let drifts = drifts(dossier);
    let relevant: Vec<&Drift<'_>> =
        drifts.iter().filter(|drift| READ_BY_AGENTS.contains(&drift.key.as_str())).collect();
    if relevant.is_empty() {
        return None;
    }
    let proof = relevant.iter().any(|drift| PROOF.contains(&drift.key.as_str()));
    let nodes: Vec<NodeName> = nodes(relevant.iter().copied());
    let sockets = sockets(dossier);
    let theirs: Vec<_> = sockets
        .iter()
        .filter(|socket| {
            socket.is_traffic() && socket.node.as_ref().is_none_or(|node| nodes.contains(node))
        })
        .collect();
    let carries = !theirs.is_empty() && theirs.iter().all(|socket| !socket.is_dead());
    let role = if carries && !in_trouble(dossier) { Role::Contributing } else { Role::Cause };
    let confidence = if proof { Confidence::Certain } else { Confidence::Likely };
    let mut firing = Firing::new(role, confidence).about(agents_on(&nodes));

    // What proves it comes first, then what the probes saw, then what only drifts as well.
    let (decisive, others): (Vec<_>, Vec<_>) = drifts
        .iter()
        .filter(|drift| {
            READ_BY_AGENTS.contains(&drift.key.as_str()) || drift.key.starts_with("gateway-api")
        })
        .partition(|drift| READ_BY_AGENTS.contains(&drift.key.as_str()));
    let dead: Vec<_> = dead(dossier)
        .into_iter()
        .filter(|socket| socket.node.as_ref().is_some_and(|node| nodes.contains(node)))
        .collect();
    firing = told_by_words(firing, &decisive).seen_all(told(&dead));
    firing = told_by_words(firing, &others)
        .seen_all(counted(dossier, &nodes))
        .seen_all(ages(dossier).map(|(seen, _)| seen))
        .inferred(consequence(&relevant));
    Some(rollout(dossier).into_iter().fold(firing, Firing::inferred))
}

/// Drifts with the same words once, with all their logs.
fn told_by_words(firing: Firing, drifts: &[&Drift<'_>]) -> Firing {
    let mut by_words: BTreeMap<String, Vec<&Drift<'_>>> = BTreeMap::new();
    for drift in drifts {
        by_words.entry(drift.words()).or_default().push(drift);
    }
    by_words.into_iter().fold(firing, |firing, (words, drifts)| firing.seen(words, source(&drifts)))
}

fn consequence(relevant: &[&Drift<'_>]) -> &'static str {
    let keys: Vec<&str> = relevant.iter().map(|drift| drift.key.as_str()).collect();
    if keys.contains(&"enable-envoy-config") {
        "these agents do not watch CiliumEnvoyConfigs, so nothing leads from the node's ports to Envoy there"
    } else if keys.contains(&"enable-gateway-api") {
        "agents that started with Gateway API off watch no CiliumEnvoyConfig (unless another setting switched that on) and serve no Secret of a Gateway: its ports are dead on their nodes, or TLS is reset"
    } else {
        "these agents treat the Gateway's traffic by settings that are no longer wanted"
    }
}

/// By start times and dead sockets: never certain.
fn by_age(dossier: &Dossier) -> Option<Firing> {
    let (seen, older) = ages(dossier)?;
    let in_step = older.iter().all(|agent| counts_nothing(dossier, agent));
    let older: Vec<NodeName> = older.iter().filter_map(|agent| agent.node.clone()).collect();
    let sockets = sockets(dossier);
    let probed = sockets.iter().any(Socket::is_traffic);
    let dead = dead(dossier);
    let dead_nodes = nodes_of(&dead);
    let with_dead: Vec<NodeName> =
        older.iter().filter(|node| dead_nodes.contains(node)).cloned().collect();
    let unprobed = "start times alone prove nothing: what changed in the ConfigMap may not concern any Gateway. Probes of the node ports, or `cilium-dbg config -a` on an agent (EnableEnvoyConfig, EnableGatewayAPI), tell";
    if !probed {
        if in_step {
            return None;
        }
        let firing = Firing::new(Role::Contributing, Confidence::Possible)
            .about(agents_on(&older))
            .seen_all([seen])
            .seen_all(counted(dossier, &older))
            .inferred(unprobed);
        return Some(rollout(dossier).into_iter().fold(firing, Firing::inferred));
    }
    if with_dead.is_empty() {
        return None;
    }
    // Where an old agent's node carries traffic on every port, or a new agent's does not, age is
    // not what tells the dead from the living.
    let open_though_old = older.iter().any(|node| !dead_nodes.contains(node));
    let dead_though_new = dead_nodes.iter().any(|node| !older.contains(node));
    let partly = dead.iter().any(|socket| {
        sockets.iter().any(|other| {
            other.node == socket.node
                && other.role.is_some()
                && other.is_traffic()
                && other.is_open()
        })
    });
    let agents = || {
        let of_dead = |agent: &&ComponentPod| {
            agent.node.as_ref().is_some_and(|node| with_dead.contains(node))
        };
        dossier.cilium.agents.iter().filter(of_dead)
    };
    let count_nothing = agents().all(|agent| counts_nothing(dossier, agent));
    let count_some = agents().any(|agent| agent.drift.is_some_and(|count| count > 0));
    let says_nothing = tells_of_drift(dossier) && !count_some && !count_nothing && {
        let logs =
            |node: &NodeName| dossier.logs.iter().any(|line| line.node.as_ref() == Some(node));
        with_dead.iter().all(logs)
    };
    let doubtful = open_though_old || dead_though_new || partly || says_nothing || count_nothing;
    let confidence = if doubtful { Confidence::Possible } else { Confidence::Likely };
    let mut firing = Firing::new(Role::Cause, confidence)
        .about(agents_on(&with_dead))
        .seen_all(told(&dead))
        .seen_all([seen])
        .seen_all(counted(dossier, &with_dead))
        .inferred("agents read the ConfigMap once, when their pod starts; these started before it was last written, and the Gateway's ports are dead on their nodes");
    if says_nothing {
        firing = firing.inferred("this release tells of drift by default, and the log lines that were read have none of it, which speaks against this");
    }
    if count_nothing {
        firing = firing.inferred(
            "these agents count no setting that differs from the ConfigMap, which speaks against this",
        );
    }
    if dead_though_new {
        firing = firing.inferred(
            "ports are dead on nodes with younger agents as well, so age is not all of it",
        );
    }
    Some(rollout(dossier).into_iter().fold(firing, Firing::inferred))
}

/// Whether the drift checker is on: by default from 1.18 on, unless the ConfigMap says otherwise.
fn tells_of_drift(dossier: &Dossier) -> bool {
    const ON_BY_DEFAULT: Releases = Releases(&[since(18, 0)]);
    const HAVE_ONE: Releases = Releases(&[since(17, 0)]);
    let Some(version) = &dossier.versions.cilium else { return false };
    let is_on = match entry(dossier, "enable-drift-checker") {
        Some(value) => value == "true" && HAVE_ONE.hold(version),
        None => ON_BY_DEFAULT.hold(version),
    };
    is_on && entry(dossier, "enable-dynamic-config") != Some("false")
}

/// Whether an agent says by its metric that it runs what the ConfigMap holds.
fn counts_nothing(dossier: &Dossier, agent: &ComponentPod) -> bool {
    agent.drift == Some(0) && tells_of_drift(dossier)
}

/// What agents on these nodes count, each count once.
fn counted(dossier: &Dossier, nodes: &[NodeName]) -> Vec<Seen> {
    let mut by_count: BTreeMap<u32, Vec<NodeName>> = BTreeMap::new();
    for agent in &dossier.cilium.agents {
        if let (Some(count), Some(node)) = (agent.drift, &agent.node)
            && nodes.contains(node)
        {
            by_count.entry(count).or_default().push(node.clone());
        }
    }
    let told = by_count.into_iter().rev().map(|(count, nodes)| {
        let settings = if count == 1 { "setting differs" } else { "settings differ" };
        Seen {
            what: format!("{count} {settings} from the ConfigMap"),
            source: format!("metric cilium_drift_checker_config_delta of {}", agents_on(&nodes)),
        }
    });
    told.collect()
}

/// Whether the agents are being replaced just now, in words.
fn rollout(dossier: &Dossier) -> Option<String> {
    let sets = dossier.list("apps", "DaemonSet");
    let set = sets
        .filter(|set| text(set, "/metadata/labels/k8s-app") == Some("cilium"))
        .find(|set| text(set, "/spec/updateStrategy/type") != Some("OnDelete"))?;
    let count = |field: &str| set.pointer("/status")?.get(field)?.as_u64();
    let (wanted, updated) = (count("desiredNumberScheduled")?, count("updatedNumberScheduled")?);
    (updated < wanted).then(|| {
        format!(
            "the agents are being replaced just now: {updated} of {wanted} pods are of the DaemonSet's present template; wait for it to end before you judge the others"
        )
    })
}

/// The agents that started before the ConfigMap was last written, and how that is told.
fn ages(dossier: &Dossier) -> Option<(Seen, Vec<&ComponentPod>)> {
    let written = dossier.cilium.config_map.as_ref()?.written?;
    let starts = |pod: &&ComponentPod| pod.started.is_some_and(|started| started < written);
    let older: Vec<&ComponentPod> = dossier.cilium.agents.iter().filter(starts).collect();
    let first: Moment = older.iter().filter_map(|pod| pod.started).min()?;
    let what = format!(
        "{} of {} agents started before the ConfigMap was last written ({written}); the first at {first}",
        older.len(),
        dossier.cilium.agents.len()
    );
    let source = format!("pods of the agents, managedFields of {}", config_map(dossier));
    Some((Seen { what, source }, older))
}

fn nodes<'d>(drifts: impl Iterator<Item = &'d Drift<'d>>) -> Vec<NodeName> {
    let mut nodes: Vec<NodeName> = drifts.filter_map(|drift| drift.line.node.clone()).collect();
    nodes.sort();
    nodes.dedup();
    nodes
}

fn agents_on(nodes: &[NodeName]) -> String {
    let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
    match names.as_slice() {
        [] => "agents".to_owned(),
        [one] => format!("the agent on {one}"),
        many => format!("the agents on {}", listed(many)),
    }
}

fn source(drifts: &[&Drift<'_>]) -> String {
    let nodes: Vec<NodeName> = nodes(drifts.iter().copied());
    let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
    match (names.as_slice(), drifts.first()) {
        ([], Some(drift)) => format!("log {}", drift.line.source),
        ([], None) => "logs of agents".to_owned(),
        ([one], _) => format!("log of the agent on {one}"),
        (many, _) => format!("logs of the agents on {}", listed(many)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::{Component, Dossier};
    use crate::finding::fixture::{Change, NODES, dedicated, fires, moment, silent, words};
    use crate::finding::{Confidence, Role};
    use crate::observation::TcpOutcome;

    const MISMATCH: &str = r#"time=2026-11-21T02:30:00Z level=warn msg="Mismatch found" key=enable-gateway-api actual=false expectedValue=true expectedSource=kube-system/cilium-config"#;
    const MISSING: &str = r#"level=warn msg="No local entry found" key=gateway-api-hostnetwork-enabled expectedValue=false expectedSource=kube-system/cilium-config"#;

    fn founding_incident() -> Dossier {
        let mut dossier = dedicated().dead(&NODES, &TcpOutcome::Refused).version("1.18.10");
        for node in NODES {
            dossier = dossier.log(Component::CiliumAgent, Some(node), MISMATCH).log(
                Component::CiliumAgent,
                Some(node),
                MISSING,
            );
        }
        dossier
    }

    fn older_agents(nodes: &[&str]) -> Dossier {
        let mut dossier = dedicated().version("1.16.7");
        for agent in &mut dossier.cilium.agents {
            if agent.node.as_ref().is_some_and(|node| nodes.contains(&node.as_str())) {
                agent.started = Some(moment("2026-11-20T00:00:00Z"));
            }
        }
        dossier
    }

    #[test]
    fn the_founding_incident_is_certain_and_cites_both_lines() {
        let firing = fires(&RULE, &founding_incident());
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Certain));
        let words = words(&firing);
        for wanted in [
            "enable-gateway-api actual=false expectedValue=true",
            "gateway-api-hostnetwork-enabled has no local entry",
            "logs of the agents on control-plane, worker and worker2",
            "refused: ",
        ] {
            assert!(words.contains(wanted), "{wanted} is in\n{words}");
        }
    }

    #[test]
    fn an_offline_folder_without_probes_gives_the_same_cause() {
        let firing = fires(&RULE, &founding_incident().unprobed());
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Certain));
    }

    #[test]
    fn drift_of_keys_that_agents_do_not_read_is_no_cause() {
        let line = |line| dedicated().log(Component::CiliumAgent, Some("worker"), line);
        silent(&RULE, &line(MISSING));
        let debug = r#"msg="Mismatch found" key=debug actual=false expectedValue=true"#;
        silent(&RULE, &line(debug).dead(&NODES, &TcpOutcome::Refused));
    }

    #[test]
    fn drift_that_was_mended_since_is_no_cause() {
        let mut restarted = founding_incident();
        for agent in &mut restarted.cilium.agents {
            agent.started = Some(moment("2026-11-21T02:45:00Z"));
        }
        silent(&RULE, &restarted);
        let reverted = founding_incident().entry("enable-gateway-api", "false");
        silent(&RULE, &reverted);
    }

    #[test]
    fn start_times_with_dead_ports_are_likely_and_never_certain() {
        let stale = older_agents(&NODES).dead(&NODES, &TcpOutcome::TimedOut);
        let firing = fires(&RULE, &stale);
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Likely));
        let some = older_agents(&["worker"]).dead(&NODES, &TcpOutcome::TimedOut);
        assert_eq!(fires(&RULE, &some).confidence, Confidence::Possible, "younger ones die too");
    }

    #[test]
    fn older_agents_whose_ports_carry_traffic_are_no_finding() {
        silent(&RULE, &older_agents(&NODES));
        let unprobed = fires(&RULE, &older_agents(&NODES).unprobed());
        assert_eq!(
            (unprobed.role, unprobed.confidence),
            (Role::Contributing, Confidence::Possible),
            "unprobed, start times alone are no cause"
        );
    }

    #[test]
    fn silence_of_a_drift_checker_speaks_against_it() {
        let quiet = older_agents(&NODES).version("1.20.2").dead(&NODES, &TcpOutcome::Refused);
        let quiet = NODES.iter().fold(quiet, |quiet, node| {
            quiet.log(Component::CiliumAgent, Some(node), r#"msg="Initialized""#)
        });
        assert_eq!(fires(&RULE, &quiet).confidence, Confidence::Possible);
    }

    fn counting(mut dossier: Dossier, nodes: &[&str], count: u32) -> Dossier {
        for agent in &mut dossier.cilium.agents {
            if agent.node.as_ref().is_some_and(|node| nodes.contains(&node.as_str())) {
                agent.drift = Some(count);
            }
        }
        dossier
    }

    #[test]
    fn what_agents_count_supports_their_age_and_nothing_counted_speaks_against_it() {
        let dead = older_agents(&NODES).version("1.18.10").dead(&NODES, &TcpOutcome::Refused);
        let quiet = NODES.iter().fold(dead, |dossier, node| {
            dossier.log(Component::CiliumAgent, Some(node), r#"msg="Initialized""#)
        });
        let firing = fires(&RULE, &counting(quiet.clone(), &NODES, 3));
        assert_eq!(firing.confidence, Confidence::Likely, "their count outweighs their logs");
        let told = words(&firing);
        assert!(told.contains("3 settings differ from the ConfigMap"), "{told}");
        assert!(told.contains("config_delta of the agents on control-plane, worker and"), "{told}");
        let firing = fires(&RULE, &counting(quiet.clone(), &NODES, 0));
        assert_eq!(firing.confidence, Confidence::Possible);
        assert!(words(&firing).contains("count no setting that differs"), "{}", words(&firing));
        let switched_off = counting(quiet, &NODES, 0).entry("enable-drift-checker", "false");
        assert_eq!(fires(&RULE, &switched_off).confidence, Confidence::Likely, "0 says nothing");
    }

    #[test]
    fn old_agents_that_count_nothing_are_no_finding_without_probes() {
        let old = |release: &str| older_agents(&NODES).version(release).unprobed();
        silent(&RULE, &counting(old("1.18.10"), &NODES, 0));
        let some = fires(&RULE, &counting(old("1.18.10"), &["worker"], 2));
        assert_eq!((some.role, some.confidence), (Role::Contributing, Confidence::Possible));
        fires(&RULE, &counting(old("1.17.10"), &NODES, 0));
    }

    #[test]
    fn a_count_without_age_is_no_finding() {
        let dead = dedicated().dead(&NODES, &TcpOutcome::Refused);
        silent(&RULE, &counting(dead, &NODES, 4));
        silent(&RULE, &counting(older_agents(&NODES), &NODES, 4));
    }

    #[test]
    fn a_rollout_that_goes_on_is_told() {
        let set = |updated: u32| {
            json!({"apiVersion": "apps/v1", "kind": "DaemonSet",
                "metadata": {"namespace": "kube-system", "name": "cilium",
                    "labels": {"k8s-app": "cilium"}},
                "status": {"desiredNumberScheduled": 3, "updatedNumberScheduled": updated}})
        };
        let stale = older_agents(&["worker"]).dead(&["worker"], &TcpOutcome::Refused);
        let told = words(&fires(&RULE, &stale.clone().with(set(2))));
        assert!(told.contains("being replaced just now: 2 of 3 pods"), "{told}");
        let told = words(&fires(&RULE, &stale.with(set(3))));
        assert!(!told.contains("being replaced"), "{told}");
    }

    #[test]
    fn dead_ports_of_agents_that_are_up_to_date_have_another_cause() {
        silent(&RULE, &dedicated().dead(&NODES, &TcpOutcome::Refused));
    }
}
