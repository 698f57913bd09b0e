//! Ports of the host that lead into a cluster: which, and that none leads to two places.
//!
//! As kubernetes-sigs/kind v0.33.0 checks them (`validatePortMappings` in
//! `pkg/internal/apis/config/validate.go`), but over all nodes and the API server's own port: kind
//! looks at one node at a time and lets Docker fail on the rest.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::file::PortMappingFile;
use super::{HostPort, IpFamily, Networking, PortMapping, TransportProtocol};
use crate::source::nearest::nearest;
use crate::source::problem::Problem;
use crate::source::schema::one_of;
use crate::source::tree::Place;

/// Host ports that are taken, with what takes them.
#[derive(Default)]
pub(super) struct Taken(Vec<(IpAddr, u16, TransportProtocol, String)>);

impl Taken {
    /// Begins with the API server's port.
    pub(super) fn by_api_server(networking: &Networking) -> Self {
        let mut taken = Self::default();
        if let HostPort::Fixed(port) = networking.api_server_port {
            let by = "the API server (`networking.apiServerPort`)".to_owned();
            taken.0.push((networking.api_server_address, port, TransportProtocol::Tcp, by));
        }
        taken
    }

    /// Who has this port already. An address that means all of them takes a port on each, in both
    /// families, as kind has it.
    fn by(&self, mapping: &PortMapping, port: u16) -> Option<&str> {
        self.0
            .iter()
            .find(|(address, taken, protocol, _)| {
                *taken == port
                    && *protocol == mapping.protocol
                    && (address.is_unspecified()
                        || mapping.listen_address.is_unspecified()
                        || *address == mapping.listen_address)
            })
            .map(|(_, _, _, by)| by.as_str())
    }
}

/// Reads a node's `extraPortMappings`.
pub(super) fn mappings(
    files: &[PortMappingFile],
    ip_family: IpFamily,
    list: Place<'_>,
    taken: &mut Taken,
    problems: &mut Vec<Problem>,
) -> Vec<PortMapping> {
    let mut mappings = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let place = list.item(index);
        let Some(mapping) = mapping(file, ip_family, place, problems) else { continue };
        if let HostPort::Fixed(port) = mapping.host_port {
            if let Some(by) = taken.by(&mapping, port) {
                problems.push(
                    Problem::at(
                        &place.get("hostPort"),
                        format!("port {port} of the host is there twice"),
                    )
                    .found(format!("it leads to {by} already"))
                    .expected("another port, or another address")
                    .note("a port of the host can lead to one place only"),
                );
            }
            let by = format!("the node at {}", place.origin());
            taken.0.push((mapping.listen_address, port, mapping.protocol, by));
        }
        mappings.push(mapping);
    }
    mappings
}

fn mapping(
    file: &PortMappingFile,
    ip_family: IpFamily,
    place: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Option<PortMapping> {
    let listen_address = match file.listen_address.as_deref() {
        None | Some("") => Some(match ip_family {
            IpFamily::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            IpFamily::V4 | IpFamily::Dual => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }),
        Some(text) => address(text, place.get("listenAddress"), problems),
    };
    let protocol = protocol(file.protocol.as_deref(), place.get("protocol"), problems);
    Some(PortMapping {
        // The schema tells of others.
        container_port: u16::try_from(file.container_port).ok()?,
        host_port: host_port(file.host_port),
        listen_address: listen_address?,
        protocol: protocol?,
    })
}

/// A port as the schema lets it through: 0 and -1 leave the choice to whoever publishes it.
pub(super) fn host_port(port: i32) -> HostPort {
    match u16::try_from(port) {
        Ok(0) | Err(_) => HostPort::Any,
        Ok(port) => HostPort::Fixed(port),
    }
}

/// Reads an address.
pub(super) fn address(text: &str, place: Place<'_>, problems: &mut Vec<Problem>) -> Option<IpAddr> {
    let address = text.parse().ok();
    if address.is_none() {
        problems.push(
            Problem::at(&place, "this is no IP address")
                .found(format!("`{text}`"))
                .expected("an address such as `127.0.0.1`"),
        );
    }
    address
}

/// kind accepts small letters too (`pkg/apis/config/v1alpha4/yaml.go`).
fn protocol(
    text: Option<&str>,
    place: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Option<TransportProtocol> {
    const WORDS: [&str; 3] = ["TCP", "UDP", "SCTP"];
    let text = text.unwrap_or_default();
    match text.to_ascii_uppercase().as_str() {
        "" | "TCP" => Some(TransportProtocol::Tcp),
        "UDP" => Some(TransportProtocol::Udp),
        "SCTP" => Some(TransportProtocol::Sctp),
        _ => {
            problems.push(
                Problem::at(&place, "this is no protocol of a port")
                    .found(format!("`{text}`"))
                    .expected(one_of(&WORDS))
                    .nearest(nearest(text, WORDS)),
            );
            None
        }
    }
}
