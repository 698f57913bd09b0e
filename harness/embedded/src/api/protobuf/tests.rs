use serde_json::{Value, json};

use super::{MAGIC, MESSAGES, ProtobufError, decode};

const SCALARS: [&str; 9] =
    ["int", "bool", "string", "bytes", "time", "microtime", "intorstring", "quantity", "json"];

/// A field of bytes.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("a short field");
    assert!(length < 128 && number < 16, "one byte is enough for both");
    [&[number << 3 | 2, length], content].concat()
}

fn number(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let meta = [bytes(1, api_version.as_bytes()), bytes(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), bytes(1, &meta), bytes(2, raw)].concat()
}

#[test]
fn every_type_in_the_list_is_a_scalar_or_a_message_of_the_list() {
    for (message, fields) in MESSAGES.iter() {
        for known in fields.values() {
            let is_known = SCALARS.contains(&known.of) || MESSAGES.contains_key(known.of);
            assert!(is_known, "{} in {message}", known.of);
        }
    }
    assert!(MESSAGES.len() > 100);
}

#[test]
fn a_secret_is_read_with_its_maps_and_bytes() {
    // What gogo's encoder writes of a Secret: empty texts and an unset time are there as well.
    let metadata = [bytes(1, b"web"), bytes(2, b""), bytes(3, b"apps"), bytes(8, b"")].concat();
    let entry = [bytes(1, b"tls.key"), bytes(2, b"foo")].concat();
    let raw = [bytes(1, &metadata), bytes(2, &entry), bytes(3, b"kubernetes.io/tls")].concat();
    let expected = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "web", "namespace": "apps"},
        "data": {"tls.key": "Zm9v"},
        "type": "kubernetes.io/tls",
    });
    assert_eq!(decode(&body("v1", "Secret", &raw)), Ok(expected));
}

#[test]
fn zero_is_kept_where_it_was_set_and_dropped_where_it_is_what_nothing_looks_like() {
    // ServicePort: port 3 always, targetPort 4, nodePort 5 not a pointer.
    let target = [number(1, 0), number(2, 80), bytes(3, b"")].concat();
    let port = [bytes(1, b""), number(3, 80), bytes(4, &target), number(5, 0)].concat();
    let spec = bytes(1, &port);
    let read = decode(&body("v1", "Service", &bytes(2, &spec))).expect("a Service");
    assert_eq!(read["spec"], json!({"ports": [{"port": 80, "targetPort": 80}]}));
    // DeploymentSpec: replicas 1 is a pointer.
    let spec = bytes(2, &number(1, 0));
    let read = decode(&body("apps/v1", "Deployment", &spec)).expect("a Deployment");
    assert_eq!(read["spec"], json!({"replicas": 0}));
}

#[test]
fn what_is_not_known_or_damaged_is_refused_by_name() {
    let unknown = decode(&body("v1", "Secret", &bytes(9, b"x"))).expect_err("no field 9");
    assert_eq!(unknown.to_string(), "field 9 of core.Secret is not known here; send JSON");
    let kind = decode(&body("batch/v1", "Job", b"")).expect_err("no Jobs");
    assert!(kind.to_string().contains("Job of batch/v1"), "{kind}");
    assert_eq!(decode(b"{}"), Err(ProtobufError::NoMagic));
    let whole = body("v1", "Secret", &bytes(1, &bytes(1, b"web")));
    for length in MAGIC.len()..whole.len() {
        // A cut between two fields of the envelope leaves an empty Secret; none panics.
        let read = decode(&whole[..length]).unwrap_or_default();
        assert!(read["metadata"].is_null(), "cut at {length}: {read}");
    }
}

#[test]
fn times_and_embedded_objects_take_their_json_form() {
    let seconds = [1 << 3, 0x80, 0x80, 0xe2, 0xc8, 0x06].to_vec();
    let metadata = [bytes(1, b"a"), bytes(8, &seconds)].concat();
    let read = decode(&body("v1", "ConfigMap", &bytes(1, &metadata))).expect("a ConfigMap");
    let Value::String(time) = &read["metadata"]["creationTimestamp"] else {
        panic!("{read}");
    };
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
}
