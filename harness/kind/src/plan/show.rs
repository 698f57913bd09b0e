//! A plan as a person reads it: containers, steps in their order, and every file in full.
//!
//! What only a running node knows stands in angle brackets. Containers are shown as `docker run`
//! would be told of them, because that is how kind's own log shows them; no such program runs.

use std::fmt::{self, Write as _};

use super::image::{DEFAULT_NODE_IMAGE, promised_version};
use super::kubeadm::{DocumentError, NodeAddresses};
use super::load_balancer::{LoadBalancerPlan, WRITTEN_LAST};
use super::version::KubernetesVersion;
use super::{FilePlan, KindPlan, NodePlan, Part, command};
use crate::container::{ContainerSpec, PortBinding, Privileges, Protocol, RestartPolicy};
use crate::label;
use crate::network::ipv6_subnet;
use crate::settings::StorageClass;

/// The plan as Markdown; `about` are paragraphs that say what it is for and what it assumes.
///
/// # Errors
///
/// What would also fail on the real node, as far as the tags of images say which Kubernetes it is:
/// patches that cannot be applied or would be ignored.
pub fn show(plan: &KindPlan, about: &[String]) -> Result<String, DocumentError> {
    let placeholder = format!("<subnets of the network {}>", plan.network);
    let plan = &plan.clone().on_network(&[placeholder]);
    let mut page = Page::default();
    page.heading(1, &format!("kind cluster {}", plan.name));
    for text in about {
        page.paragraph(text);
    }
    versions(&mut page, plan);
    notes(&mut page, plan);
    network(&mut page, plan);
    page.heading(2, "Containers");
    page.paragraph("As `docker run` would be told; the harness speaks to the engine itself.");
    for spec in plan.containers() {
        page.fenced("sh", &docker_run(spec));
    }
    page.heading(2, "Steps");
    steps(&mut page, plan);
    page.heading(2, "Files");
    for node in &plan.nodes {
        let version = version(node);
        let file = plan.kubeadm_file(node, &version, &addresses(node))?;
        page.file(&file, &node.container.name);
    }
    if let Some(balancer) = &plan.load_balancer {
        for file in &balancer.files {
            page.file(file, &balancer.container.name);
        }
    }
    for mirror in &plan.mirrors {
        page.file_of("toml", &mirror.hosts_file(), "every node");
    }
    Ok(page.0)
}

/// The version that the image promises, else that of the default image.
fn version(node: &NodePlan) -> KubernetesVersion {
    let default = || promised_version(DEFAULT_NODE_IMAGE).expect("the default image has a version");
    node.promised.clone().unwrap_or_else(default)
}

fn addresses(node: &NodePlan) -> NodeAddresses {
    let placeholder = |family: &str| Some(format!("<{family} of {}>", node.container.name));
    NodeAddresses { v4: placeholder("IPv4"), v6: placeholder("IPv6") }
}

fn versions(page: &mut Page, plan: &KindPlan) {
    for image in plan.images() {
        let Some(node) = plan.nodes.iter().find(|node| node.container.image == image) else {
            continue;
        };
        let version = version(node);
        page.paragraph(&match node.promised {
            Some(_) => format!(
                "Kubernetes {version}, as the tag of `{image}` says; a node's own \
                 `{}` has the last word.",
                command::VERSION_FILE
            ),
            None => format!(
                "The tag of `{image}` names no Kubernetes version, so the files below are those \
                 for {version}; a node's own `{}` decides.",
                command::VERSION_FILE
            ),
        });
    }
    page.paragraph("What is known only once the cluster runs stands in `<angle brackets>`.");
}

fn notes(page: &mut Page, plan: &KindPlan) {
    if plan.notes.is_empty() {
        return;
    }
    page.heading(2, "Notes");
    for note in &plan.notes {
        page.line(format_args!("- {note}"));
    }
    page.line(format_args!(""));
}

fn network(page: &mut Page, plan: &KindPlan) {
    page.heading(2, "Network");
    page.paragraph(&format!(
        "`{}`, used as it is; where it is missing it is made with driver bridge, masquerading, \
         the MTU of the default bridge, and the IPv6 subnet `{}` (`{}` and so on where that is \
         taken, none where the engine has no IPv6).",
        plan.network,
        ipv6_subnet(&plan.network, 0),
        ipv6_subnet(&plan.network, 1),
    ));
}

fn docker_run(spec: &ContainerSpec) -> String {
    let mut options = vec![
        format!("--name {}", spec.name),
        format!("--hostname {}", spec.name),
        format!("--network {}", spec.network),
        "--init=false --cgroupns=private".to_owned(),
    ];
    let mut add = |option: &str, value: &str| options.push(format!("{option} {}", quoted(value)));
    for (key, value) in &spec.labels {
        add("--label", &format!("{key}={}", own_label(key).unwrap_or(value)));
    }
    match spec.restart {
        RestartPolicy::No => {}
        RestartPolicy::OnFailure(times) => add("--restart", &format!("on-failure:{times}")),
    }
    for option in &spec.security_options {
        add("--security-opt", option);
    }
    for (path, options) in &spec.tmpfs {
        let colon = if options.is_empty() { "" } else { ":" };
        add("--tmpfs", &format!("{path}{colon}{options}"));
    }
    for volume in spec.anonymous_volumes.iter().chain(&spec.binds) {
        add("--volume", volume);
    }
    for device in &spec.devices {
        add("--device", device);
    }
    for (key, value) in &spec.sysctls {
        add("--sysctl", &format!("{key}={value}"));
    }
    for variable in &spec.env {
        add("--env", &without_credentials(variable));
    }
    for port in &spec.ports {
        add("--publish", &publish(port));
    }
    match &spec.privileges {
        Privileges::Default => {}
        Privileges::Privileged => options.push("--privileged".to_owned()),
        Privileges::Capabilities(names) => {
            options.extend(names.iter().map(|name| format!("--cap-add {name}")));
        }
    }
    if spec.host_user_namespace {
        options.push("--userns host".to_owned());
    }
    if spec.tty {
        options.push("--tty".to_owned());
    }
    let mut end = vec![spec.image.clone()];
    end.extend(spec.command.iter().map(|word| quoted(word)));
    options.push(end.join(" "));
    format!("docker run --detach \\\n  {}\n", options.join(" \\\n  "))
}

/// Labels whose values belong to a run, and mean nothing before it.
fn own_label(key: &str) -> Option<&'static str> {
    match key {
        label::RUN => Some("<run>"),
        label::OWNER => Some("<owner>"),
        label::CREATED => Some("<time>"),
        _ => None,
    }
}

fn publish(port: &PortBinding) -> String {
    let address = match port.host_address {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
    };
    let host = port.host_port.map(|port| port.to_string()).unwrap_or_default();
    let protocol = match port.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    };
    format!("{address}:{host}:{}/{protocol}", port.container_port)
}

/// A proxy's address may have a password in it.
fn without_credentials(variable: &str) -> String {
    match (variable.find("://"), variable.rfind('@')) {
        (Some(start), Some(end)) if start < end => {
            format!("{}***{}", &variable[..start + 3], &variable[end..])
        }
        _ => variable.to_owned(),
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+[]%<>".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn shell(argv: &[String]) -> String {
    argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn steps(page: &mut Page, plan: &KindPlan) {
    let mut list = Steps { page, number: 0 };
    let first = &plan.first().container.name;
    list.step("Pull what the engine does not have:", &images(plan));
    list.step(&format!("Have the network `{}`.", plan.network), &[]);
    list.step(
        "Start every container, all at once. A node is ready for commands once a line of its log \
         matches `Reached target .*Multi-User System.*|detected cgroup v1`.",
        &[],
    );
    list.step(
        "In every node, read its Kubernetes version; ask the engine for its addresses; write \
         `/kind/kubeadm.conf`.",
        &[shell(&command::read_version())],
    );
    if !plan.containerd.is_empty() {
        list.step(
            &format!(
                "In every node, patch `{}` ({} merge and {} JSON patches).",
                command::CONTAINERD_CONFIG,
                plan.containerd.merge.len(),
                plan.containerd.json.len()
            ),
            &[shell(&command::read_containerd_config()), shell(&command::restart_containerd())],
        );
    }
    for mirror in &plan.mirrors {
        list.step(
            &format!(
                "Tell every node that `{}` mirrors {}, once it listens; its data stays on the \
                 volume `{}`.",
                mirror.container.name, mirror.upstream, mirror.volume.name
            ),
            &[],
        );
    }
    if let Some(LoadBalancerPlan { container, activate, files }) = &plan.load_balancer {
        let paths: Vec<String> = files.iter().map(|file| format!("`{}`", file.path)).collect();
        let what = format!(
            "In `{}`, once `{WRITTEN_LAST}` is there, write {} and put them in force.",
            container.name,
            paths.join(" and ")
        );
        list.step(&what, &[shell(activate)]);
    }
    list.step(&format!("In `{first}`, start the control plane."), &[shell(&command::init())]);
    if plan.is_single() {
        let commands = command::open_single_node(&version(plan.first())).map(|argv| shell(&argv));
        list.step(&format!("In `{first}`, the only node, let workloads run."), &commands);
    }
    match plan.storage_class {
        StorageClass::None => {}
        StorageClass::Standard => {
            let commands = [format!(
                "{} < {}",
                shell(&command::apply_storage_class()),
                command::STORAGE_MANIFEST
            )];
            list.step(&format!("In `{first}`, apply the StorageClass."), &commands);
        }
    }
    let with = |part: Part| plan.nodes.iter().filter(move |node| node.part == part);
    for node in with(Part::JoinControlPlane) {
        let what = format!(
            "Copy from `{first}` to `{to}`, then join `{to}`: {}.",
            command::SHARED_BY_CONTROL_PLANES.map(|path| format!("`{path}`")).join(", "),
            to = node.container.name
        );
        list.step(&what, &[shell(&command::join())]);
    }
    let workers: Vec<String> =
        with(Part::JoinWorker).map(|node| format!("`{}`", node.container.name)).collect();
    if !workers.is_empty() {
        let what = format!("Join the workers, all at once: {}.", workers.join(", "));
        list.step(&what, &[shell(&command::join())]);
    }
    list.step(
        &format!(
            "Take the credentials from `{}` of `{first}`, and wait until the API server knows every \
             node. Nodes become ready with Cilium, which is installed next; no kubeconfig of yours \
             is touched.",
            command::ADMIN_CONF
        ),
        &[],
    );
}

fn images(plan: &KindPlan) -> Vec<String> {
    plan.images().into_iter().map(str::to_owned).collect()
}

/// A numbered list.
struct Steps<'a> {
    page: &'a mut Page,
    number: usize,
}

impl Steps<'_> {
    fn step(&mut self, what: &str, commands: &[String]) {
        self.number += 1;
        self.page.line(format_args!("{}. {what}", self.number));
        for command in commands {
            self.page.line(format_args!("   - `{command}`"));
        }
    }
}

/// Markdown.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: fmt::Arguments<'_>) {
        let written = writeln!(self.0, "{text}");
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }

    fn heading(&mut self, level: usize, text: &str) {
        if !self.0.is_empty() && !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
        self.line(format_args!("{} {text}\n", "#".repeat(level)));
    }

    fn paragraph(&mut self, text: &str) {
        self.line(format_args!("{text}\n"));
    }

    fn fenced(&mut self, language: &str, text: &str) {
        self.line(format_args!("```{language}\n{text}```\n"));
    }

    fn file(&mut self, file: &FilePlan, container: &str) {
        self.file_of("yaml", file, container);
    }

    fn file_of(&mut self, language: &str, file: &FilePlan, container: &str) {
        self.paragraph(&format!("`{}` in `{container}`:", file.path));
        self.fenced(language, &file.content);
    }
}

#[cfg(test)]
mod tests {
    use super::{quoted, without_credentials};

    #[test]
    fn passwords_of_proxies_are_not_shown() {
        for (variable, shown) in [
            ("HTTP_PROXY=http://me:secret@proxy:3128", "HTTP_PROXY=http://***@proxy:3128"),
            ("https_proxy=http://proxy:3128", "https_proxy=http://proxy:3128"),
            ("NO_PROXY=a@b,c", "NO_PROXY=a@b,c"),
        ] {
            assert_eq!(without_credentials(variable), shown);
        }
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_change_them() {
        assert_eq!(quoted("--v=6"), "--v=6");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's $x"), "'it'\\''s $x'");
    }
}
