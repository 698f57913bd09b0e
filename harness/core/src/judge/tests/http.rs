use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::{assert_verdict, listener_port, name, node_address, node_port, printed, texts};
use crate::cluster::NodeSelector;
use crate::judge::{http, http_everywhere};
use crate::observation::{
    Certificate, Echo, HttpObservation, HttpOutcome, HttpResponse, HttpVersion, NoResponse,
    TcpOutcome, Timings, TlsFailure, TlsObservation, Trust,
};
use crate::scenario::{
    CertificateExpectation, Distribution, Entry, ExpectedIssuer, HttpClaim, HttpExpectation,
    ResponseExpectation, ServerName,
};
use crate::verdict::Verdict::{Failed, Inconclusive, Passed};

pub(super) fn claim(tls: bool, expect: HttpExpectation) -> HttpClaim {
    HttpClaim {
        gateway: name("infra/shared"),
        tls,
        host: "hello.obs.example.test".to_owned(),
        listener_port: if tls { 443 } else { 80 },
        port_in_host: false,
        path: "/".to_owned(),
        method: "GET".to_owned(),
        headers: Vec::new(),
        version: None,
        server_name: ServerName::Host,
        entry: Entry::EachNode(NodeSelector::All),
        expect,
        hold: None,
        requests: 0,
    }
}

fn wants(response: ResponseExpectation) -> HttpClaim {
    claim(false, HttpExpectation::Response(response))
}

fn seen(outcome: HttpOutcome) -> HttpObservation {
    let dialled = SocketAddr::from((node_address(2), 31080));
    HttpObservation { dialled, tls: None, outcome, timings: Timings::default() }
}

pub(super) fn response(
    status: u16,
    headers: &[(&str, &str)],
    echo: Option<Echo>,
) -> HttpObservation {
    let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    seen(HttpOutcome::Response(HttpResponse {
        status,
        version: HttpVersion::Http1,
        headers,
        body: String::new(),
        body_cut: false,
        echo,
    }))
}

fn echo(namespace: &str, service: &str) -> Echo {
    Echo {
        path: "/".to_owned(),
        host: "hello.obs.example.test".to_owned(),
        headers: BTreeMap::from([
            ("X-Team".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
            ("X-One".to_owned(), vec!["1".to_owned()]),
        ]),
        namespace: namespace.to_owned(),
        service: service.to_owned(),
        pod: format!("{service}-1"),
        ..Echo::default()
    }
}

fn from_hello() -> HttpObservation {
    let headers = [("server", "envoy"), ("x-envoy-upstream-service-time", "1"), ("vary", "a,b")];
    response(200, &headers, Some(echo("apps", "hello")))
}

fn status(status: u16) -> ResponseExpectation {
    ResponseExpectation { status: Some(status), ..ResponseExpectation::default() }
}

fn backend(of: &str) -> ResponseExpectation {
    ResponseExpectation { backend: Some(name(of)), ..ResponseExpectation::default() }
}

#[test]
fn a_response_is_judged_by_what_is_claimed_and_by_nothing_else() {
    let any = ResponseExpectation::default;
    let headers = |pairs: &[_]| ResponseExpectation { headers: texts(pairs), ..any() };
    let request = |pairs: &[_]| ResponseExpectation { request_headers: texts(pairs), ..any() };
    let cases = [
        ("nothing claimed", any(), Passed),
        ("status", status(200), Passed),
        ("other status", status(204), Failed),
        ("backend", backend("apps/hello"), Passed),
        ("other Service", backend("apps/bye"), Failed),
        ("other namespace", backend("prod/hello"), Failed),
        ("header", headers(&[("server", Some("envoy"))]), Passed),
        ("other value", headers(&[("server", Some("nginx"))]), Failed),
        ("absent", headers(&[("x-powered-by", None)]), Passed),
        ("there although absence is claimed", headers(&[("server", None)]), Failed),
        ("a list is a list", headers(&[("vary", Some("a, b"))]), Passed),
        ("part of a list", headers(&[("vary", Some("a"))]), Failed),
        ("request header in any case", request(&[("x-one", Some("1"))]), Passed),
        ("request header of two fields", request(&[("X-Team", Some("a,b"))]), Passed),
        ("other request header", request(&[("X-One", Some("2"))]), Failed),
        ("removed request header", request(&[("X-Gone", None)]), Passed),
        ("path", ResponseExpectation { request_path: Some("/".to_owned()), ..any() }, Passed),
        (
            "other path",
            ResponseExpectation { request_path: Some("/x".to_owned()), ..any() },
            Failed,
        ),
        ("other host", ResponseExpectation { request_host: Some("x".to_owned()), ..any() }, Failed),
        ("version", ResponseExpectation { version: Some(HttpVersion::Http1), ..any() }, Passed),
        ("HTTP/2", ResponseExpectation { version: Some(HttpVersion::Http2), ..any() }, Failed),
    ];
    for (about, wanted, expected) in cases {
        assert_verdict(&http(&wants(wanted), &node_port(2), &from_hello()), expected, about);
    }
}

#[test]
fn an_answer_without_an_echo_never_counts_as_a_backends() {
    let bare = response(200, &[("server", "envoy")], None);
    assert_verdict(&http(&wants(backend("apps/hello")), &node_port(2), &bare), Failed, "no echo");
    assert_verdict(&http(&wants(status(200)), &node_port(2), &bare), Passed, "only the status");
    let mut cut = bare.clone();
    if let HttpOutcome::Response(answer) = &mut cut.outcome {
        answer.body_cut = true;
    }
    let judged = http(&wants(backend("apps/hello")), &node_port(2), &cut);
    assert_verdict(&judged, Inconclusive, "a body that was cut hides the echo");
    let nameless = response(200, &[], Some(echo("apps", "")));
    let judged = http(&wants(backend("apps/hello")), &node_port(2), &nameless);
    assert_verdict(&judged, Inconclusive, "a backend that does not say its Service");
    let elsewhere = response(200, &[], Some(echo("prod", "")));
    let judged = http(&wants(backend("apps/hello")), &node_port(2), &elsewhere);
    assert_verdict(&judged, Failed, "another namespace is another backend");
}

#[test]
fn without_a_response_no_response_claim_holds() {
    let outcomes = [
        (HttpOutcome::NotConnected(TcpOutcome::Refused), Failed),
        (HttpOutcome::NotConnected(TcpOutcome::TimedOut), Failed),
        (HttpOutcome::NotConnected(TcpOutcome::Other("no descriptors".to_owned())), Inconclusive),
        (HttpOutcome::TlsFailed(TlsFailure::ClosedByPeer), Failed),
        (HttpOutcome::NoResponse(NoResponse::Closed), Failed),
        (HttpOutcome::NoResponse(NoResponse::TimedOut), Failed),
    ];
    for (outcome, expected) in outcomes {
        let judged = http(&wants(ResponseExpectation::default()), &node_port(2), &seen(outcome));
        assert_verdict(&judged, expected, "an empty expectation still asks for a response");
    }
}

#[test]
fn a_claimed_handshake_failure_needs_the_peers_word() {
    let cases = [
        (HttpOutcome::TlsFailed(TlsFailure::ClosedByPeer), Passed),
        (HttpOutcome::TlsFailed(TlsFailure::Alert("unrecognized_name".to_owned())), Passed),
        (HttpOutcome::TlsFailed(TlsFailure::NotTls), Passed),
        (HttpOutcome::TlsFailed(TlsFailure::TimedOut), Inconclusive),
        (HttpOutcome::TlsFailed(TlsFailure::Other("x".to_owned())), Inconclusive),
        (HttpOutcome::NotConnected(TcpOutcome::Refused), Failed),
        (HttpOutcome::NoResponse(NoResponse::Closed), Failed),
        (from_hello().outcome, Failed),
    ];
    for (outcome, expected) in cases {
        let about = format!("{outcome:?}");
        let claim = claim(true, HttpExpectation::TlsFailure);
        assert_verdict(&http(&claim, &node_port(2), &seen(outcome)), expected, &about);
    }
}

#[test]
fn a_claim_of_no_connection_is_not_proved_by_a_missing_way_there() {
    let cases = [
        (HttpOutcome::NotConnected(TcpOutcome::Refused), Passed),
        (HttpOutcome::NotConnected(TcpOutcome::TimedOut), Passed),
        (HttpOutcome::NotConnected(TcpOutcome::Unreachable), Inconclusive),
        (HttpOutcome::NotConnected(TcpOutcome::Other("x".to_owned())), Inconclusive),
        (HttpOutcome::NoResponse(NoResponse::Reset), Failed),
        (HttpOutcome::TlsFailed(TlsFailure::ClosedByPeer), Failed),
        (from_hello().outcome, Failed),
    ];
    for (outcome, expected) in cases {
        let about = format!("{outcome:?}");
        let claim = claim(false, HttpExpectation::NoConnection);
        assert_verdict(&http(&claim, &node_port(2), &seen(outcome)), expected, &about);
    }
}

#[test]
fn only_an_answer_that_names_its_backend_counts_towards_a_distribution() {
    let shares = BTreeMap::from([(name("apps/hello"), 100.0)]);
    let expect =
        HttpExpectation::Distribution(Distribution { requests: 10, shares, tolerance: 5.0 });
    let claim = claim(false, expect);
    let judge = |seen: &HttpObservation| http(&claim, &node_port(2), seen);
    assert_verdict(&judge(&from_hello()), Passed, "echo");
    assert_verdict(&judge(&response(503, &[("server", "envoy")], None)), Failed, "no echo");
    assert_verdict(&judge(&response(200, &[], Some(echo("apps", "")))), Inconclusive, "nameless");
}

pub(super) fn served(names: &[&str], trust: Trust) -> HttpObservation {
    let leaf = Certificate {
        subject: "CN=hello".to_owned(),
        issuer: "CN=gateproof".to_owned(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        serial: "0a".to_owned(),
        not_before: "2026-01-01T00:00:00Z".to_owned(),
        not_after: "2026-04-01T00:00:00Z".to_owned(),
        sha256: "00".to_owned(),
    };
    let tls = TlsObservation {
        server_name: Some("hello.obs.example.test".to_owned()),
        version: Some("TLSv1.3".to_owned()),
        alpn: None,
        chain: vec![leaf],
        trust,
    };
    HttpObservation { tls: Some(tls), ..from_hello() }
}

fn wants_certificate(issuer: ExpectedIssuer, names: Option<&[&str]>) -> HttpClaim {
    let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let certificate = Some(CertificateExpectation { issuer, names });
    let wanted = ResponseExpectation { certificate, ..status(200) };
    claim(true, HttpExpectation::Response(wanted))
}

#[test]
fn a_certificate_is_judged_by_trust_and_names() {
    use ExpectedIssuer::{Any, Scenario};
    const WILDCARD: &[&str] = &["*.obs.example.test"];
    let failed = || Trust::Failed("unknown issuer".to_owned());
    let expired = || Trust::OutOfDate("expired".to_owned());
    let cases = [
        ("trusted", Scenario, None, served(WILDCARD, Trust::Verified), Passed),
        ("not trusted", Scenario, None, served(WILDCARD, failed()), Failed),
        ("trust not claimed", Any, None, served(WILDCARD, failed()), Passed),
        ("names", Any, Some(WILDCARD), served(WILDCARD, failed()), Passed),
        ("expired, trust not claimed", Any, Some(WILDCARD), served(WILDCARD, expired()), Failed),
        ("expired", Scenario, None, served(WILDCARD, expired()), Failed),
        (
            "names in any case",
            Any,
            Some(WILDCARD),
            served(&["*.OBS.example.test"], failed()),
            Passed,
        ),
        ("other names", Any, Some(WILDCARD), served(&["a.example.test"], Trust::Verified), Failed),
        (
            "a name too many",
            Any,
            Some(WILDCARD),
            served(&["*.obs.example.test", "b"], Trust::Verified),
            Failed,
        ),
        ("no TLS", Any, None, from_hello(), Failed),
        ("no certificate arrived", Scenario, None, no_chain(), Failed),
    ];
    for (about, issuer, names, seen, expected) in cases {
        let claim = wants_certificate(issuer, names);
        assert_verdict(&http(&claim, &node_port(2), &seen), expected, about);
    }
}

fn no_chain() -> HttpObservation {
    let mut seen = served(&[], Trust::NoCertificate);
    if let Some(tls) = &mut seen.tls {
        tls.chain.clear();
    }
    seen
}

#[test]
fn hints_tell_envoys_own_404_from_a_backends() {
    let first_hint = |headers: &[(&str, &str)]| {
        let judged = http(&wants(status(200)), &node_port(2), &response(404, headers, None));
        judged.failures[0].hints[0].clone()
    };
    assert!(first_hint(&[("server", "envoy")]).starts_with("Envoy answered 404 itself"));
    let upstream = [("server", "envoy"), ("x-envoy-upstream-service-time", "2")];
    assert!(first_hint(&upstream).starts_with("the 404 came from a backend"));
    assert!(first_hint(&[("server", "nginx")]).starts_with("nothing in this answer is Envoy's"));
}

#[test]
fn nothing_probed_is_never_a_pass() {
    assert_verdict(&http_everywhere(&wants(status(200)), &[]), Inconclusive, "no entry point");
}

#[test]
fn the_pattern_over_entry_points_is_told_first() {
    let refused = || seen(HttpOutcome::NotConnected(TcpOutcome::Refused));
    let at = |observations: Vec<HttpObservation>| {
        let points = (2..).map(node_port);
        http_everywhere(&wants(status(200)), &points.zip(observations).collect::<Vec<_>>())
    };
    let everywhere = at(vec![refused(), refused()]);
    assert!(everywhere.failures[0].hints[0].starts_with("none of the 2 sockets accepts"));
    assert!(everywhere.failures[1].hints.is_empty(), "the same hints are not told twice");
    let somewhere = at(vec![refused(), from_hello(), refused()]);
    assert!(
        somewhere.failures[0].hints[0].contains("2 of 3 entry points and holds at worker3"),
        "{}",
        printed(&somewhere)
    );
    let alone = at(vec![refused()]);
    assert!(!alone.failures[0].hints[0].contains("entry points"), "one point is no pattern");
    let wrong = at(vec![response(404, &[("server", "envoy")], None), response(404, &[], None)]);
    assert!(
        wrong.failures[0].hints[0].starts_with("it fails at all 2 entry points"),
        "agents are no suspect when the sockets accept"
    );
    assert_verdict(&at(vec![from_hello(), from_hello()]), Passed, "both hold");
}

#[test]
fn failures_of_http_claims_say_what_was_seen_and_what_to_look_at() {
    let hello = || wants(ResponseExpectation { backend: Some(name("apps/hello")), ..status(200) });
    let point = node_port(2);
    let refused = || seen(HttpOutcome::NotConnected(TcpOutcome::Refused));
    let secure = || wants_certificate(ExpectedIssuer::Scenario, None);
    let sniless = HttpClaim { server_name: ServerName::Absent, ..secure() };
    let told = [
        http(&hello(), &point, &response(404, &[("server", "envoy")], None)),
        http(&hello(), &point, &response(500, &[("server", "envoy")], None)),
        http(&hello(), &point, &response(503, &[("server", "envoy")], None)),
        http(&hello(), &point, &response(200, &[], Some(echo("apps", "bye")))),
        http_everywhere(&hello(), &[(node_port(2), refused()), (node_port(3), refused())]),
        http(&hello(), &listener_port(2, 80), &refused()),
        http(&secure(), &point, &seen(HttpOutcome::TlsFailed(TlsFailure::ClosedByPeer))),
        http(&sniless, &point, &seen(HttpOutcome::TlsFailed(TlsFailure::ClosedByPeer))),
        http(
            &secure(),
            &point,
            &served(&["*.obs.example.test"], Trust::Failed("unknown issuer".to_owned())),
        ),
        http(
            &secure(),
            &point,
            &served(&["other.test"], Trust::Failed("not valid for the name".to_owned())),
        ),
    ];
    insta::assert_snapshot!(told.iter().map(printed).collect::<Vec<_>>().join("\n"));
}
