//! What `predict` reads, and how it refuses what is wrong.

use std::io::Write;
use std::process::Stdio;

use crate::support::{Place, Run};

const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: apps}
spec:
  gatewayClassName: cilium
  listeners: [{name: http, port: 8080, protocol: HTTP}]
";

fn place() -> Place {
    let place = Place::new();
    place.write("gateway.yaml", GATEWAY);
    place
}

fn predict(place: &Place, arguments: &[&str]) -> Run {
    let mut all = vec!["predict", "-f", "gateway.yaml", "--cilium", "1.20.2"];
    all.extend(arguments);
    place.run(&all)
}

/// Runs with these further arguments and checks the exit code and fragments of what is said.
#[track_caller]
fn check(place: &Place, arguments: &[&str], code: i32, said: &[&str]) {
    let run = predict(place, arguments);
    assert_eq!(run.code, Some(code), "{arguments:?}: {run:?}");
    for fragment in said {
        assert!(run.err.contains(fragment), "{fragment} is missing in:\n{}", run.err);
    }
    assert!(code != 2 || run.out.is_empty(), "nothing is predicted: {}", run.out);
}

#[test]
fn folders_are_read_with_everything_below_them_and_pipes_too() {
    let place = Place::new();
    place.write("all/team/gateway.yml", GATEWAY);
    place.write("all/.git/broken.yaml", "a: [\n");
    place.write("all/notes.txt", "a: [\n");
    place.write(
        "all/service.json",
        "{\n\t\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"a\"}}\n",
    );
    let run = place.run(&["predict", "-f", "all", "-f", "all/service.json", "--cilium", "1.20.2"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("name: cilium-gateway-web\n"), "{}", run.out);

    let mut command = place.command(&["predict", "-f", "-", "--cilium", "1.20.2"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(GATEWAY.as_bytes()).expect("the binary reads");
    drop(input);
    let piped = Run::from(child.wait_with_output().expect("it ends"));
    assert_eq!((piped.code, piped.out), (run.code, run.out), "the same from a pipe");
}

#[test]
fn every_problem_of_every_file_is_told_at_once() {
    let place = place();
    place.write("more.yaml", &GATEWAY.replace("8080", "99999").replace("name: http", "nam: http"));
    place.write("broken.yaml", "a: [\n");
    place.write("values.yaml", "gatewayAPI: {hostNetwork: {nodeSelector: {}}}\n");
    check(
        &place,
        &["-f", "more.yaml", "-f", "broken.yaml", "--values", "values.yaml", "--pool", "10.0.0.0"],
        2,
        &[
            "more.yaml:6:",
            "expected a whole number from 1 to 65535",
            "did you mean `name`?",
            "the Gateway `web` is there twice",
            "the other one is at gateway.yaml:1",
            "broken.yaml:1",
            "values.yaml:1",
            "use `gatewayAPI.hostNetwork.nodes.matchLabels`",
            "`10.0.0.0` is no range of addresses",
        ],
    );
}

#[test]
fn an_object_that_is_not_what_its_kind_says_names_its_place() {
    let place = place();
    place.write(
        "service.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: http}]}\n",
    );
    check(&place, &["-f", "service.yaml"], 2, &["service.yaml:1: Service default/a"]);
}

#[test]
fn versions_that_are_not_covered_are_refused_with_the_range() {
    let place = place();
    for (version, said) in [
        ("1.15.15", "Cilium 1.15.15 is not covered"),
        ("1.22.0", "Cilium 1.22.0 is not covered"),
        ("latest", "`latest` is not a Cilium version"),
    ] {
        let run = place.run(&["predict", "-f", "gateway.yaml", "--cilium", version]);
        assert_eq!(run.code, Some(2), "{version}: {run:?}");
        assert!(run.err.contains(said), "{version}: {}", run.err);
        assert!(run.err.contains("covers 1.16.0 up to 1.21-dev"), "{version}: {}", run.err);
        check(&place, &["--compare", version], 2, &["--compare: ", said]);
    }
}

#[test]
fn a_minor_version_is_its_newest_known_release_and_one_nobody_knows_is_told() {
    let place = place();
    for (version, said) in [
        ("1.20", "Cilium 1.20 is read as 1.20."),
        ("1.20.77", "1.20.77 is newer than"),
        ("1.21.0", "predicted as 1.21-dev"),
    ] {
        let run = place.run(&["predict", "-f", "gateway.yaml", "--cilium", version]);
        assert_eq!(run.code, Some(0), "{version}: {run:?}");
        assert!(run.err.contains(said), "{version}: {}", run.err);
    }
    let exact = predict(&place, &[]);
    assert!(!exact.err.contains("1.20"), "{}", exact.err);
}

#[test]
fn what_is_missing_or_contradicts_itself_is_refused() {
    let place = place();
    std::fs::create_dir(place.path().join("empty")).expect("a folder");
    check(
        &place,
        &["-f", "nope.yaml", "-f", "empty", "--nodes", "single-nod"],
        2,
        &["failed to read nope.yaml", "empty has no .yaml", "no topology `single-nod`"],
    );
    check(&place, &["--values", "nope.yaml"], 2, &["`nope.yaml` cannot be read"]);
    check(&place, &["--pool", "10.0.0.0/8", "--load-balancer", "lb"], 2, &["cannot be used with"]);
    check(&place, &["--exit-code"], 2, &["--compare"]);
    check(
        &place,
        &["--load-balancer", "192.0.2.0/40", "--load-balancer", "web=lb"],
        2,
        &["--load-balancer 192.0.2.0/40: the length is at most 32", "NAMESPACE/NAME=ADDRESS"],
    );
}

#[test]
fn values_that_leave_gateway_api_off_predict_nothing_and_say_so() {
    let place = place();
    for (set, said) in [
        ("kubeProxyReplacement=true", "gatewayAPI.enabled is not true"),
        ("gatewayAPI.enabled=true", "kubeProxyReplacement is not true"),
    ] {
        check(&place, &["--set", set], 0, &["Cilium does nothing for any Gateway", said]);
        let run = predict(&place, &["--set", set]);
        assert!(!run.out.contains("kind: Service"), "{}", run.out);
        assert!(run.out.contains("Waiting for controller"), "{}", run.out);
    }
}

#[test]
fn what_is_not_covered_ends_with_3_and_is_named_in_every_output() {
    let place = place();
    let host = [
        "--set",
        "gatewayAPI.enabled=true,gatewayAPI.hostNetwork.enabled=true",
        "--set",
        "kubeProxyReplacement=true",
    ];
    check(&place, &host, 3, &["not covered: Service apps/cilium-gateway-web"]);
    for (output, part) in [
        ("yaml", "# not covered: Service apps/cilium-gateway-web"),
        ("json", "\"complete\": false"),
        ("table", "not covered: this prediction is incomplete"),
    ] {
        let run = predict(&place, &[&host[..], &["-o", output]].concat());
        assert_eq!(run.code, Some(3), "{output}");
        assert!(run.out.contains(part), "{output}: {}", run.out);
    }
    let with_nodes = predict(&place, &[&host[..], &["--nodes", "single-node"]].concat());
    assert_eq!(with_nodes.code, Some(0), "{with_nodes:?}");
}

#[test]
fn foreign_kinds_and_missing_objects_are_told_in_notes() {
    let place = place();
    place.write(
        "more.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n---\n\
         apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n\
         metadata: {name: web, namespace: apps}\nspec:\n  parentRefs: [{name: web}]\n  \
         rules: [{backendRefs: [{name: shop, port: 80}]}]\n",
    );
    check(
        &place,
        &["-f", "more.yaml"],
        0,
        &["note: passed over", "1 Deployment", "the Service apps/shop is named and not given"],
    );
}
