//! Whether a server is reached through the proxy that the environment names.
//!
//! kubectl takes `HTTPS_PROXY` and leaves it out for what `NO_PROXY` names (Go's
//! `golang.org/x/net/http/httpproxy`): `*`, addresses, ranges of addresses, and domains, with or
//! without a port. A `proxy-url` of the kubeconfig itself always counts.

use std::net::IpAddr;

/// Whether `NO_PROXY` names this host and port. A server on this machine needs no naming.
pub(super) fn is_left_out(no_proxy: &str, host: &str, port: u16) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_lowercase();
        if entry == "*" {
            return true;
        }
        let (name, at) = match entry.rsplit_once(':') {
            Some((name, at)) if !name.contains(':') || name.ends_with(']') => {
                (name.to_owned(), at.parse::<u16>().ok())
            }
            _ => (entry.clone(), None),
        };
        if at.is_some_and(|at| at != port) {
            return false;
        }
        let name = name.trim_start_matches('[').trim_end_matches(']');
        match address {
            Some(address) => is_in(name, address),
            None => is_below(name, &host),
        }
    })
}

fn is_in(range: &str, address: IpAddr) -> bool {
    let Some((network, length)) = range.split_once('/') else {
        return range.parse() == Ok(address);
    };
    let (Ok(network), Ok(length)) = (network.parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            length <= 32
                && (u32::from(network) ^ u32::from(address)).checked_shr(32 - length).unwrap_or(0)
                    == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            length <= 128
                && (u128::from(network) ^ u128::from(address))
                    .checked_shr(128 - length)
                    .unwrap_or(0)
                    == 0
        }
        _ => false,
    }
}

/// `example.test` names itself and what is below it, `.example.test` only what is below it.
fn is_below(name: &str, host: &str) -> bool {
    let bare = name.trim_start_matches('*');
    match bare.strip_prefix('.') {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => host == bare || host.strip_suffix(bare).is_some_and(|rest| rest.ends_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::is_left_out;

    #[test]
    fn hosts_are_left_out_as_go_programs_leave_them_out() {
        for (no_proxy, host, left_out) in [
            ("", "api.test", false),
            ("*", "api.test", true),
            ("example.test, api.test", "api.test", true),
            ("test", "api.test", true),
            (".test", "api.test", true),
            (".api.test", "api.test", false),
            ("pi.test", "api.test", false),
            ("api.test:6443", "api.test", true),
            ("api.test:443", "api.test", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:6443", "10.1.2.3", true),
            ("fd00::/8", "fd00::1", true),
            ("fd00::1", "[fd00::1]", true),
            ("10.0.0.0/8", "10.example.test", false),
            ("", "localhost", true),
            ("", "127.0.0.1", true),
            ("", "[::1]", true),
        ] {
            assert_eq!(is_left_out(no_proxy, host, 6443), left_out, "{host} by `{no_proxy}`");
        }
    }
}
