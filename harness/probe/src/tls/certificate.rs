//! A served certificate in words: subject, issuer, names, validity, fingerprint.
//!
//! Only describes; whether to trust it is the verifier's business. A certificate that cannot be
//! parsed keeps its fingerprint, and the rest says so.

use std::net::{Ipv4Addr, Ipv6Addr};

use gateproof_core::observation::Certificate;
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::hexadecimal;

/// Describes a certificate in DER as it was served or found.
pub fn describe(der: &CertificateDer<'_>) -> Certificate {
    let sha256 = hexadecimal::write(ring::digest::digest(&ring::digest::SHA256, der).as_ref());
    let Ok((_, parsed)) = X509Certificate::from_der(der) else {
        let unreadable = || "(not a readable X.509 certificate)".to_owned();
        return Certificate {
            subject: unreadable(),
            issuer: unreadable(),
            names: Vec::new(),
            serial: String::new(),
            not_before: String::new(),
            not_after: String::new(),
            sha256,
        };
    };
    Certificate {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        names: names(&parsed),
        serial: hexadecimal::write(parsed.raw_serial()),
        not_before: rfc3339(parsed.validity().not_before),
        not_after: rfc3339(parsed.validity().not_after),
        sha256,
    }
}

/// DNS names and addresses of the subject alternative name, in order.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(dns) => Some((*dns).to_owned()),
            GeneralName::IPAddress(octets) => address(octets),
            _ => None,
        })
        .collect()
}

/// An address of a subject alternative name: 4 or 16 octets (RFC 5280 §4.2.1.6).
fn address(octets: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(octets).ok().map(|v6| Ipv6Addr::from(v6).to_string())
}

/// A point in time as RFC 3339, UTC, whole seconds.
fn rfc3339(time: ASN1Time) -> String {
    let t = time.to_datetime();
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_times_and_serial_are_read_as_issued() {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["a.example".to_owned(), "*.b.example".to_owned(), "127.0.0.1".to_owned()];
        let mut params = rcgen::CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "leaf");
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x0a, 0xff]));
        params.not_before = rcgen::date_time_ymd(2026, 2, 3);
        params.not_after = rcgen::date_time_ymd(2036, 12, 31);
        let seen = describe(params.self_signed(&key).unwrap().der());
        assert_eq!(seen.names, names);
        assert_eq!(seen.subject, "CN=leaf");
        assert_eq!(seen.issuer, "CN=leaf");
        assert_eq!(seen.serial, "0aff");
        assert_eq!(seen.not_before, "2026-02-03T00:00:00Z");
        assert_eq!(seen.not_after, "2036-12-31T00:00:00Z");
    }

    #[test]
    fn unreadable_certificate_keeps_its_fingerprint() {
        let seen = describe(&CertificateDer::from(b"abc".to_vec()));
        assert_eq!(seen.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(seen.subject.contains("not a readable"));
    }
}
