//! `plan --show kind`: clusters in full, without an engine.

use super::support::{PASSES, Place, Run, scenario};

fn shown(place: &Place, more: &[&str]) -> Run {
    let mut typed = vec!["plan", "shop.yaml", "--show", "kind"];
    typed.extend(more);
    let mut command = place.command(&typed);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"] {
        command.env_remove(name);
    }
    for name in
        ["GATEPROOF_NODE_IMAGE", "GATEPROOF_NODE_PRIVILEGES", "GATEPROOF_LOAD_BALANCER_IMAGE"]
    {
        command.env_remove(name);
    }
    command.env("DOCKER_HOST", "unix:///no/such/engine.sock");
    Run::from(command.output().expect("the binary starts"))
}

fn place(topology: &str) -> Place {
    let place = Place::new();
    place.write("shop.yaml", &scenario("shop", PASSES).replace("single-node", "given"));
    place.write(
        "clusters/given.yaml",
        &format!("apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\n{topology}"),
    );
    place
}

#[test]
fn a_kind_cluster_is_shown_in_full_without_an_engine() {
    let place = place("nodes: [{}, {role: worker}]\n");
    let run = shown(&place, &["--node-image", "kindest/node:v1.35.8", "--node-privileges", "BPF"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for part in [
        "For `shop::",
        "on the topology `given`",
        "kubeProxyMode: none was filled in",
        "--cap-add BPF",
        "--env KUBECONFIG=/etc/kubernetes/admin.conf",
        "kubeadm init --config=/kind/kubeadm.conf",
        "apiVersion: kubeadm.k8s.io/v1beta3",
        "kubernetesVersion: v1.35.8",
        "advertiseAddress: \"<IPv4 of shop-",
    ] {
        assert!(run.out.contains(part), "{part} in {}", run.out);
    }
}

#[test]
fn what_cannot_be_shown_is_told() {
    let place = place(
        "kubeadmConfigPatches: ['{apiVersion: kubeadm.k8s.io/v1beta3, kind: ClusterConfiguration}']\n",
    );
    for (typed, part) in [
        (&[][..], "clusters/given.yaml:3 is for kubeadm.k8s.io/v1beta3"),
        (&["--node-image", "kindest/node:v1.20.0"], "the oldest that is supported is 1.23"),
        (&["--node-privileges", "all"], "GATEPROOF_NODE_PRIVILEGES: `all`"),
        (&["--format", "json"], "cannot be used with"),
    ] {
        let run = shown(&place, typed);
        assert_eq!(run.code, Some(2), "{typed:?}: {run:?}");
        assert!(run.err.contains(part), "{typed:?}: {}", run.err);
    }
    let run = place.run(&["plan", "shop.yaml", "--show", "embedded"]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("possible values: kind"), "{}", run.err);
}
