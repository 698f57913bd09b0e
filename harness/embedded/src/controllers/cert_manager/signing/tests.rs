//! Claims about signed certificates, checked with another library than the one that signs.

use serde_json::json;
use time::OffsetDateTime;

use super::{CertificateAuthority, Signed, SigningError, new_key, parse_chain, self_sign};
use crate::controllers::cert_manager::certificate::spec::{CertificateSpec, KeyAlgorithm};
use crate::controllers::tls_secret::{PrivateKeyPem, TlsData};

fn spec(changes: &serde_json::Value) -> CertificateSpec {
    let mut spec =
        json!({"secretName": "s", "issuerRef": {"name": "i"}, "dnsNames": ["*.example.test"]});
    for (key, value) in changes.as_object().expect("changes") {
        spec[key] = value.clone();
    }
    CertificateSpec::read(&json!({"spec": spec})).expect("a good spec")
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_767_225_600).expect("a time")
}

fn data(signed: &Signed) -> TlsData {
    TlsData {
        chain: Some(signed.chain.clone()),
        key: Some(PrivateKeyPem::new(signed.key.expose().to_owned())),
        authority: Some(signed.authority.clone()),
    }
}

fn root() -> Signed {
    let key = new_key(KeyAlgorithm::EcdsaP256).expect("a key");
    let spec = spec(&json!({"isCA": true, "commonName": "root", "dnsNames": []}));
    self_sign(&spec, &key, now()).expect("a root")
}

fn leaf(authority: &CertificateAuthority, algorithm: KeyAlgorithm) -> Signed {
    let key = new_key(algorithm).expect("a key");
    authority.sign(&spec(&json!({})), &key, now()).expect("a leaf")
}

#[test]
fn a_leaf_verifies_against_its_root_and_against_no_other() {
    for algorithm in
        [KeyAlgorithm::Rsa, KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519]
    {
        let root_of_leaf = root();
        let authority = CertificateAuthority::read(&data(&root_of_leaf)).expect("an authority");
        let signed = leaf(&authority, algorithm);
        assert_eq!(signed.authority, root_of_leaf.chain, "ca.crt is the root");
        let chain = parse_chain(&signed.chain).expect("a chain");
        assert_eq!(chain.len(), 1, "the root itself is not served");
        let (_, parsed) = x509_parser::parse_x509_certificate(&chain[0]).expect("a certificate");
        assert!(!parsed.is_ca());
        let verified = |root: &Signed| {
            let root = parse_chain(&root.chain).expect("a root");
            let (_, root) = x509_parser::parse_x509_certificate(&root[0]).expect("a root");
            parsed.verify_signature(Some(root.public_key())).is_ok()
        };
        assert!(verified(&root_of_leaf), "{algorithm:?}");
        assert!(!verified(&root()), "{algorithm:?}");
    }
}

#[test]
fn an_intermediate_is_served_and_the_root_stays_in_ca_crt() {
    let root = root();
    let authority = CertificateAuthority::read(&data(&root)).expect("an authority");
    let key = new_key(KeyAlgorithm::EcdsaP256).expect("a key");
    let spec = spec(&json!({"isCA": true, "commonName": "intermediate"}));
    let intermediate = authority.sign(&spec, &key, now()).expect("an intermediate");
    let authority = CertificateAuthority::read(&data(&intermediate)).expect("an authority");
    let signed = leaf(&authority, KeyAlgorithm::EcdsaP256);
    assert_eq!(parse_chain(&signed.chain).expect("a chain").len(), 2);
    assert_eq!(signed.authority, root.chain);
}

#[test]
fn a_leaf_cannot_be_an_authority() {
    let authority = CertificateAuthority::read(&data(&root())).expect("an authority");
    let leaf = leaf(&authority, KeyAlgorithm::EcdsaP256);
    let error = CertificateAuthority::read(&data(&leaf)).expect_err("a leaf is no authority");
    assert!(matches!(error, SigningError::NotAnAuthority), "{error}");
}

#[test]
fn an_authority_with_a_foreign_key_is_refused() {
    let mut mixed = data(&root());
    mixed.key = data(&root()).key;
    let error = CertificateAuthority::read(&mixed).expect_err("the key is of another pair");
    assert!(matches!(error, SigningError::ForeignKey), "{error}");
}

#[test]
fn serial_numbers_differ() {
    let key = new_key(KeyAlgorithm::EcdsaP256).expect("a key");
    let serial = || {
        let signed = self_sign(&spec(&json!({})), &key, now()).expect("a certificate");
        let chain = parse_chain(&signed.chain).expect("a chain");
        let (_, parsed) = x509_parser::parse_x509_certificate(&chain[0]).expect("a certificate");
        parsed.raw_serial_as_string()
    };
    assert_ne!(serial(), serial());
}

#[test]
fn an_authority_does_not_show_its_key() {
    let root = root();
    let authority = CertificateAuthority::read(&data(&root)).expect("an authority");
    let shown = format!("{authority:?} {root:?}");
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
}
