//! What `predict` prints for the founding Gateway: tables and comparisons.

use std::path::Path;

use crate::support::{Place, Run};

const VALUES: [(&str, &str); 3] = [
    ("dedicated", ""),
    ("host-network", ", hostNetwork: {enabled: true}"),
    (
        "host-network-node-selector",
        ", hostNetwork: {enabled: true, nodes: {matchLabels: {role: gateway}}}",
    ),
];

/// The manifests of the founding scenario, with what they need.
fn place() -> Place {
    let place = Place::new();
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/shared-gateway");
    for name in ["gateway.yaml", "routes.yaml"] {
        let text = std::fs::read_to_string(scenarios.join(name)).expect("a manifest");
        place.write(&format!("setup/{name}"), &text);
    }
    place.write(
        "setup/around.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: go-hello-world, namespace: starlift-observability}\n\
         spec: {ports: [{port: 8080}]}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {name: obs-eu-dev-wildcard, namespace: gateway}\n\
         stringData:\n  tls.crt: |\n    -----BEGIN CERTIFICATE-----\n    -----END CERTIFICATE-----\n\
         \x20 tls.key: |\n    -----BEGIN PRIVATE KEY-----\n    -----END PRIVATE KEY-----\n",
    );
    for (name, more) in VALUES {
        let capabilities = "envoy: {securityContext: {capabilities: {keepCapNetBindService: true, \
                            envoy: [NET_ADMIN, SYS_ADMIN, NET_BIND_SERVICE]}}}";
        let text = format!(
            "kubeProxyReplacement: true\ngatewayAPI: {{enabled: true{more}}}\n{capabilities}\n"
        );
        place.write(&format!("{name}.yaml"), &text);
    }
    place
}

/// Runs `predict` on the founding Gateway in one mode.
fn founding(place: &Place, mode: &str, columns: &str, arguments: &[&str]) -> Run {
    let values = format!("{mode}.yaml");
    let mut all = vec![
        "predict",
        "-f",
        "setup",
        "--values",
        &values,
        "--nodes",
        "five-workers",
        "--pool",
        "172.18.255.0/28",
    ];
    all.extend(arguments);
    let output = place.command(&all).env("COLUMNS", columns).output();
    Run::from(output.expect("the binary starts"))
}

#[test]
fn the_table_of_the_founding_gateway_in_every_mode() {
    let place = place();
    for (mode, _) in VALUES {
        let run = founding(&place, mode, "100", &["--cilium", "1.20.2", "-o", "table"]);
        assert_eq!(run.code, Some(0), "{mode}: {run:?}");
        insta::assert_snapshot!(format!("table_{mode}"), run.out);
    }
}

#[test]
fn the_table_fits_narrow_and_wide_terminals() {
    let place = place();
    for columns in ["60", "80", "200"] {
        let run = founding(&place, "dedicated", columns, &["--cilium", "1.20.2", "-o", "table"]);
        let width: usize = columns.parse().expect("a number");
        for line in run.out.lines() {
            assert!(line.chars().count() <= width, "{columns}: {line}");
        }
    }
}

#[test]
fn an_upgrade_of_the_founding_gateway_in_every_mode() {
    let place = place();
    for (mode, _) in VALUES {
        let arguments = ["--cilium", "1.18.10", "--compare", "1.20.2"];
        let run = founding(&place, mode, "100", &arguments);
        assert_eq!(run.code, Some(0), "{mode}: {run:?}");
        // The facts' own texts are checked as a page of their own.
        let (changes, facts) = run.out.split_once("facts behind it\n").expect("facts are named");
        assert!(facts.starts_with("  [1] ") && facts.contains("True of 1.20.2"), "{facts}");
        insta::assert_snapshot!(format!("upgrade_{mode}"), changes);
    }
}

#[test]
fn the_difference_of_objects_follows_the_words() {
    let place = place();
    let arguments = ["--cilium", "1.18.10", "--compare", "1.20.2", "-o", "yaml"];
    let run = founding(&place, "host-network", "100", &arguments);
    for line in [
        "--- Cilium 1.18.10: Service gateway/cilium-gateway-shared-gateway",
        "+++ Cilium 1.20.2: Service gateway/cilium-gateway-shared-gateway",
        "-  type: ClusterIP",
        "+  type: NodePort",
        "+++ /dev/null",
    ] {
        assert!(run.out.lines().any(|found| found == line), "{line} is missing in\n{}", run.out);
    }
    let coloured =
        founding(&place, "host-network", "100", &[&arguments[..], &["--color", "always"]].concat());
    assert!(coloured.out.contains("\u{1b}[32m+  type: NodePort"), "{}", coloured.out);
}

#[test]
fn nothing_changes_between_equal_versions_and_the_exit_code_tells() {
    let place = place();
    let same = ["--cilium", "1.20.2", "--compare", "1.20.2", "--exit-code"];
    let run = founding(&place, "dedicated", "100", &same);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("nothing changes from Cilium 1.20.2 to 1.20.2"), "{}", run.out);
    let other = ["--cilium", "1.18.10", "--compare", "1.20.2", "--exit-code"];
    assert_eq!(founding(&place, "dedicated", "100", &other).code, Some(1));
}

#[test]
fn json_holds_the_objects_the_words_and_the_facts() {
    let place = place();
    let run = founding(&place, "host-network", "100", &["--cilium", "1.20.2", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(value["kind"], "Prediction");
    assert_eq!(value["gateways"][0]["name"], "gateway/shared-gateway");
    assert!(value["objects"].as_array().is_some_and(|objects| objects.len() > 4), "{value}");
    let arguments = ["--cilium", "1.18.10", "--compare", "1.20.2", "-o", "json"];
    let run = founding(&place, "host-network", "100", &arguments);
    let value: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    let fact = &value["facts"]["HostNetworkNodePort"];
    assert!(fact["source"].is_string() && fact["what"].is_string(), "{value:#}");
}

#[test]
fn the_same_question_has_the_same_answer() {
    let place = place();
    let arguments = ["--cilium", "1.20.2"];
    let first = founding(&place, "dedicated", "100", &arguments);
    let second = founding(&place, "dedicated", "100", &arguments);
    assert_eq!(first.out, second.out);
}
