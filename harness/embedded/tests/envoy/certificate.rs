//! Certificates, made once for the whole run.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gateproof_embedded::dataplane::CertifiedKeyPem;

static MADE: Mutex<BTreeMap<String, CertifiedKeyPem>> = Mutex::new(BTreeMap::new());

/// The certificate of this name.
pub(crate) fn pair(name: &str, hosts: &[&str]) -> CertifiedKeyPem {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(name.to_owned())
        .or_insert_with(|| {
            let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
            let made = rcgen::generate_simple_self_signed(hosts).expect("names make a certificate");
            CertifiedKeyPem {
                chain_pem: made.cert.pem(),
                key_pem: made.signing_key.serialize_pem(),
            }
        })
        .clone()
}
