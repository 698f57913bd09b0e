//! Claims in words, for reports and error messages: one sentence, no full stop.

use std::collections::BTreeMap;

use super::condition;
use super::list;
use crate::health::in_words;
use crate::name::NamespacedName;
use crate::scenario::{
    CertificateClaim, CertificateExpectation, Claim, ConditionClaim, Distribution, Entry,
    ExpectedIssuer, ExposureClaim, ExposureExpectation, GatewayClaim, Hold, HttpClaim,
    HttpExpectation, Pace, PassthroughClaim, ResponseExpectation, RouteClaim, ServerName,
    ServiceClaim, ServiceRef, TargetCount, TargetHealthClaim, TargetPorts, TcpClaim,
    TcpExpectation, TcpPort,
};

/// The claim in words, such as `GET https://hello.example.test/ through every node answers 200
/// from apps/hello with a certificate of the scenario's issuer`.
pub fn claim_text(claim: &Claim) -> String {
    match claim {
        Claim::Gateway(claim) => gateway(claim),
        Claim::Route(claim) => route(claim),
        Claim::Routes(claim) => {
            format!(
                "every route of Gateway {} is accepted and its references are resolved",
                claim.gateway
            )
        }
        Claim::Service(claim) => service(claim),
        Claim::Certificate(claim) => certificate(claim),
        Claim::Http(claim) => http(claim),
        Claim::Tcp(claim) => tcp(claim),
        Claim::Passthrough(claim) => passthrough(claim),
        Claim::Addresses(claim) => format!(
            "every address of the load balancer of Gateway {} accepts connections on its listener ports",
            claim.gateway
        ),
        Claim::Exposure(claim) => exposure(claim),
        Claim::TargetHealth(claim) => target_health(claim),
    }
}

fn gateway(claim: &GatewayClaim) -> String {
    let mut parts = conditions(&claim.conditions);
    if let Some(addresses) = &claim.addresses {
        parts.push(format!("its addresses are {}", list(addresses)));
    }
    for (name, listener) in &claim.listeners {
        let mut of_listener = conditions(&listener.conditions);
        if let Some(routes) = listener.attached_routes {
            of_listener.push(format!("attachedRoutes is {routes}"));
        }
        parts.push(format!("for listener {name} {}", joined(&of_listener)));
    }
    format!("Gateway {}: {}", claim.gateway, joined(&parts))
}

fn route(claim: &RouteClaim) -> String {
    let parent = match &claim.parent {
        Some(parent) => format!("parent {parent}"),
        None => "every parent".to_owned(),
    };
    format!("HTTPRoute {}: for {parent} {}", claim.route, joined(&conditions(&claim.conditions)))
}

fn service(claim: &ServiceClaim) -> String {
    let name = match &claim.service {
        ServiceRef::Name(name) => format!("Service {name}"),
        ServiceRef::OfGateway(gateway) => format!("Service of Gateway {gateway}"),
    };
    let mut parts = Vec::new();
    if let Some(wanted) = &claim.service_type {
        parts.push(format!("its type is {wanted}"));
    }
    parts.extend(values("annotation", &claim.annotations));
    parts.extend(values("label", &claim.labels));
    if let Some(addresses) = &claim.addresses {
        parts.push(format!("its addresses are {}", list(addresses)));
    }
    format!("{name}: {}", joined(&parts))
}

fn certificate(claim: &CertificateClaim) -> String {
    let mut parts = vec![if claim.ready { "is ready" } else { "is not ready" }.to_owned()];
    if let Some(names) = &claim.dns_names {
        parts.push(format!("is for {}", list(names)));
    }
    format!("Certificate {} {}", claim.certificate, joined(&parts))
}

fn http(claim: &HttpClaim) -> String {
    if let HttpExpectation::Unasked(_) = &claim.expect {
        return format!("further requests to Gateway {} are carried", claim.gateway);
    }
    let scheme = if claim.tls { "https" } else { "http" };
    let port = if claim.port_in_host { format!(":{}", claim.listener_port) } else { String::new() };
    let mut parts = vec![format!("{} {scheme}://{}{port}{}", claim.method, claim.host, claim.path)];
    parts.extend(claim.headers.iter().map(|(name, value)| format!("with {name}: {value}")));
    match &claim.server_name {
        ServerName::Host => {}
        ServerName::Name(name) => parts.push(format!("with server name {name}")),
        ServerName::Absent => parts.push("without a server name".to_owned()),
    }
    parts.extend(claim.version.map(|version| format!("over {version}")));
    parts.push(through(&claim.entry));
    parts.push(match &claim.expect {
        HttpExpectation::Response(wanted) => response(wanted),
        HttpExpectation::Distribution(wanted) => shares(wanted),
        HttpExpectation::Carried(_) => "is carried: Envoy has somewhere to send it".to_owned(),
        HttpExpectation::Unasked(_) => "is not asked".to_owned(),
        HttpExpectation::Answered(_) => "is answered, be it by Envoy itself".to_owned(),
        HttpExpectation::TlsFailure => "fails in the TLS handshake".to_owned(),
        HttpExpectation::NoConnection => "finds no connection".to_owned(),
    });
    format!("{}{}", parts.join(" "), held(claim.hold))
}

fn passthrough(claim: &PassthroughClaim) -> String {
    let PassthroughClaim { server_name, listener_port, gateway, .. } = claim;
    format!(
        "TLS for {server_name} on port {listener_port} of Gateway {gateway} {} is passed through to \
         a TLS server that answers",
        through(&claim.entry)
    )
}

fn through(entry: &Entry) -> String {
    match entry {
        Entry::EachNode(selector) => format!("through {selector}"),
        Entry::LoadBalancer => "through the load-balancer address".to_owned(),
    }
}

fn shares(wanted: &Distribution) -> String {
    let share = |(backend, share): (&NamespacedName, &f64)| format!("{share} % from {backend}");
    let shares: Vec<String> = wanted.shares.iter().map(share).collect();
    let (requests, tolerance) = (wanted.requests, wanted.tolerance);
    format!("answers {requests} requests with {} (give or take {tolerance} points)", list(&shares))
}

fn response(wanted: &ResponseExpectation) -> String {
    let mut parts = vec!["answers".to_owned()];
    parts.extend(wanted.status.map(|status| status.to_string()));
    parts.extend(wanted.version.map(|version| format!("over {version}")));
    parts.extend(wanted.backend.as_ref().map(|backend| format!("from {backend}")));
    let mut details: Vec<String> = wanted.certificate.iter().map(certificate_expectation).collect();
    details.extend(values("header", &wanted.headers));
    if !details.is_empty() {
        parts.push(format!("with {}", joined(&details)));
    }
    let mut request = values("request header", &wanted.request_headers);
    request.extend(wanted.request_path.iter().map(|path| format!("path {path}")));
    request.extend(wanted.request_host.iter().map(|host| format!("host {host}")));
    let text = parts.join(" ");
    if request.is_empty() {
        return text;
    }
    format!("{text}; the backend sees {}", joined(&request))
}

fn certificate_expectation(wanted: &CertificateExpectation) -> String {
    let issuer = match wanted.issuer {
        ExpectedIssuer::Scenario => " of the scenario's issuer",
        ExpectedIssuer::Any => "",
    };
    let names = wanted.names.as_ref().map(|names| format!(" for {}", list(names)));
    format!("a certificate{issuer}{}", names.unwrap_or_default())
}

fn tcp(claim: &TcpClaim) -> String {
    let port = match &claim.port {
        TcpPort::Listener(name) => format!("the port of listener {name}"),
        TcpPort::NodePort(name) => format!("the node port of listener {name}"),
        TcpPort::Number(port) => format!("port {port}"),
    };
    let outcome = match &claim.expect {
        TcpExpectation::Outcome(outcome) => format!("is {outcome}"),
        TcpExpectation::NotAccepted => "is not accepted".to_owned(),
    };
    let gateway = match &claim.gateway {
        Some(gateway) => format!(" of Gateway {gateway}"),
        None => String::new(),
    };
    format!("TCP to {port}{gateway} on {} {outcome}{}", claim.nodes, held(claim.hold))
}

fn exposure(claim: &ExposureClaim) -> String {
    let place = match &claim.expect {
        ExposureExpectation::Reference => {
            "on the nodes and ports that the reference predicts, and nowhere else".to_owned()
        }
        ExposureExpectation::NodePorts(nodes) => {
            format!("on the node ports of {nodes}, and nowhere else")
        }
        ExposureExpectation::ListenerPorts(nodes) => {
            format!("on the listener ports of {nodes}, and nowhere else")
        }
        ExposureExpectation::Nothing => "nowhere".to_owned(),
        ExposureExpectation::Unknowable(_) => "where it should".to_owned(),
    };
    format!("Gateway {} accepts connections {place}", claim.gateway)
}

fn target_health(claim: &TargetHealthClaim) -> String {
    let count = match claim.healthy {
        TargetCount::All => "all targets".to_owned(),
        TargetCount::None => "no targets".to_owned(),
        TargetCount::Exactly(count) => format!("exactly {count} targets"),
        TargetCount::Selected => {
            "the targets that Cilium's node selector chooses, and no others,".to_owned()
        }
    };
    let ports = match claim.targets {
        TargetPorts::Exposed => "ports that carry traffic",
        TargetPorts::NodePorts => "node ports",
        TargetPorts::ListenerPorts => "listener ports",
    };
    let pace = match claim.pace {
        Pace::RealTime => String::new(),
        Pace::Compressed(factor) => format!(", times divided by {factor}"),
    };
    format!(
        "{count} of Gateway {} on {} ({ports}) are healthy for a load balancer like {} ({}{pace})",
        claim.gateway, claim.nodes, claim.profile, claim.settings
    )
}

fn held(hold: Option<Hold>) -> String {
    hold.map_or_else(String::new, |hold| {
        format!(", for {} and {} times at least", in_words(hold.duration), hold.count)
    })
}

fn conditions(claims: &BTreeMap<String, ConditionClaim>) -> Vec<String> {
    claims.iter().map(|(kind, claim)| condition::expected(kind, claim)).collect()
}

fn values(what: &str, claims: &BTreeMap<String, Option<String>>) -> Vec<String> {
    claims
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("{what} {name}: {value}"),
            None => format!("no {what} {name}"),
        })
        .collect()
}

fn joined(parts: &[String]) -> String {
    if parts.is_empty() { "exists".to_owned() } else { parts.join(" and ") }
}
