//! Through which proxy a host is reached, as curl decides it. Pure.

use http::Uri;

use crate::settings::Downloads;

/// The proxy for an address; `None` reaches it directly.
///
/// # Errors
///
/// When the proxy's own address cannot be read.
pub(super) fn of(address: &Uri, downloads: &Downloads) -> Result<Option<Uri>, String> {
    let host = address.host().unwrap_or_default();
    let (proxy, variable) = if address.scheme_str() == Some("https") {
        (&downloads.https_proxy, "HTTPS_PROXY")
    } else {
        (&downloads.http_proxy, "HTTP_PROXY")
    };
    let Some(proxy) = proxy.as_deref().filter(|proxy| !proxy.is_empty()) else { return Ok(None) };
    if is_exempt(host, &downloads.no_proxy) {
        return Ok(None);
    }
    let text = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    match text.parse::<Uri>() {
        Ok(uri) if uri.scheme_str() == Some("http") && uri.host().is_some() => Ok(Some(uri)),
        // The proxy may hold a password, so it is not repeated.
        _ => Err(format!("{variable} is no proxy that can be used: expected http://HOST:PORT")),
    }
}

fn is_exempt(host: &str, exempt: &[String]) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_lowercase();
    exempt.iter().map(|entry| entry.trim().to_lowercase()).any(|entry| {
        let name = entry.trim_start_matches('.');
        entry == "*" || (!name.is_empty() && (host == name || host.ends_with(&format!(".{name}"))))
    })
}

/// User and password of a proxy's address, as the value of a header; as they are written, without
/// decoding.
pub(super) fn credentials(proxy: &Uri) -> Option<String> {
    let (user, _) = proxy.authority()?.as_str().rsplit_once('@')?;
    Some(format!("Basic {}", base64(user.as_bytes())))
}

/// Standard base64 with padding (RFC 4648, section 4).
fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, index| {
            (bits << 8) | u32::from(group.get(index).copied().unwrap_or(0))
        });
        for digit in 0..4 {
            let index = usize::try_from((bits >> (18 - 6 * digit)) & 63).expect("six bits");
            text.push(if digit > group.len() { '=' } else { char::from(DIGITS[index]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{credentials, of};
    use crate::settings::Downloads;

    #[test]
    fn a_proxy_is_chosen_by_scheme_and_host() {
        let downloads = Downloads {
            https_proxy: Some("proxy.test:3128".to_owned()),
            no_proxy: [" internal.test", ".dot.test", "10.0.0.1"].map(str::to_owned).to_vec(),
            ..Downloads::default()
        };
        for (address, expected) in [
            ("https://a.test/x", Some("http://proxy.test:3128/")),
            ("http://a.test/x", None),
            ("https://internal.test/", None),
            ("https://deep.internal.test/", None),
            ("https://notinternal.test/", Some("http://proxy.test:3128/")),
            ("https://x.dot.test/", None),
            ("https://10.0.0.1:8443/", None),
        ] {
            let uri = address.parse().expect("an address");
            let proxy = of(&uri, &downloads).expect("a proxy").map(|uri| uri.to_string());
            assert_eq!(proxy.as_deref(), expected, "{address}");
        }
        let all = Downloads { no_proxy: vec!["*".to_owned()], ..downloads };
        assert_eq!(of(&"https://a.test".parse().expect("an address"), &all), Ok(None));
    }

    #[test]
    fn user_and_password_become_a_header() {
        let of = |text: &str| credentials(&text.parse().expect("an address"));
        for (user, expected) in [("ab", "YWI="), ("a:b", "YTpi"), ("a:bc", "YTpiYw==")] {
            let header = of(&format!("http://{user}@proxy.test:1"));
            assert_eq!(header, Some(format!("Basic {expected}")), "{user}");
        }
        assert_eq!(of("http://proxy.test:1"), None);
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_without_its_password() {
        let downloads = Downloads {
            https_proxy: Some("socks5://me:hunter2@proxy.test".to_owned()),
            ..Downloads::default()
        };
        let uri = "https://a.test".parse().expect("an address");
        let words = of(&uri, &downloads).expect_err("refused");
        assert!(words.contains("HTTPS_PROXY") && !words.contains("hunter2"), "{words}");
    }
}
