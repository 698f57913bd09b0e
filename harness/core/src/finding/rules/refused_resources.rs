//! GP0024: Envoy refuses what was made of the Gateway's routes and listeners.

use serde_json::Value;

use super::issue;
use crate::dossier::Dossier;
use crate::finding::reading::{
    Route, cited, dead, failed_requests, gateways, in_trouble, items, nodes_of, rejections, routes,
    upstream,
};
use crate::finding::releases::{Releases, between};
use crate::finding::{About, Confidence, Firing, Issue, Role, Rule};
use crate::name::NodeName;
use crate::observation::HttpOutcome;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0024",
    title: "Envoy refuses what was made of the Gateway's routes or listeners",
    explanation: "\
The operator translates, Envoy has the last word. When Envoy refuses a resource (NACK) it keeps what \
it had: a new Gateway stays without a listener, a changed route keeps its old state, and status says \
nothing. The agent logs `NACK received for versions …` with Envoy's words, and so does Envoy (`gRPC \
config for … rejected: …`).

Known reasons: a lone per cent sign in the value of a header modifier, which Envoy reads as the start \
of a format (write %% for one); two listeners that share a Secret or host name and become equal filter \
chains (filter chain … has the same matching rules defined as …); two or more backends that all have \
weight 0 (Sum of weights in the weighted_cluster must be greater than 0); a regular expression that RE2 \
does not know; and, without host network, the port on this node's loopback that the agent chose for the \
listener, when another program has it (cannot bind …: Address already in use; from 1.20 on the agent \
tries another port).",
    remedy: &[
        "read Envoy's words in the log: kubectl -n kube-system logs daemonset/cilium --all-containers | grep -i nack",
        "take back or mend the object whose change is refused; everything of that Gateway stays as it was until then",
    ],
    sources: &[
        "cilium/cilium pkg/envoy/xds/server.go: the agent's line, `… versions after N and up to M` in 1.16 and 1.17, `… between the reported version up to the response nonce` from 1.18 on; 1.21-dev has `delta xDS NACK received` beside it",
        "Envoy 1.40, the words in its program: gRPC config for … rejected, the same matching rules, cannot bind, sum of weights",
        "cilium/cilium pkg/ciliumenvoyconfig/reconciler.go 1.20: another port is tried",
        "envoyproxy/envoy source/common/formatter: a per cent sign starts a command of a format",
        "cilium/cilium operator/pkg/model/translation/cec_translator.go 1.18.10: one filter chain for each Secret (that weights of 0 are refused is inferred)",
    ],
    issues: &[
        Issue {
            reference: "KBVE/kbve#11535",
            about: About::Other("Cilium 1.19: listeners that share a certificate"),
        },
        issue("cilium/cilium#37609", Releases(&[between((17, 0), (18, 0))])),
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let ours = gateways(dossier);
    if ours.is_empty() {
        return Vec::new();
    }
    let host_network =
        dossier.cilium.config.as_ref().is_none_or(|config| config.host_network.is_on());
    let mut firing: Option<Firing> = None;
    let mut refusing = Vec::new();
    for one in rejections(dossier) {
        let words = one.words.to_lowercase();
        // These have findings of their own.
        let of_the_host =
            words.contains("cannot bind") && (host_network || words.contains("permission denied"));
        if words.contains("duplicate address") || of_the_host || one.is_of_others(&ours) {
            continue;
        }
        refusing.push(one.node);
        let begun = firing.take().unwrap_or_else(|| Firing::new(Role::Cause, Confidence::Certain));
        firing = Some(begun.seen(&one.words, format!("log {}", one.line.source)));
    }
    let mut suspects = Vec::new();
    for route in routes(dossier) {
        let ours =
            route.parents().iter().any(|parent| ours.iter().any(|one| one.name == parent.gateway));
        if ours {
            suspects.extend(lone_percent(&route).map(|what| (cited(route.object), what)));
            suspects.extend(all_weightless(&route).map(|what| (cited(route.object), what)));
        }
    }
    let refused = firing.is_some();
    if !refused && suspects.is_empty() {
        return Vec::new();
    }
    let mut firing = firing.unwrap_or_else(|| Firing::new(Role::Cause, Confidence::Likely));
    let elsewhere = fails_behind_envoy(dossier) || fails_on_others(dossier, &refusing);
    if suspects.is_empty() && (!in_trouble(dossier) || elsewhere) {
        // It may be past, or about something that is no Gateway's.
        (firing.role, firing.confidence) = (Role::Contributing, Confidence::Likely);
    }
    for (subject, what) in &suspects {
        firing = firing.about(subject).seen(what, subject);
    }
    if suspects.is_empty() {
        firing = ours.iter().fold(firing, Firing::about);
    }
    vec![
        firing
            .inferred("Envoy keeps the configuration that it had before, and none for what is new"),
    ]
}

/// Whether all that fails are requests for which Envoy has a route, and no answer from a backend:
/// then it has taken what it needs.
fn fails_behind_envoy(dossier: &Dossier) -> bool {
    let failed: Vec<_> =
        failed_requests(dossier).into_iter().flat_map(|(_, fared)| fared).collect();
    let mut lost = failed.iter().filter(|fared| !fared.is_carried()).peekable();
    lost.peek().is_some()
        && dead(dossier).is_empty()
        && lost.all(|fared| match fared.outcome {
            HttpOutcome::Response(answer) => upstream(answer).is_some(),
            _ => false,
        })
}

/// Whether ports are dead, and none of them on a node whose Envoy refused something.
fn fails_on_others(dossier: &Dossier, refusing: &[Option<&NodeName>]) -> bool {
    let dead = nodes_of(&dead(dossier));
    !dead.is_empty() && refusing.iter().all(|node| node.is_some_and(|node| !dead.contains(node)))
}

/// A header value with a per cent sign that begins nothing: neither `%%` nor `%COMMAND%`.
fn lone_percent(route: &Route<'_>) -> Option<String> {
    let filters = items(route.object, "/spec/rules").iter().flat_map(|rule| {
        let of_backends = items(rule, "/backendRefs").iter().flat_map(|one| items(one, "/filters"));
        items(rule, "/filters").iter().chain(of_backends)
    });
    for filter in filters {
        for kind in ["requestHeaderModifier", "responseHeaderModifier"] {
            for action in ["set", "add"] {
                for header in items(filter, &format!("/{kind}/{action}")) {
                    let name = header.get("name").and_then(Value::as_str).unwrap_or_default();
                    let value = header.get("value").and_then(Value::as_str).unwrap_or_default();
                    if value.replace("%%", "").contains('%') && !is_command(value) {
                        return Some(format!("{kind} {action} {name}: {value}"));
                    }
                }
            }
        }
    }
    None
}

/// Whether every per cent sign belongs to a command such as `%REQ(X)%`.
fn is_command(value: &str) -> bool {
    let value = value.replace("%%", "");
    let parts: Vec<&str> = value.split('%').collect();
    parts.len() % 2 == 1
        && parts
            .iter()
            .skip(1)
            .step_by(2)
            .all(|command| command.starts_with(|letter: char| letter.is_ascii_uppercase()))
}

/// A rule with two or more backends, all of weight 0.
fn all_weightless(route: &Route<'_>) -> Option<String> {
    let weightless = |backend: &Value| backend.get("weight").and_then(Value::as_u64) == Some(0);
    let index = items(route.object, "/spec/rules").iter().position(|rule| {
        let backends = items(rule, "/backendRefs");
        backends.len() > 1 && backends.iter().all(weightless)
    })?;
    Some(format!("rule {index}: every backend has weight 0"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::RULE;
    use crate::dossier::{Component, Dossier};
    use crate::finding::fixture::{
        Change, Variant, answer, dedicated, fires, healthy, silent, words,
    };
    use crate::finding::{Confidence, Role};
    use crate::observation::TcpOutcome;

    fn rule(rule: &Value) -> Dossier {
        dedicated().set("HTTPRoute", "go-hello-world", "/spec/rules/0", rule)
    }

    fn header(value: &str) -> Dossier {
        rule(&json!({"filters": [{"type": "RequestHeaderModifier",
            "requestHeaderModifier": {"set": [{"name": "x-share", "value": value}]}}]}))
    }

    #[test]
    fn a_lone_per_cent_sign_is_likely_and_with_envoys_words_certain() {
        assert_eq!(fires(&RULE, &header("50%")).confidence, Confidence::Likely);
        let refused = header("50%").log(Component::CiliumAgent, Some("worker"),
            r#"msg="NACK received for versions between the reported version up to the response nonce" xdsDetail="Incorrect header configuration. Variable expects closing '%'""#);
        let firing = fires(&RULE, &refused);
        assert_eq!(firing.confidence, Confidence::Certain);
        assert!(words(&firing).contains("x-share: 50%"), "{firing:#?}");
    }

    #[test]
    fn doubled_signs_and_commands_are_right() {
        for value in ["50%%", "%REQ(X-A)%", "plain"] {
            silent(&RULE, &header(value));
        }
    }

    #[test]
    fn backends_without_any_weight_are_suspected() {
        let weights = |a: u64, b: u64| {
            rule(&json!({"backendRefs": [
            {"name": "a", "port": 80, "weight": a}, {"name": "b", "port": 80, "weight": b}]}))
        };
        fires(&RULE, &weights(0, 0));
        silent(&RULE, &weights(0, 1));
    }

    #[test]
    fn lines_of_every_release_and_of_envoy_are_read() {
        const DETAIL: &str = "error adding listener '127.0.0.1:18697': filter chain '' has the same matching rules defined as ''";
        for (component, line) in [
            (
                Component::CiliumAgent,
                format!(r#"level=warning msg="NACK received for versions after  and up to 3; waiting for a version update before sending again" subsys=xds xdsAckedVersion= xdsDetail="{DETAIL}" xdsNonce=3"#),
            ),
            (
                Component::CiliumAgent,
                format!(r#"time=2026-11-21T02:30:00Z level=warn msg="NACK received for versions between the reported version up to the response nonce; waiting for a version update before sending again" xdsDetail="{DETAIL}""#),
            ),
            (
                Component::CiliumAgent,
                format!(r#"level=warn msg="delta xDS NACK received; waiting for a version update before sending again" xdsDetail="{DETAIL}""#),
            ),
            (
                Component::Envoy,
                "[2026-11-21 02:30:00.123][7][warning][config] gRPC config for type.googleapis.com/envoy.config.route.v3.RouteConfiguration rejected: Sum of weights in the weighted_cluster must be greater than 0.".to_owned(),
            ),
        ] {
            let firing = fires(&RULE, &dedicated().log(component, Some("worker"), &line));
            let told = words(&firing);
            assert!(told.contains("matching rules") || told.contains("Sum of weights"), "{told}");
        }
        let past = "[warning][config] gRPC config stream to xds-grpc-cilium closed: 14";
        silent(&RULE, &dedicated().log(Component::Envoy, Some("worker"), past));
    }

    #[test]
    fn a_proxy_port_that_is_taken_is_told_without_host_network_alone() {
        let line = r#"msg="NACK received for versions between the reported version up to the response nonce" xdsDetail="Error adding/updating listener(s) gateway/cilium-gateway-shared-gateway/listener: cannot bind '127.0.0.1:14321': Address already in use""#;
        let taken = dedicated().log(Component::CiliumAgent, Some("worker"), line);
        assert!(words(&fires(&RULE, &taken)).contains("127.0.0.1:14321"));
        let host = healthy(Variant::HostNetwork).log(Component::CiliumAgent, Some("worker"), line);
        silent(&RULE, &host);
    }

    #[test]
    fn what_is_refused_of_another_gateway_is_not_of_this_one() {
        let line = |gateway: &str| {
            let line = format!(
                r#"msg="NACK received for versions between the reported version up to the response nonce" xdsDetail="Error adding/updating listener(s) gateway/cilium-gateway-{gateway}/listener-443: filter chain '' has the same matching rules defined as ''""#
            );
            dedicated().log(Component::CiliumAgent, Some("worker"), &line)
        };
        fires(&RULE, &line("shared-gateway"));
        silent(&RULE, &line("shared-gateway-2"));
        silent(&RULE, &line("a-shared-gateway"));
    }

    #[test]
    fn a_backend_that_gives_no_answer_is_no_matter_of_what_envoy_refused() {
        let line =
            "gRPC config for type.googleapis.com/envoy.config.listener.v3.Listener rejected: x";
        let past = || dedicated().log(Component::Envoy, Some("worker"), line);
        let behind = past().failed("http", vec![answer(503, "no healthy upstream", &[])]);
        assert_eq!(fires(&RULE, &behind).role, Role::Contributing);
        let no_route = past().failed("http", vec![answer(404, "", &[])]);
        assert_eq!(fires(&RULE, &no_route).role, Role::Cause);
    }

    #[test]
    fn a_node_whose_envoy_refused_nothing_is_dead_for_another_reason() {
        let line = r#"msg="NACK received for versions between the reported version up to the response nonce" xdsDetail="error adding listener: x""#;
        let by = |node: Option<&str>| {
            let seen = dedicated().dead(&["worker2"], &TcpOutcome::Refused);
            seen.log(Component::CiliumAgent, node, line)
        };
        assert_eq!(fires(&RULE, &by(Some("worker"))).role, Role::Contributing);
        assert_eq!(fires(&RULE, &by(Some("worker2"))).role, Role::Cause);
        assert_eq!(fires(&RULE, &by(None)).role, Role::Cause, "it may be any node's");
    }

    #[test]
    fn refusals_with_findings_of_their_own_are_left_to_them() {
        silent(
            &RULE,
            &dedicated().log(
                Component::Envoy,
                Some("worker"),
                "listener: cannot bind '0.0.0.0:80': Permission denied",
            ),
        );
    }
}
