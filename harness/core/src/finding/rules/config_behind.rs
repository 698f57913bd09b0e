//! GP0052: the CiliumEnvoyConfig lacks what routes ask for; GP0053: Envoy does not serve what it has.

use serde_json::Value;

use crate::dossier::{Dossier, text};
use crate::event::CheckResult;
use crate::finding::reading::{
    Fared, Gateway, asked_for, cited, could_read, failed_requests, gateways, items, rejections,
    routes,
};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule about the operator.
pub(super) const NOT_TRANSLATED: Rule = Rule {
    id: "GP0052",
    title: "the CiliumEnvoyConfig lacks a host or path of an accepted route",
    explanation: "\
A route is accepted, Envoy answers 404 for its host on every node, and the CiliumEnvoyConfig of the \
Gateway, which Cilium's operator writes, does not have the route. So the operator has not carried the \
last change through: it is down, it has lost its leadership or its watches, or an error in another object \
stops it before it writes. Statuses are from before and say nothing of it.",
    remedy: &[
        "look at the operator: kubectl -n kube-system get pods -l io.cilium/app=operator, and its log for errors about this Gateway",
        "restart it: kubectl -n kube-system rollout restart deployment/cilium-operator",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api/gateway_reconcile.go 1.16 to 1.20: the operator writes the CiliumEnvoyConfig and the statuses",
    ],
    issues: &[],
    examine: examine_operator,
};

/// The rule about agents and Envoy.
pub(super) const NOT_TAKEN: Rule = Rule {
    id: "GP0053",
    title: "Envoy does not serve a route that its CiliumEnvoyConfig has",
    explanation: "\
The CiliumEnvoyConfig of the Gateway has host and path of a route, and Envoy answers 404 for them on every \
node that was asked. The operator has done its part; between the CiliumEnvoyConfig and Envoy are the \
agents, which read it and serve it to the Envoy of their node. They have not taken the last change, or \
Envoy has not: agents that lost the API server, or Envoys that lost their agent, go on with what they had.",
    remedy: &[
        "compare what an agent has: kubectl -n kube-system exec POD -c cilium-agent -- cilium-dbg envoy admin config routes",
        "restart agents, then Envoys: kubectl -n kube-system rollout restart daemonset/cilium daemonset/cilium-envoy",
    ],
    sources: &[
        "cilium/cilium pkg/ciliumenvoyconfig 1.16 to 1.20: agents read CiliumEnvoyConfigs and serve them by xDS",
        "envoyproxy/envoy docs/root/api-docs/xds_protocol.rst: what was received stays in force while the management server is away",
    ],
    issues: &[],
    examine: examine_agents,
};

fn examine_operator(dossier: &Dossier) -> Vec<Firing> {
    if !could_read(dossier, "CiliumEnvoyConfig") {
        return Vec::new();
    }
    let missing = unserved(dossier).into_iter().filter(|unserved| !unserved.has_it());
    let firings = missing.map(|unserved| {
        unserved.firing().inferred(
            "the operator has not carried the route through, although its status says accepted",
        )
    });
    firings.collect()
}

fn examine_agents(dossier: &Dossier) -> Vec<Firing> {
    if !rejections(dossier).is_empty() {
        return Vec::new();
    }
    let there = unserved(dossier).into_iter().filter(Unserved::has_it_without_more);
    let firings = there.map(|unserved| {
        unserved
            .firing()
            .inferred("agents or Envoys have not taken the CiliumEnvoyConfig as it is now")
    });
    firings.collect()
}

/// A request for a route that Envoy does not know on any node.
struct Unserved<'d> {
    check: &'d CheckResult,
    places: Vec<&'d str>,
    gateway: Gateway<'d>,
    config: &'d Value,
    hostname: &'d str,
    path: &'d str,
}

fn unserved(dossier: &Dossier) -> Vec<Unserved<'_>> {
    let gateways = gateways(dossier);
    let mut all = Vec::new();
    for (check, fared) in failed_requests(dossier) {
        let everywhere = !fared.is_empty() && fared.iter().all(Fared::has_no_route);
        let Some((host, path)) = asked_for(check).filter(|_| everywhere) else { continue };
        let accepted = routes(dossier).into_iter().find_map(|route| {
            let hostname = route.hostnames().into_iter().find(|name| takes(name, host))?;
            let parent = route.parents().into_iter().find(|parent| {
                parent.condition("Accepted").is_some_and(|condition| !condition.is_false())
            })?;
            let gateway = gateways.iter().find(|gateway| gateway.name == parent.gateway)?;
            Some((hostname, gateway.clone()))
        });
        let Some((hostname, gateway)) = accepted else { continue };
        let Some(config) = gateway.envoy_config() else { continue };
        let places = fared.iter().map(|fared| fared.place).collect();
        all.push(Unserved { check, places, gateway, config, hostname, path });
    }
    all
}

fn takes(hostname: &str, host: &str) -> bool {
    match hostname.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => hostname.eq_ignore_ascii_case(host),
    }
}

impl Unserved<'_> {
    /// Whether the CiliumEnvoyConfig has a route for it, whatever else that asks for.
    fn has_it(&self) -> bool {
        self.has(|_| true)
    }

    /// Whether it has one that asks for host and path alone. One that asks for header fields, as a
    /// redirect does that must not lead to itself, may pass over the request.
    fn has_it_without_more(&self) -> bool {
        let asks = |route: &Value, key: &str| !items(route, &format!("/match/{key}")).is_empty();
        self.has(|route| !asks(route, "headers") && !asks(route, "queryParameters"))
    }

    fn has(&self, counts: impl Fn(&Value) -> bool) -> bool {
        let tables = items(self.config, "/spec/resources").iter();
        let hosts = tables.flat_map(|table| items(table, "/virtualHosts"));
        hosts.filter(|host| self.is_for(host)).flat_map(|host| items(host, "/routes")).any(
            |route| {
                let of = |key: &str| text(route, &format!("/match/{key}"));
                let below = |key: &str| of(key).is_some_and(|prefix| self.path.starts_with(prefix));
                let takes = of("path") == Some(self.path)
                    || below("prefix")
                    || below("pathSeparatedPrefix");
                takes && counts(route)
            },
        )
    }

    fn is_for(&self, virtual_host: &Value) -> bool {
        let domains = items(virtual_host, "/domains").iter().filter_map(Value::as_str);
        domains.map(|domain| domain.trim_end_matches(":*")).any(|domain| domain == self.hostname)
    }

    fn firing(&self) -> Firing {
        let Self { hostname, path, .. } = self;
        let has = if self.has_it() { "has" } else { "does not have" };
        let firing = Firing::new(Role::Cause, Confidence::Likely)
            .about(format!("host {hostname} of {}", self.gateway))
            .seen(format!("it {has} a route for {hostname} and {path}"), cited(self.config));
        self.places.iter().fold(firing, |firing, place| {
            firing.seen(
                format!("Envoy itself answers 404 at {place}"),
                format!("check `{}`", self.check.check),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{NOT_TAKEN, NOT_TRANSLATED};
    use crate::dossier::Dossier;
    use crate::finding::fixture::{Change, answer, dedicated, fires, silent};

    const CONFIG: &str = "cilium-gateway-shared-gateway";

    fn asked(claim: &str, status: u16, headers: &[(&str, &str)]) -> Dossier {
        let mut dossier = dedicated().failed("http", vec![answer(status, "", headers)]);
        claim.clone_into(&mut dossier.checks.last_mut().expect("a check").claim);
        dossier
    }

    fn with_domains(dossier: Dossier, domains: &[&str]) -> Dossier {
        dossier.set(
            "CiliumEnvoyConfig",
            CONFIG,
            "/spec/resources",
            &json!([{
            "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            "virtualHosts": [{"domains": domains, "routes": [{"match": {"prefix": "/"}}]}]}]),
        )
    }

    const HELLO: &str = "HEAD http://hello.obs.example.test/ through all nodes is carried";

    #[test]
    fn a_404_everywhere_is_the_operators_where_its_work_lacks_the_route() {
        let old = with_domains(asked(HELLO, 404, &[]), &["old.obs.example.test"]);
        let firing = fires(&NOT_TRANSLATED, &old);
        assert_eq!(
            firing.subjects,
            ["host hello.obs.example.test of Gateway gateway/shared-gateway"]
        );
        silent(&NOT_TAKEN, &old);
        silent(&NOT_TRANSLATED, &old.unread("ciliumenvoyconfigs"));
    }

    #[test]
    fn and_the_agents_where_it_has_it() {
        let domains = &["hello.obs.example.test", "hello.obs.example.test:*"];
        let not_taken = with_domains(asked(HELLO, 404, &[]), domains);
        fires(&NOT_TAKEN, &not_taken);
        silent(&NOT_TRANSLATED, &not_taken);
        let guard = json!({"match": {"prefix": "/", "headers": [{"name": "x-forwarded-proto"}]}});
        let place = "/spec/resources/0/virtualHosts/0/routes/0";
        let guarded = not_taken.set("CiliumEnvoyConfig", CONFIG, place, &guard);
        silent(&NOT_TAKEN, &guarded);
        silent(&NOT_TRANSLATED, &guarded);
    }

    #[test]
    fn a_404_of_a_backend_or_for_a_host_of_no_route_is_neither() {
        let backends = asked(HELLO, 404, &[("x-envoy-upstream-service-time", "1")]);
        let stranger = asked("HEAD http://other.example.test/ is carried", 404, &[]);
        for dossier in [dedicated(), backends, stranger] {
            silent(&NOT_TRANSLATED, &with_domains(dossier.clone(), &["old.obs.example.test"]));
            silent(&NOT_TAKEN, &with_domains(dossier, &["hello.obs.example.test"]));
        }
    }
}
