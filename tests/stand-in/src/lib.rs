//! What stands in for a Kubernetes node image, and for Helm, in tests without images.
//!
//! One program under many names. As the first process of a container it says what an init system
//! says; under the names of the programs that run in nodes it checks what it is given and fails as
//! they do; on `kubeadm init` the container serves the API of an embedded cluster, and every node
//! runs the data plane of its own address. Under the name `helm` it records releases in a cluster as
//! Helm does, which is where the embedded controllers pick them up.
//!
//! Strict on purpose: what a real program would only warn of, or what these doubles do not know, is
//! an error here. What is not real: everything below the API. A node says so itself
//! (`status.nodeInfo.osImage` is [`OS_IMAGE`]), and so does the image's label.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these are programs that print")]

mod balancer;
mod containers;
mod files;
mod forward;
mod helm;
mod init;
mod journal;
mod kubeadm;
mod kubectl;
mod misbehaviour;
mod node;
mod registry;
mod service;
mod shell;

use std::process::ExitCode;

/// What nodes of this kind say they run.
pub const OS_IMAGE: &str = "Gateproof stand-in";

/// The names under which the program is in the node image.
pub const NAMES: [&str; 17] = [
    "/usr/local/bin/entrypoint",
    "/sbin/init",
    "/bin/bash",
    "/bin/cat",
    "/bin/cp",
    "/bin/journalctl",
    "/bin/mkdir",
    "/bin/sh",
    "/bin/systemctl",
    "/bin/tar",
    "/usr/bin/containerd",
    "/usr/bin/crictl",
    "/usr/bin/ctr",
    "/usr/bin/kubeadm",
    "/usr/bin/kubectl",
    "/usr/bin/pgrep",
    "/usr/local/bin/helm",
];

/// A command that failed: what it says on standard error, and its exit code.
#[derive(Debug)]
struct Failure {
    code: u8,
    words: String,
}

impl Failure {
    fn new(words: impl Into<String>) -> Self {
        Self { code: 1, words: words.into() }
    }

    /// An error with its causes.
    fn of(error: &dyn std::error::Error) -> Self {
        let mut words = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            words.push(cause.to_string());
            source = cause.source();
        }
        Self::new(words.join(": "))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// What a command comes to.
type Outcome = Result<(), Failure>;

/// Runs the program whose name the first argument is; under its own name, the one that the second
/// argument names.
pub fn run(mut arguments: Vec<String>) -> ExitCode {
    let name = |arguments: &[String]| {
        let path = arguments.first().map(String::as_str).unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default().to_owned()
    };
    if name(&arguments).starts_with("gateproof-stand-in") && arguments.len() > 1 {
        arguments.remove(0);
    }
    let program = name(&arguments);
    let rest = arguments.split_off(1.min(arguments.len()));
    match dispatch(&program, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.words);
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(program: &str, arguments: &[String]) -> Outcome {
    match program {
        "helm" => return helm::run(arguments),
        "registry" => return registry::run(arguments),
        "balancer" => return balancer::run(arguments),
        "entrypoint" | "init" => return init::run(),
        _ => {}
    }
    init::must_be_up(program)?;
    journal::note(&format!("exec: {program} {}", arguments.join(" ")));
    misbehaviour::at(program, arguments)?;
    match program {
        "kubeadm" => kubeadm::run(arguments),
        "kubectl" => kubectl::run(arguments),
        "cat" => files::cat(arguments),
        "cp" => files::cp(arguments),
        "mkdir" => files::mkdir(arguments),
        "tar" => files::tar(arguments),
        "bash" | "sh" => shell::run(arguments),
        "pgrep" => shell::pgrep(arguments),
        "systemctl" => shell::systemctl(arguments),
        "journalctl" => journal::run(arguments),
        "containerd" => containers::containerd(arguments),
        "crictl" => containers::crictl(arguments),
        "ctr" => containers::ctr(arguments),
        other => Err(Failure {
            code: 127,
            words: format!("stand-in: nothing here is called {other:?}; arguments: {arguments:?}"),
        }),
    }
}

/// Runs async work to its end.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(work)
}
