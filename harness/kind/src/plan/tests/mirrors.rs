//! Mirrors of registries: which there are, and who is told of them.

use super::*;

const IMAGES: [&str; 6] = [
    "quay.io/cilium/cilium:v1.20.2",
    "kindest/node:v1.36.4",
    "quay.io/jetstack/cert-manager-webhook:v1",
    "gateproof.local/gateproof:0.1.0",
    "localhost/mine",
    "registry.test:5000/a/b",
];

fn case() -> Case {
    let mut case = Case::new(CURRENT, PAIR);
    case.images = IMAGES.map(str::to_owned).to_vec();
    case.settings.registry_mirror = Some("registry:3".to_owned());
    case
}

#[test]
fn every_registry_of_the_images_has_one_mirror_and_none_where_it_is_not_wanted() {
    let plan = case().plan();
    let mirrors: Vec<(&str, &str, &str)> = plan
        .mirrors
        .iter()
        .map(|mirror| {
            let name = mirror.container.name.as_str();
            (mirror.upstream.as_str(), name, mirror.volume.name.as_str())
        })
        .collect();
    assert_eq!(
        mirrors,
        [
            ("docker.io", "shop-mirror", "gateproof-mirror-docker-io"),
            ("quay.io", "shop-mirror2", "gateproof-mirror-quay-io"),
            ("registry.test:5000", "shop-mirror3", "gateproof-mirror-registry-test-5000"),
        ]
    );
    assert!(plan.images().contains(&"registry:3"));
    let mut without = case();
    without.settings.registry_mirror = None;
    assert_eq!(without.plan().mirrors, []);
}

#[test]
fn nodes_are_told_of_the_mirror_and_the_mirror_of_its_upstream() {
    let mut case = case();
    case.settings.proxies = [("HTTPS_PROXY".to_owned(), "http://proxy:1".to_owned())].into();
    let plan = case.plan();
    let [hub, quay, _] = &plan.mirrors[..] else { panic!("three mirrors") };
    let file = quay.hosts_file();
    assert_eq!(file.path, "/etc/containerd/certs.d/quay.io/hosts.toml");
    assert_eq!(
        file.content,
        "server = \"https://quay.io\"\n\n[host.\"http://shop-mirror2:5000\"]\n  \
         capabilities = [\"pull\", \"resolve\"]\n"
    );
    file.content.parse::<toml_edit::DocumentMut>().unwrap();
    let remote = "REGISTRY_PROXY_REMOTEURL=https://registry-1.docker.io".to_owned();
    assert!(hub.container.env.contains(&remote), "{:?}", hub.container.env);
    assert_eq!(hub.container.binds, ["gateproof-mirror-docker-io:/var/lib/registry"]);
    assert!(hub.container.ports.is_empty());
    // The volume stays, so it has nothing by which a run's things are found.
    assert!(!quay.volume.labels.contains_key(label::RUN));
    assert!(quay.container.labels.contains_key(label::RUN));
    let node = &plan.nodes[0].container.env;
    let no_proxy = node.iter().find(|variable| variable.starts_with("NO_PROXY=")).unwrap();
    assert!(no_proxy.contains("shop-mirror2"), "{no_proxy}");
    let shown = show(&plan, &[]).unwrap();
    assert!(
        shown.contains("`/etc/containerd/certs.d/quay.io/hosts.toml` in `every node`"),
        "{shown}"
    );
}
