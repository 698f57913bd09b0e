//! HTTP and HTTPS claims.

use std::collections::BTreeMap;

use super::super::file::form::NodesForm;
use super::super::file::request::{
    EachFile, FailureFile, HttpCheckFile, HttpExpectFile, ServedIssuerFile, ServerNameFile,
    VersionFile,
};
use super::check::{Context, Named, Polarity, hold, report_unknown_gateway};
use super::nodes;
use super::status::report_unknown_service;
use crate::name::NamespacedName;
use crate::observation::HttpVersion;
use crate::scenario::inventory::GatewayEntry;
use crate::scenario::issuer::Issuer;
use crate::scenario::{
    CertificateExpectation, Claim, Distribution, Entry, ExpectedIssuer, HttpClaim, HttpExpectation,
    ResponseExpectation, ServerName,
};
use crate::source::problem::Problem;
use crate::source::tree::Place;

mod distribution;

/// Which key the check was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `http:`
    Http,
    /// `https:`
    Https,
}

/// Resolves requests.
pub(super) fn resolve(
    file: &HttpCheckFile,
    scheme: Scheme,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<Named> {
    let tls = scheme == Scheme::Https;
    report_scheme(file, tls, at, problems);
    let gateway = gateway(file, at, context, problems);
    report_method(file, at, problems);
    let entry = entry(file, at, context, problems);
    let expect = expectation(file, tls, at, context, problems);
    let gateway = gateway?;
    let expect = expect?;
    if let Some(entry) = context.scope.inventory.gateways.get(&gateway)
        && !context.scope.inventory.changed.contains(&gateway)
    {
        report_listener(file, &gateway, entry, &expect, at, problems);
    }
    let polarity = polarity(&expect);
    let holds = match &expect {
        HttpExpectation::Distribution(_) => None,
        _ => hold(file.hold, file.count, polarity),
    };
    let name = name(file, &expect);
    let claim = HttpClaim {
        gateway,
        tls,
        host: file.url.host.clone(),
        listener_port: file.url.effective_port(),
        port_in_host: file.url.port.is_some(),
        path: file.url.path.clone(),
        method: file.method.clone(),
        headers: file.headers.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        version: file.version.map(http_version),
        server_name: match &file.server_name {
            ServerNameFile::UrlHost => ServerName::Host,
            ServerNameFile::Absent => ServerName::Absent,
            ServerNameFile::Name(name) => ServerName::Name(name.clone()),
        },
        entry,
        expect,
        hold: holds,
        requests: 0,
    };
    Some((name, Claim::Http(Box::new(claim))))
}

fn http_version(file: VersionFile) -> HttpVersion {
    match file {
        VersionFile::Http1 => HttpVersion::Http1,
        VersionFile::Http2 => HttpVersion::Http2,
    }
}

fn report_scheme(file: &HttpCheckFile, tls: bool, at: Place<'_>, problems: &mut Vec<Problem>) {
    if file.url.tls != tls {
        let (written, other) = if tls { ("https", "http") } else { ("http", "https") };
        problems.push(
            Problem::at(&at.get("url"), format!("an `{written}` check with an {other} URL"))
                .expected(format!("a URL with `{written}://`, or an `{other}` check")),
        );
    }
    if !tls && file.server_name != ServerNameFile::UrlHost {
        problems.push(
            Problem::at(&at.key("serverName"), "without TLS there is no server name")
                .expected("an `https` check for this key"),
        );
    }
    if !tls && file.expect.certificate.is_some() {
        problems.push(
            Problem::at(
                &at.get("expect").key("certificate"),
                "without TLS there is no certificate",
            )
            .expected("an `https` check for this key"),
        );
    }
    if !tls && file.expect.failure == Some(FailureFile::Tls) {
        problems.push(
            Problem::at(&at.at(&["expect", "failure"]), "without TLS no handshake can fail")
                .expected("an `https` check, or `failure: connect`"),
        );
    }
}

/// The Gateway: as named, or the only one that can be meant.
fn gateway(
    file: &HttpCheckFile,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<NamespacedName> {
    let gateways = &context.scope.inventory.gateways;
    if let Some(named) = &file.gateway {
        report_unknown_gateway(named, at.get("gateway"), context.scope, problems);
        return Some(named.clone());
    }
    if context.scope.inventory.incomplete {
        return None;
    }
    if let (1, Some(only)) = (gateways.len(), gateways.keys().next()) {
        return Some(only.clone());
    }
    let port = file.url.effective_port();
    let fitting: Vec<&NamespacedName> = gateways
        .iter()
        .filter(|(_, gateway)| {
            gateway.listeners.iter().any(|l| l.port == port && l.speaks_tls() == file.url.tls)
        })
        .map(|(name, _)| name)
        .collect();
    if let [only] = fitting[..] {
        return Some(only.clone());
    }
    if context.scope.inventory.incomplete || !context.scope.inventory.changed.is_empty() {
        return None;
    }
    let problem = Problem::at(&at.get("url"), "it is not clear which Gateway this is for");
    problems.push(if gateways.is_empty() {
        problem.found("no Gateway among the manifests").expected("one")
    } else {
        let names: Vec<String> = gateways.keys().map(ToString::to_string).collect();
        problem
            .found(format!("{} Gateways with a listener that fits port {port}", fitting.len()))
            .expected(format!("`gateway:` with one of {}", names.join(", ")))
    });
    None
}

/// Reports a port that no listener has, and TLS where no listener speaks it.
fn report_listener(
    file: &HttpCheckFile,
    name: &NamespacedName,
    gateway: &GatewayEntry<'_>,
    expect: &HttpExpectation,
    at: Place<'_>,
    problems: &mut Vec<Problem>,
) {
    let port = file.url.effective_port();
    let ports: Vec<String> = gateway
        .listeners
        .iter()
        .map(|l| format!("{} (`{}`, {})", l.port, l.name, l.protocol))
        .collect();
    let there: Vec<_> = gateway.listeners.iter().filter(|l| l.port == port).collect();
    if there.is_empty() {
        problems.push(
            Problem::at(&at.get("url"), format!("no listener of `{name}` has port {port}"))
                .expected(format!("one of {}", ports.join(", "))),
        );
    } else if file.url.tls
        && !there.iter().any(|l| l.speaks_tls())
        && !matches!(expect, HttpExpectation::TlsFailure | HttpExpectation::NoConnection)
    {
        problems.push(
            Problem::at(
                &at.get("url"),
                format!("no listener of `{name}` speaks TLS on port {port}"),
            )
            .expected(format!("one of {}", ports.join(", ")))
            .note("to show that TLS fails there, claim `failure: tls`"),
        );
    }
}

fn report_method(file: &HttpCheckFile, at: Place<'_>, problems: &mut Vec<Problem>) {
    if !file.method.chars().all(|c| c.is_ascii_uppercase() || c == '-') {
        problems.push(
            Problem::at(&at.get("method"), "this is no HTTP method")
                .found(format!("`{}`", file.method))
                .expected("capital letters such as `GET`"),
        );
    }
    for header in file.headers.keys() {
        if header.is_empty()
            || !header.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
        {
            problems.push(
                Problem::at(&at.get("headers").key(header), "this is no name of a header field")
                    .found(format!("`{header}`")),
            );
        } else if header.eq_ignore_ascii_case("host") {
            problems.push(
                Problem::at(&at.get("headers").key(header), "the Host header comes from the URL")
                    .expected("the host in `url:`"),
            );
        }
    }
}

fn entry(
    file: &HttpCheckFile,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Entry {
    match file.each {
        EachFile::LoadBalancer => {
            if file.nodes.is_some() {
                problems.push(
                    Problem::at(
                        &at.key("nodes"),
                        "`nodes` and `each: loadBalancer` exclude each other",
                    )
                    .note("which node a load balancer chooses is not the client's business"),
                );
            }
            Entry::LoadBalancer
        }
        EachFile::Node => {
            let all = NodesForm::All;
            let form = file.nodes.as_ref().unwrap_or(&all);
            let place = at.get("nodes");
            let nodes = nodes::selector(form, place, context.scope.topology, problems);
            nodes::report_no_entry(&nodes, place, context, problems);
            Entry::EachNode(nodes)
        }
    }
}

fn polarity(expect: &HttpExpectation) -> Polarity {
    match expect {
        HttpExpectation::TlsFailure | HttpExpectation::NoConnection => Polarity::Negative,
        HttpExpectation::Response(response) if response.status.is_some_and(|s| s >= 400) => {
            Polarity::Negative
        }
        HttpExpectation::Response(_)
        | HttpExpectation::Carried(_)
        | HttpExpectation::Answered(_)
        | HttpExpectation::Unasked(_)
        | HttpExpectation::Distribution(_) => Polarity::Positive,
    }
}

fn expectation(
    file: &HttpCheckFile,
    tls: bool,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<HttpExpectation> {
    let expect = &file.expect;
    let place = at.get("expect");
    let response = response(expect, place, context, problems);
    let kinds = [
        ("failure", expect.failure.is_some()),
        ("backends", expect.backends.is_some()),
        ("claims about the response", response != ResponseExpectation::default()),
    ];
    let claimed: Vec<&str> =
        kinds.iter().filter(|(_, there)| *there).map(|(kind, _)| *kind).collect();
    match claimed[..] {
        [] => {
            problems.push(
                Problem::at(&place, "this claims nothing about what comes of the request")
                    .expected("`status:`, `backend:`, `failure:` or another claim")
                    .note("it would always pass"),
            );
            return None;
        }
        [first, second, ..] => {
            problems
                .push(Problem::at(&place, format!("`{first}` and {second} exclude each other")));
            return None;
        }
        [_] => {}
    }
    distribution::report_stray_keys(file, at, problems);
    match (&expect.failure, &expect.backends) {
        (Some(FailureFile::Tls), _) => tls.then_some(HttpExpectation::TlsFailure),
        (Some(FailureFile::Connect), _) => Some(HttpExpectation::NoConnection),
        (None, Some(shares)) => {
            let made: Distribution =
                distribution::resolve(expect, shares, place, context, problems);
            Some(HttpExpectation::Distribution(made))
        }
        (None, None) => Some(HttpExpectation::Response(response)),
    }
}

fn response(
    expect: &HttpExpectFile,
    place: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> ResponseExpectation {
    if let Some(backend) = &expect.backend {
        report_unknown_service(backend, place.get("backend"), context, problems);
    }
    let mut headers: BTreeMap<String, Option<String>> =
        expect.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    if let Some(location) = &expect.location
        && headers.insert("location".to_owned(), Some(location.clone())).is_some()
    {
        problems.push(
            Problem::at(
                &place.key("location"),
                "`location` and `headers.location` say the same thing twice",
            )
            .expected("one of the two"),
        );
    }
    let request = expect.request.as_ref();
    if request.is_some_and(|r| r.headers.is_empty() && r.path.is_none() && r.host.is_none()) {
        problems.push(
            Problem::at(&place.key("request"), "this claims nothing about the request")
                .expected("`headers:`, `path:` or `host:`"),
        );
    }
    ResponseExpectation {
        status: expect.status,
        backend: expect.backend.clone(),
        headers,
        request_headers: request.map(|request| request.headers.clone()).unwrap_or_default(),
        request_path: request.and_then(|request| request.path.clone()),
        request_host: request.and_then(|request| request.host.clone()),
        version: expect.version.map(http_version),
        certificate: certificate(expect, place, context, problems),
    }
}

fn certificate(
    expect: &HttpExpectFile,
    place: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<CertificateExpectation> {
    let served = expect.certificate.as_ref()?;
    let at = place.get("certificate");
    if served.issuer == ServedIssuerFile::Scenario && !context.scope.issuer.has_root() {
        let (why, found) = match context.scope.issuer {
            Issuer::SelfSigned => ("no client can verify it", "an issuer that is `selfSigned`"),
            Issuer::None | Issuer::Ca | Issuer::Acme(_) => {
                ("nobody would have signed it", "no `certificates:`")
            }
        };
        problems.push(
            Problem::at(&at.get("issuer"), "the scenario has no authority that signs certificates")
                .found(found)
                .expected("`certificates: {issuer: {ca: {}}}` in the scenario")
                .note(why),
        );
    }
    if served.issuer == ServedIssuerFile::Any && served.names.is_none() {
        problems.push(
            Problem::at(&at, "this claims nothing about the certificate")
                .expected("`issuer: scenario` or `names:`")
                .note("any certificate would pass"),
        );
    }
    Some(CertificateExpectation {
        issuer: match served.issuer {
            ServedIssuerFile::Scenario => ExpectedIssuer::Scenario,
            ServedIssuerFile::Any => ExpectedIssuer::Any,
        },
        names: served.names.clone(),
    })
}

/// A name such as `GET https://a.test/ at each node: 200 from ns/backend`.
fn name(file: &HttpCheckFile, expect: &HttpExpectation) -> String {
    let url = &file.url;
    let scheme = if url.tls { "https" } else { "http" };
    let port = url.port.map(|port| format!(":{port}")).unwrap_or_default();
    let entry = match file.each {
        EachFile::Node => "each node",
        EachFile::LoadBalancer => "the load balancer",
    };
    let sni = match &file.server_name {
        ServerNameFile::UrlHost => String::new(),
        ServerNameFile::Absent => " without server name".to_owned(),
        ServerNameFile::Name(name) => format!(" with server name {name}"),
    };
    let outcome = match expect {
        HttpExpectation::TlsFailure => "TLS fails".to_owned(),
        HttpExpectation::NoConnection => "no connection".to_owned(),
        HttpExpectation::Carried(_) => "carried".to_owned(),
        HttpExpectation::Answered(_) => "answered".to_owned(),
        HttpExpectation::Unasked(_) => "not asked".to_owned(),
        HttpExpectation::Distribution(_) => "shares of the backends".to_owned(),
        HttpExpectation::Response(response) => {
            let status = response.status.map_or("response".to_owned(), |status| status.to_string());
            match &response.backend {
                Some(backend) => format!("{status} from {backend}"),
                None => status,
            }
        }
    };
    format!("{} {scheme}://{}{port}{}{sni} at {entry}: {outcome}", file.method, url.host, url.path)
}
