//! What the node knows of itself: its name, its addresses, its Kubernetes version.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use serde_json::{Value, json};

use crate::OS_IMAGE;

/// The node's name, which is the container's host name.
pub(crate) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// Its addresses, without those of loopback.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = getifaddrs() else { return Vec::new() };
    interfaces
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|it| IpAddr::from(it.ip()));
            let v6 = address.as_sockaddr_in6().map(|it| IpAddr::from(it.ip()));
            v4.or(v6)
        })
        .filter(|address| !address.is_loopback())
        .collect()
}

/// The Kubernetes version of the image.
pub(crate) fn version() -> String {
    std::fs::read_to_string("/kind/version").unwrap_or_default().trim().to_owned()
}

/// The minor version.
pub(crate) fn minor() -> u32 {
    version().split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default()
}

/// `status.nodeInfo`.
pub(crate) fn info() -> Value {
    json!({
        "kubeletVersion": version(),
        "osImage": OS_IMAGE,
        "operatingSystem": "linux",
        "architecture": "amd64",
        "containerRuntimeVersion": "containerd://2.3.4",
        "kernelVersion": std::fs::read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_default().trim(),
        "bootID": "", "machineID": "", "systemUUID": "", "kubeProxyVersion": "",
    })
}
