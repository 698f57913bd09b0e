//! The first process of a node: says what an init system says, then runs what commands ask for.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gateproof_embedded::machines::{ControlPlane, Machine, NodeAgent};
use gateproof_kubernetes::Client;
use serde_json::Value;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::kubeadm::authority;
use crate::service::{Answer, Credentials, Request, SOCKET};
use crate::{Failure, Outcome, block_on, forward, journal, misbehaviour, node, service};

/// Is there once commands may be run.
pub(crate) const UP: &str = "/run/stand-in.up";
/// The real-time signal by which systemd is told to stop, which is the image's stop signal.
const STOP: i32 = 37;
/// How long a boot takes at least; real ones take seconds.
const BOOT: Duration = Duration::from_millis(300);

/// What an init system says before commands may be run.
const BOOTING: [&str; 9] = [
    "INFO: ensuring we can execute mount/umount even with userns-remap",
    "INFO: remounting /sys read-only",
    "INFO: making mounts shared",
    "INFO: clearing and regenerating /etc/machine-id",
    "Initializing machine ID from random generator.",
    "systemd 257.9-1~deb13u1 running in system mode (+PAM +AUDIT +SELINUX)",
    "Detected virtualization docker.",
    "Welcome to \u{1b}[1mGateproof stand-in, which is no operating system\u{1b}[0m!",
    "[\u{1b}[0;32m  OK  \u{1b}[0m] Reached target \u{1b}[0;1;39mbasic.target\u{1b}[0m - Basic System.",
];

/// What it says when they may.
const READY: &str = "[\u{1b}[0;32m  OK  \u{1b}[0m] Reached target \
                     \u{1b}[0;1;39mmulti-user.target\u{1b}[0m - Multi-User System.";

/// Refuses a command that comes before the init system is up: in a real node it would disturb how
/// systemd sets up cgroups (kubernetes-sigs/kind #2409).
pub(crate) fn must_be_up(program: &str) -> Outcome {
    if Path::new(UP).exists() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "stand-in: {program} was run before the init system was up (the log had no \"Reached \
         target … Multi-User System\" yet)"
    )))
}

/// Runs until the container is stopped.
pub(crate) fn run() -> Outcome {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new("warn"))
        .with_writer(std::io::stdout)
        .with_ansi(false)
        .init();
    block_on(async {
        authority::write_trusted()?;
        let listener = UnixListener::bind(SOCKET)?;
        fs::set_permissions(SOCKET, fs::Permissions::from_mode(0o600))?;
        for line in BOOTING {
            say(line)?;
        }
        pause(BOOT).await;
        if misbehaviour::is("no-ready-line") {
            return until_stopped(None).await;
        }
        if misbehaviour::is("dies-at-boot") {
            return Err(Failure::new("Failed to mount cgroup at /sys/fs/cgroup/systemd: EPERM"));
        }
        // The mark first: whoever reads the line may run a command at once.
        fs::write(UP, "")?;
        say(READY)?;
        until_stopped(Some(listener)).await
    })
}

/// To the console, which is a terminal: lines end as terminals want them.
fn say(line: &str) -> Outcome {
    let mut console = std::io::stdout();
    write!(console, "{line}\r\n")?;
    console.flush()?;
    journal::note(line);
    Ok(())
}

async fn pause(span: Duration) {
    gateproof_kubernetes::wait::pause(span).await;
}

/// What runs on the node.
#[derive(Default)]
struct Running {
    control_plane: Option<ControlPlane>,
    /// Passes on to the first control plane what comes to this one, which has joined.
    forwarding: Option<JoinHandle<()>>,
    /// Takes connections of clients and never answers.
    silent: Option<TcpListener>,
    kubelet: Option<NodeAgent>,
}

async fn until_stopped(listener: Option<UnixListener>) -> Outcome {
    let mut running = Running::default();
    let mut stop = signal(SignalKind::from_raw(STOP))?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = either(&mut stop, &mut terminate) => return Ok(()),
            accepted = accepted => {
                let (mut stream, _) = accepted?;
                serve(&mut stream, &mut running).await?;
            }
        }
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

async fn serve(stream: &mut UnixStream, running: &mut Running) -> Outcome {
    let request = service::receive(stream).await?;
    if matches!(request, Request::Die) {
        return Err(Failure::new("Kernel panic - not syncing: Attempted to kill init!"));
    }
    let answer = match perform(request, running).await {
        Ok(answer) => answer,
        Err(failure) => Answer::Failed(failure.words),
    };
    // Whoever asked may have gone.
    if let Err(failure) = service::reply(stream, &answer).await {
        journal::note(&format!("nobody waits for an answer: {}", failure.words));
    }
    Ok(())
}

async fn perform(request: Request, running: &mut Running) -> Result<Answer, Failure> {
    if let Some(face) = request.face() {
        let everywhere = SocketAddr::from(([0, 0, 0, 0], 6443));
        // One that is silent is really there as well, for the nodes, on another port.
        let address = if misbehaviour::is("api-silent") {
            running.silent = Some(TcpListener::bind(everywhere).await?);
            SocketAddr::from(([127, 0, 0, 1], 7443))
        } else {
            everywhere
        };
        let control_plane =
            ControlPlane::start(address, &face).await.map_err(|error| Failure::of(&error))?;
        journal::note("kube-apiserver: serving securely on [::]:6443");
        let access = control_plane.access();
        let credentials = Credentials {
            admin: access.admin_kubeconfig(),
            authority: access.authority.clone(),
            authority_key: access.authority_key().to_owned(),
        };
        running.control_plane = Some(control_plane);
        return Ok(Answer::ControlPlane(credentials));
    }
    if let Request::Forward { to } = request {
        let listener = TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], 6443))).await?;
        let targets: forward::Targets = Arc::new(move || vec![to.clone()]);
        running.forwarding = Some(tokio::spawn(forward::serve(listener, targets)));
        journal::note("kube-apiserver: serving securely on [::]:6443");
        return Ok(Answer::Done);
    }
    let Request::Kubelet { kubeconfig, node, info } = request else {
        return Err(Failure::new("stand-in: nothing such can be asked for"));
    };
    journal::note("kubelet: Starting kubelet");
    if misbehaviour::is("never-registers") {
        journal::note(
            "kubelet: E1126 kubelet_node_status.go:113] \"Unable to register node with API \
             server\" err=\"nodes is forbidden: node is not allowed to register\"",
        );
        return Ok(Answer::Done);
    }
    let name = node.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let address = node::addresses()
        .into_iter()
        .find(std::net::IpAddr::is_ipv4)
        .ok_or_else(|| Failure::new("stand-in: this node has no IPv4 address"))?;
    let machine = Machine { name: name.to_owned(), address, node, info };
    let client = match &running.control_plane {
        Some(control_plane) => control_plane.client(),
        None => {
            Client::from_kubeconfig_text(&kubeconfig).await.map_err(|error| Failure::of(&error))?
        }
    };
    let kubelet = NodeAgent::start(client, machine).await.map_err(|error| Failure::of(&error))?;
    running.kubelet = Some(kubelet);
    Ok(Answer::Done)
}
