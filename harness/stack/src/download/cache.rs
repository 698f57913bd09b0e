//! Downloads that are kept: each file beside the digest it had when it was downloaded, so that a
//! file that was cut off or changed since is downloaded anew.

use std::fs;
use std::io;
use std::path::Path;

use ring::digest::{SHA256, digest as digest_of};

/// The SHA-256 digest in hexadecimal.
pub(super) fn digest(octets: &[u8]) -> String {
    digest_of(&SHA256, octets).as_ref().iter().fold(String::new(), |mut text, octet| {
        for digit in [octet >> 4, octet & 15] {
            text.push(char::from_digit(u32::from(digit), 16).expect("four bits are one digit"));
        }
        text
    })
}

/// Splits `…#sha256=…` from an address.
///
/// # Errors
///
/// What is wrong with the digest.
pub(super) fn expected_digest(address: &str) -> Result<(&str, Option<&str>), String> {
    let Some((plain, fragment)) = address.split_once('#') else { return Ok((address, None)) };
    let digest = fragment.strip_prefix("sha256=").filter(|digest| {
        digest.len() == 64 && digest.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
    });
    match digest {
        Some(digest) => Ok((plain, Some(digest))),
        None => Err(format!(
            "`#{fragment}` says nothing; expected `#sha256=` and 64 digits in lower case"
        )),
    }
}

/// A file as it was downloaded; `None` when it is not there, or not as it was.
pub(super) fn read(folder: &Path, name: &str, expected: Option<&str>) -> Option<String> {
    let text = fs::read_to_string(folder.join(name)).ok()?;
    let recorded = fs::read_to_string(folder.join(format!("{name}.sha256"))).ok()?;
    let found = digest(text.as_bytes());
    let wanted = expected.unwrap_or_else(|| recorded.trim());
    (found == wanted && found == recorded.trim()).then_some(text)
}

/// Keeps a file. Written beside and moved, so that nobody reads half of it.
pub(super) fn write(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let put = |name: &str, text: &str| {
        let draft = tempfile::NamedTempFile::new_in(folder)?;
        fs::write(draft.path(), text)?;
        draft.persist(folder.join(name)).map(drop).map_err(|error| error.error)
    };
    put(name, text)?;
    put(&format!("{name}.sha256"), &format!("{}\n", digest(text.as_bytes())))
}
