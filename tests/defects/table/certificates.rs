//! Certificates: issued, made by hand, served to the wrong name.

use gateproof_core::verdict::Verdict::{Failed, Inconclusive};

use crate::case::Defect;

pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "issuer_does_not_exist",
        base: "certificates",
        changes: &[("cluster-issuer: gateproof", "cluster-issuer: letsencrypt")],
        verdict: Failed,
        failing: &["gateway", "certificate", "secure request"],
        look_alike: Some(&[(
            "{cert-manager.io/cluster-issuer: gateproof}",
            "{cert-manager.io/issuer: gateproof, cert-manager.io/issuer-kind: ClusterIssuer}",
        )]),
    },
    Defect {
        name: "annotation_means_an_issuer_of_the_namespace",
        base: "certificates",
        changes: &[(
            "cert-manager.io/cluster-issuer: gateproof",
            "cert-manager.io/issuer: gateproof",
        )],
        verdict: Failed,
        failing: &["gateway", "certificate", "secure request"],
        look_alike: None,
    },
    Defect {
        name: "https_listener_has_no_hostname",
        base: "certificates",
        changes: &[("        hostname: \"*.example.test\"\n", "")],
        verdict: Failed,
        failing: &["gateway", "certificate", "secure request"],
        look_alike: None,
    },
    Defect {
        name: "certificate_is_for_other_names_than_claimed",
        base: "certificates",
        changes: &[
            (
                "shop/shop-tls, dnsNames: [\"*.example.test\"]",
                "shop/shop-tls, dnsNames: [example.test]",
            ),
            (
                "{issuer: scenario, names: [\"*.example.test\"]}",
                "{issuer: scenario, names: [example.test]}",
            ),
        ],
        verdict: Failed,
        failing: &["certificate", "secure request"],
        look_alike: None,
    },
    Defect {
        name: "server_name_is_no_listeners",
        base: "certificates",
        changes: &[(
            "      url: https://basket.example.test/\n      expect",
            "      url: https://basket.example.test/\n      serverName: basket.example.org\n      expect",
        )],
        verdict: Failed,
        failing: &["secure request"],
        look_alike: Some(&[(
            "      url: https://basket.example.test/\n      expect",
            "      url: https://basket.example.test/\n      serverName: other.example.test\n      expect",
        )]),
    },
    Defect {
        name: "server_name_that_a_listener_takes_is_claimed_to_fail",
        base: "certificates",
        changes: &[("serverName: basket.example.org", "serverName: a.b.example.test")],
        verdict: Failed,
        failing: &["foreign server name"],
        look_alike: Some(&[("serverName: basket.example.org", "serverName: example.test")]),
    },
    // Cilium has one Envoy listener for all ports of a Gateway, so 443 answers plain HTTP as well.
    Defect {
        name: "plain_http_on_443_is_answered",
        base: "certificates",
        changes: &[(
            "http: {url: \"http://basket.example.test/\", expect: {status: 200, backend: shop/basket}}",
            "http: {url: \"http://basket.example.test:443/\", expect: {failure: connect}}",
        )],
        verdict: Failed,
        failing: &["plain request"],
        look_alike: Some(&[(
            "http: {url: \"http://basket.example.test/\"",
            "http: {url: \"http://basket.example.test:443/\"",
        )]),
    },
    Defect {
        name: "two_certificates_of_a_listener_are_not_covered",
        base: "certificates",
        changes: &[("[{name: shop-tls}]", "[{name: shop-tls}, {name: more-tls}]")],
        verdict: Inconclusive,
        failing: &["coverage", "plain request", "secure request", "foreign server name"],
        look_alike: Some(&[(
            "      - {name: http, port: 80, protocol: HTTP}\n",
            "      - {name: http, port: 80, protocol: HTTP}\n      - {name: tcp, port: 5432, protocol: TCP}\n",
        )]),
    },
    Defect {
        name: "secret_is_missing",
        base: "secret",
        changes: &[(
            "tls: {certificateRefs: [{name: shop-tls}]}",
            "tls: {certificateRefs: [{name: shops-tls}]}",
        )],
        verdict: Failed,
        failing: &["gateway", "secure request"],
        look_alike: None,
    },
    Defect {
        name: "secret_is_no_pem",
        base: "secret",
        changes: &[("<certificate>", "not a certificate")],
        verdict: Failed,
        failing: &["gateway", "secure request"],
        look_alike: None,
    },
    Defect {
        name: "secret_has_the_key_of_another_certificate",
        base: "secret",
        changes: &[("<key>", "<key for another name>")],
        verdict: Failed,
        failing: &["secure request"],
        look_alike: None,
    },
    Defect {
        name: "certificate_is_cut_short",
        base: "secret",
        changes: &[("<certificate>", "<cut certificate>")],
        verdict: Failed,
        failing: &["gateway", "secure request"],
        look_alike: None,
    },
    Defect {
        name: "certificate_is_for_another_name",
        base: "secret",
        changes: &[
            ("<certificate>", "<certificate for another name>"),
            ("<key>", "<key for another name>"),
        ],
        verdict: Failed,
        failing: &["secure request"],
        look_alike: None,
    },
    Defect {
        name: "certificate_is_signed_by_somebody_else",
        base: "secret",
        changes: &[("issuer: any", "issuer: scenario")],
        verdict: Failed,
        failing: &["secure request"],
        look_alike: None,
    },
    Defect {
        name: "certificate_has_expired",
        base: "secret",
        changes: &[
            ("<certificate>", "<expired certificate>"),
            ("<key>", "<expired key>"),
            ("issuer: any", "issuer: scenario"),
        ],
        verdict: Failed,
        failing: &["secure request"],
        look_alike: None,
    },
    Defect {
        name: "expired_certificate_of_any_issuer",
        base: "secret",
        changes: &[("<certificate>", "<expired certificate>"), ("<key>", "<expired key>")],
        verdict: Failed,
        failing: &["secure request"],
        look_alike: None,
    },
    Defect {
        name: "secret_of_another_namespace_is_not_granted",
        base: "secret",
        changes: &[
            (
                "metadata: {name: shop-tls, namespace: shop}",
                "metadata: {name: shop-tls, namespace: default}",
            ),
            ("[{name: shop-tls}]", "[{name: shop-tls, namespace: default}]"),
        ],
        verdict: Failed,
        failing: &["gateway", "secure request"],
        look_alike: Some(&[
            (
                "metadata: {name: shop-tls, namespace: shop}",
                "metadata: {name: shop-tls, namespace: default}",
            ),
            ("[{name: shop-tls}]", "[{name: shop-tls, namespace: default}]"),
            (
                "  checks:",
                "  - apiVersion: gateway.networking.k8s.io/v1beta1\n    kind: ReferenceGrant\n    metadata: {name: grant, namespace: default}\n    spec:\n      from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: shop}]\n      to: [{group: \"\", kind: Secret}]\n  checks:",
            ),
        ]),
    },
];
