//! What a node is told to do wrong, by a variable of its image: `STAND_IN_MISBEHAVIOUR` is
//! `<what>` for every node, or `<what>:<end of the node's name>`.

use std::time::Duration;

use crate::service::Request;
use crate::{Failure, Outcome, block_on, service};

/// The variable.
const VARIABLE: &str = "STAND_IN_MISBEHAVIOUR";
/// Longer than anybody should wait.
const FOREVER: Duration = Duration::from_hours(1);

/// Whether this node is to do this wrong.
pub(crate) fn is(what: &str) -> bool {
    let Some(told) = told() else { return false };
    match told.split_once(':') {
        None => told == what,
        Some((told, end)) => told == what && crate::node::host_name().ends_with(end),
    }
}

#[expect(clippy::disallowed_methods, reason = "the image's variables are how it is told")]
fn told() -> Option<String> {
    std::env::var(VARIABLE).ok()
}

/// Does wrong what is to be done wrong when a command runs.
pub(crate) fn at(program: &str, arguments: &[String]) -> Outcome {
    let is_kubeadm =
        |phase: &str| program == "kubeadm" && arguments.first().is_some_and(|word| word == phase);
    if is_kubeadm("init") && is("init-fails") {
        eprintln!("[init] Using Kubernetes version: v1.36.4");
        eprintln!(
            "[kubelet-check] Waiting for a healthy kubelet at http://127.0.0.1:10248/healthz"
        );
        return Err(Failure::new(
            "error execution phase wait-control-plane: failed while waiting for the control plane \
             to start: context deadline exceeded\nTo see the stack trace of this error execute \
             with --v=5 or higher",
        ));
    }
    if is_kubeadm("join") && is("join-fails") {
        eprintln!("[preflight] Running pre-flight checks");
        return Err(Failure::new(
            "error execution phase kubelet-start: couldn't validate the identity of the API Server: \
             Get \"https://control-plane:6443/api\": net/http: request canceled\nTo see the stack \
             trace of this error execute with --v=5 or higher",
        ));
    }
    if is_kubeadm("join") && is("dies-during-join") {
        return block_on(async {
            service::ask(&Request::Die).await?;
            tokio::time::timeout(FOREVER, std::future::pending::<()>()).await.ok();
            Ok(())
        });
    }
    if (is_kubeadm("init") && is("exec-hangs")) || (is_kubeadm("join") && is("join-hangs")) {
        eprintln!("[init] Using Kubernetes version: v1.36.4");
        return block_on(async {
            tokio::time::timeout(FOREVER, std::future::pending::<()>()).await.ok();
            Ok(())
        });
    }
    if program == "cp" && is("disk-full") {
        return Err(Failure::new(format!(
            "cp: error writing '{}': No space left on device",
            arguments.last().map(String::as_str).unwrap_or_default()
        )));
    }
    Ok(())
}
