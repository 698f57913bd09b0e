//! The lines of shell that are run in nodes, word for word, and the service manager.

use crate::{Failure, Outcome, balancer, files, journal};

/// How kind exports `/var/log` (kubernetes-sigs/kind v0.33.0: `pkg/cluster/internal/logs/logs.go`).
const EXPORT: &str =
    "tar --hard-dereference -C /var/log/ -chf - . || (r=$?; [ $r -eq 1 ] || exit $r)";

/// `bash -c LINE`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["-c", "! pgrep --exact containerd || systemctl restart containerd"] => {
            journal::note("systemd: restarted containerd.service");
            Ok(())
        }
        ["-c", balancer::ACTIVATE] => balancer::activate(),
        ["-c", line] if line == EXPORT => files::tar(&["-C".to_owned(), "/var/log/".to_owned()]),
        _ => Err(Failure {
            code: 127,
            words: format!("stand-in: the shell knows no line such as {arguments:?}"),
        }),
    }
}

/// `pgrep --exact containerd`: it always runs.
pub(crate) fn pgrep(arguments: &[String]) -> Outcome {
    match arguments.last().map(String::as_str) {
        Some("containerd") => {
            println!("87");
            Ok(())
        }
        _ => Err(Failure::new("")),
    }
}

/// `systemctl restart UNIT`, `systemctl is-active UNIT`.
pub(crate) fn systemctl(arguments: &[String]) -> Outcome {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["restart", unit @ ("containerd" | "containerd.service" | "kubelet")] => {
            journal::note(&format!("systemd: restarted {unit}"));
            Ok(())
        }
        ["is-active", "containerd" | "containerd.service"] => {
            println!("active");
            Ok(())
        }
        _ => Err(Failure::new(format!("stand-in: systemctl does not do {arguments:?}"))),
    }
}
