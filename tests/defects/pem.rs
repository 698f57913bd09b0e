//! Certificates and keys for Secrets that are made by hand: new in each run, so that no key lies
//! in the repository.

use std::sync::LazyLock;

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

/// What stands in a base, and the PEM text that takes its place.
static TEXTS: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
    let (certificate, key) = self_signed("*.example.test", 2099);
    let (other_name, other_key) = self_signed("*.example.org", 2099);
    let (expired, expired_key) = self_signed("*.example.test", 2020);
    let cut: String = certificate.lines().take(3).collect::<Vec<_>>().join("\n");
    vec![
        ("<certificate>", certificate),
        ("<key>", key),
        ("<certificate for another name>", other_name),
        ("<key for another name>", other_key),
        ("<expired certificate>", expired),
        ("<expired key>", expired_key),
        ("<cut certificate>", cut),
    ]
});

fn self_signed(name: &str, last_year: i32) -> (String, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a good name");
    params.distinguished_name.push(DnType::CommonName, "made by hand");
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(last_year, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

/// The scenario with PEM texts in place, for double-quoted YAML.
pub(crate) fn filled_in(mut scenario: String) -> String {
    for (name, text) in TEXTS.iter() {
        scenario = scenario.replace(name, &text.trim().replace('\n', "\\n"));
    }
    scenario
}
