use std::collections::BTreeMap;
use std::time::Duration;

use super::http::claim as http_claim;
use super::{name, texts};
use crate::cluster::NodeSelector;
use crate::health::profile;
use crate::judge::claim_text;
use crate::name::ListenerName;
use crate::observation::{HttpVersion, TcpOutcome};
use crate::scenario::{
    CertificateClaim, CertificateExpectation, Claim, ConditionClaim, ConditionStatus, Distribution,
    Entry, ExpectedIssuer, ExposureClaim, ExposureExpectation, GatewayClaim, Hold, HttpClaim,
    HttpExpectation, ListenerClaim, Pace, ResponseExpectation, RouteClaim, ServerName,
    ServiceClaim, ServiceRef, TargetCount, TargetHealthClaim, TargetPorts, TcpClaim,
    TcpExpectation, TcpPort,
};

fn is_true(kind: &str) -> (String, ConditionClaim) {
    (kind.to_owned(), ConditionClaim { status: ConditionStatus::True, reason: None })
}

fn gateway_labels() -> BTreeMap<String, String> {
    BTreeMap::from([("role".to_owned(), "gateway".to_owned())])
}

fn http_claims() -> Vec<HttpClaim> {
    let wanted = ResponseExpectation {
        status: Some(200),
        backend: Some(name("apps/hello")),
        certificate: Some(CertificateExpectation { issuer: ExpectedIssuer::Scenario, names: None }),
        ..ResponseExpectation::default()
    };
    let edited = ResponseExpectation {
        headers: texts(&[("x-a", Some("1")), ("x-b", None)]),
        request_path: Some("/v2".to_owned()),
        ..ResponseExpectation::default()
    };
    let shares = BTreeMap::from([(name("apps/v1"), 90.0), (name("apps/v2"), 10.0)]);
    let shares = Distribution { requests: 500, shares, tolerance: 5.0 };
    let nodes = NodeSelector::Labels(gateway_labels());
    vec![
        http_claim(true, HttpExpectation::Response(wanted)),
        HttpClaim {
            entry: Entry::LoadBalancer,
            port_in_host: true,
            listener_port: 8080,
            version: Some(HttpVersion::Http2),
            ..http_claim(false, HttpExpectation::Response(edited))
        },
        http_claim(false, HttpExpectation::Distribution(shares)),
        HttpClaim {
            server_name: ServerName::Absent,
            hold: Some(Hold { duration: Duration::from_secs(10), count: 20 }),
            ..http_claim(true, HttpExpectation::TlsFailure)
        },
        HttpClaim {
            entry: Entry::EachNode(nodes),
            ..http_claim(false, HttpExpectation::NoConnection)
        },
    ]
}

fn object_claims() -> Vec<Claim> {
    let listener = ListenerClaim { attached_routes: Some(2), ..ListenerClaim::default() };
    vec![
        Claim::Gateway(GatewayClaim {
            gateway: name("infra/shared"),
            conditions: BTreeMap::from([is_true("Accepted"), is_true("Programmed")]),
            addresses: Some(vec!["10.0.0.1".to_owned()]),
            listeners: BTreeMap::from([(ListenerName::new("http"), listener)]),
        }),
        Claim::Route(RouteClaim {
            route: name("apps/hello"),
            parent: None,
            conditions: BTreeMap::from([is_true("Accepted")]),
        }),
        Claim::Service(ServiceClaim {
            service: ServiceRef::OfGateway(name("infra/shared")),
            service_type: Some("LoadBalancer".to_owned()),
            annotations: texts(&[("a", Some("b"))]),
            labels: texts(&[("c", None)]),
            addresses: None,
        }),
        Claim::Certificate(CertificateClaim {
            certificate: name("infra/wildcard"),
            ready: true,
            dns_names: Some(vec!["*.example.test".to_owned()]),
        }),
    ]
}

fn socket_claims() -> Vec<Claim> {
    let selected = || NodeSelector::Labels(gateway_labels());
    let tcp = |port, nodes, expect| {
        let gateway = Some(name("infra/shared"));
        Claim::Tcp(TcpClaim { gateway, port, nodes, expect, hold: None })
    };
    let exposure =
        |expect| Claim::Exposure(ExposureClaim { gateway: name("infra/shared"), expect });
    let listener = || ListenerName::new("http");
    vec![
        tcp(
            TcpPort::Listener(listener()),
            NodeSelector::Not(gateway_labels()),
            TcpExpectation::Outcome(TcpOutcome::Refused),
        ),
        tcp(TcpPort::NodePort(listener()), NodeSelector::All, TcpExpectation::NotAccepted),
        exposure(ExposureExpectation::Reference),
        exposure(ExposureExpectation::NodePorts(NodeSelector::All)),
        exposure(ExposureExpectation::ListenerPorts(selected())),
        exposure(ExposureExpectation::Nothing),
        Claim::TargetHealth(TargetHealthClaim {
            gateway: name("infra/shared"),
            targets: TargetPorts::Exposed,
            nodes: NodeSelector::All,
            profile: "aws-lbc-cluster".to_owned(),
            settings: profile("aws-lbc-cluster").expect("a profile").settings,
            pace: Pace::Compressed(20.0),
            healthy: TargetCount::All,
        }),
    ]
}

#[test]
fn every_kind_of_claim_reads_as_a_sentence() {
    let http = http_claims().into_iter().map(|claim| Claim::Http(Box::new(claim)));
    let claims = object_claims().into_iter().chain(http).chain(socket_claims());
    insta::assert_snapshot!(claims.map(|claim| claim_text(&claim)).collect::<Vec<_>>().join("\n"));
}
