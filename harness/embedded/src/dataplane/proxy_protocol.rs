//! The PROXY protocol header that a load balancer puts before a connection (haproxy,
//! `doc/proxy-protocol.txt`, versions 1 and 2). Only the client's address is taken from it;
//! extensions (TLVs) and checksums are skipped. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SIGNATURE_2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const SIGNATURE_1: &[u8; 6] = b"PROXY ";
/// The longest header of version 1, with its line end.
const LONGEST_1: usize = 107;

/// What the first bytes of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// A header of this many bytes; `client` is absent when it names none (health checks of the
    /// load balancer itself).
    Complete {
        /// Its length.
        length: usize,
        /// The client it names.
        client: Option<SocketAddr>,
    },
    /// More bytes are needed to tell.
    Incomplete,
    /// No header, or a malformed one.
    Absent,
}

/// Reads the header at the start of a connection.
pub(super) fn parse(bytes: &[u8]) -> Header {
    if is_start_of(bytes, SIGNATURE_2) {
        version_2(bytes)
    } else if is_start_of(bytes, SIGNATURE_1) {
        version_1(bytes)
    } else {
        Header::Absent
    }
}

/// Whether the bytes agree with the signature as far as both go.
fn is_start_of(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(a, b)| a == b)
}

fn version_1(bytes: &[u8]) -> Header {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < LONGEST_1 { Header::Incomplete } else { Header::Absent };
    };
    let Ok(line) = std::str::from_utf8(&bytes[..end]) else { return Header::Absent };
    let words: Vec<&str> = line.split(' ').collect();
    let client = match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", "TCP4" | "TCP6", source, _, port, _] => {
            match (source.parse::<IpAddr>(), port.parse::<u16>()) {
                (Ok(address), Ok(port)) => Some(SocketAddr::new(address, port)),
                _ => return Header::Absent,
            }
        }
        _ => return Header::Absent,
    };
    Header::Complete { length: end + 2, client }
}

fn version_2(bytes: &[u8]) -> Header {
    let [command, family, high, low] = match bytes.get(12..16) {
        Some(fixed) => [fixed[0], fixed[1], fixed[2], fixed[3]],
        None => return Header::Incomplete,
    };
    let length = 16 + usize::from(u16::from_be_bytes([high, low]));
    let local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Header::Absent,
    };
    let Some(addresses) = bytes.get(16..length) else { return Header::Incomplete };
    let client = match family >> 4 {
        1 if !local => v4_client(addresses),
        2 if !local => v6_client(addresses),
        _ => return Header::Complete { length, client: None },
    };
    client.map_or(Header::Absent, |client| Header::Complete { length, client: Some(client) })
}

fn v4_client(addresses: &[u8]) -> Option<SocketAddr> {
    let source: [u8; 4] = addresses.get(..4)?.try_into().ok()?;
    let port: [u8; 2] = addresses.get(8..10)?.try_into().ok()?;
    Some(SocketAddr::new(Ipv4Addr::from(source).into(), u16::from_be_bytes(port)))
}

fn v6_client(addresses: &[u8]) -> Option<SocketAddr> {
    let source: [u8; 16] = addresses.get(..16)?.try_into().ok()?;
    let port: [u8; 2] = addresses.get(32..34)?.try_into().ok()?;
    Some(SocketAddr::new(Ipv6Addr::from(source).into(), u16::from_be_bytes(port)))
}

#[cfg(test)]
mod tests {
    use super::{Header, SIGNATURE_2, parse};

    fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).expect("short").to_be_bytes();
        [SIGNATURE_2.as_slice(), &[command, family], &length, addresses].concat()
    }

    #[test]
    fn client_is_read_from_both_versions() {
        let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\nGET / HTTP/1.1\r\n";
        let client = Some(([192, 0, 2, 7], 50_000).into());
        assert_eq!(parse(line), Header::Complete { length: 45, client });
        let ports = [0xC3, 0x50, 0x01, 0xBB];
        let addresses = [&[192, 0, 2, 7, 198, 51, 100, 1][..], &ports].concat();
        let header = version_2(0x21, 0x11, &addresses);
        assert_eq!(parse(&header), Header::Complete { length: 28, client });
    }

    #[test]
    fn header_without_client_is_a_header() {
        assert_eq!(parse(b"PROXY UNKNOWN\r\n"), Header::Complete { length: 15, client: None });
        let local = version_2(0x20, 0x00, &[]);
        assert_eq!(parse(&local), Header::Complete { length: 16, client: None });
    }

    #[test]
    fn every_shorter_piece_of_a_header_is_incomplete() {
        let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\n".to_vec();
        for header in [line, version_2(0x21, 0x11, &[0; 12])] {
            for cut in 0..header.len() {
                assert_eq!(parse(&header[..cut]), Header::Incomplete, "{cut} bytes");
            }
        }
    }

    #[test]
    fn other_openings_are_no_header() {
        let malformed = b"PROXY TCP4 192.0.2 198.51.100.1 50000 443\r\n";
        for opening in [b"GET / HTTP/1.1\r\n".as_slice(), b"\x16\x03\x01", malformed, &[b'P'; 200]]
        {
            assert_eq!(parse(opening), Header::Absent, "{opening:?}");
        }
        assert_eq!(parse(&version_2(0x31, 0x11, &[0; 12])), Header::Absent);
    }
}
