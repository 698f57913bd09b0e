//! A release as Helm records it: one Secret for each revision.
//!
//! `data.release` is base64 of base64 of compressed JSON (helm/helm v3.19
//! `pkg/storage/driver/{secrets,util}.go`). The compression here stores the text as it is, which
//! every reader of gzip understands (RFC 1951, section 3.2.4; RFC 1952).

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::controllers::kind::SECRET;
use crate::controllers::object::skeleton;

/// Where a revision of a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is in force.
    Deployed,
    /// A later revision is in force.
    Superseded,
}

impl Standing {
    fn word(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Superseded => "superseded",
        }
    }
}

/// A revision of a release.
#[derive(Debug, Clone)]
pub(super) struct HelmRelease<'a> {
    /// Its namespace.
    pub(super) namespace: &'a str,
    /// Its name, which is the chart's.
    pub(super) name: &'a str,
    /// The chart's version.
    pub(super) version: &'a str,
    /// Counts from 1.
    pub(super) revision: u64,
    /// Where it stands.
    pub(super) standing: Standing,
    /// The values as the user gave them.
    pub(super) values: &'a Value,
    /// When it was deployed.
    pub(super) now: &'a str,
}

impl HelmRelease<'_> {
    /// The Secret that holds it.
    pub(super) fn secret(&self) -> Value {
        let revision = self.revision.to_string();
        let name = format!("sh.helm.release.v1.{}.v{revision}", self.name);
        let mut object = skeleton(SECRET, Some(self.namespace), &name);
        object["metadata"]["labels"] = json!({
            "name": self.name,
            "owner": "helm",
            "status": self.standing.word(),
            "version": revision,
        });
        object["type"] = "helm.sh/release.v1".into();
        let inner = base64(&gzip(self.record().to_string().as_bytes()));
        object["data"] = json!({"release": base64(inner.as_bytes())});
        object
    }

    fn record(&self) -> Value {
        json!({
            "name": self.name,
            "namespace": self.namespace,
            "version": self.revision,
            "info": {
                "status": self.standing.word(),
                "first_deployed": self.now,
                "last_deployed": self.now,
                "deleted": "",
                "description": "recorded by the embedded cluster",
            },
            "chart": {"metadata": {
                "apiVersion": "v2",
                "name": self.name,
                "version": self.version,
                "appVersion": self.version,
            }},
            "config": self.values,
            "manifest": "",
        })
    }
}

fn base64(bytes: &[u8]) -> String {
    let text = serde_json::to_value(ByteString(bytes.to_vec())).expect("bytes become a string");
    text.as_str().unwrap_or_default().to_owned()
}

/// The bytes as a gzip member of stored blocks.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    /// What the length of a stored block can say.
    const BLOCK: usize = 0xffff;
    // Magic, deflate, no flags, no time, no hint, unknown system.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let blocks = bytes.len().div_ceil(BLOCK).max(1);
    for index in 0..blocks {
        let block = &bytes[index * BLOCK..bytes.len().min((index + 1) * BLOCK)];
        let length = u16::try_from(block.len()).expect("a block is no longer than this");
        out.push(u8::from(index + 1 == blocks));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(crc32(bytes).to_le_bytes());
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX) & 0xffff_ffff;
    out.extend(u32::try_from(length).expect("cut to 32 bits").to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{HelmRelease, Standing, crc32, gzip};

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn long_texts_take_several_blocks_of_which_the_last_says_so() {
        let bytes = vec![b'x'; 0x1_0001];
        let packed = gzip(&bytes);
        assert_eq!(packed[10], 0, "another block follows");
        assert_eq!(packed[10 + 5 + 0xffff], 1, "the last one");
        assert_eq!(packed.len(), 10 + 2 * 5 + bytes.len() + 8);
        assert_eq!(&packed[packed.len() - 4..], &0x1_0001_u32.to_le_bytes());
    }

    #[test]
    fn a_revision_is_found_by_its_labels_and_begins_as_gzip_does() {
        let release = HelmRelease {
            namespace: "kube-system",
            name: "cilium",
            version: "1.20.2",
            revision: 2,
            standing: Standing::Superseded,
            values: &json!({"kubeProxyReplacement": true}),
            now: "2026-01-01T00:00:00Z",
        };
        let secret = release.secret();
        assert_eq!(secret["metadata"]["name"], "sh.helm.release.v1.cilium.v2");
        assert_eq!(secret["metadata"]["labels"]["status"], "superseded");
        let outer: k8s_openapi::ByteString =
            serde_json::from_value(secret["data"]["release"].clone()).expect("base64");
        // `H4sI` is what Helm looks for: the magic of gzip in base64.
        assert!(outer.0.starts_with(b"H4sI"), "{:?}", &outer.0[..8]);
        assert_eq!(secret["type"], Value::from("helm.sh/release.v1"));
    }
}
