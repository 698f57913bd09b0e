//! Many images in one file, for machines without a registry.
//!
//! A tar archive: [`INDEX`] first, then one archive in the form of `docker save` for each image.
//! The index tells names, ids, platforms, sizes and SHA-256 checksums, and nothing is taken from a
//! part whose checksum is another.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// The name of the index in the archive.
pub const INDEX: &str = "gateproof-images.json";

/// The version of the format.
const VERSION: u32 = 1;

/// The longest index that is read.
const LONGEST_INDEX: u64 = 4 * 1024 * 1024;

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Index {
    /// The version of the format.
    pub version: u32,
    /// The images, in the order of the archive.
    pub images: Vec<Part>,
}

/// One image of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Part {
    /// Its name with a tag.
    pub reference: String,
    /// Its id, `sha256:…`.
    pub id: String,
    /// Such as `linux/amd64`.
    pub platform: String,
    /// The name of its archive in this one.
    pub file: String,
    /// The archive's size in bytes.
    pub size: u64,
    /// The archive's SHA-256, in lower-case hexadecimal.
    pub sha256: String,
}

/// A bundle cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file system refused.
    #[error("{doing} {}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is no bundle.
    #[error(
        "{} is no bundle of images: {problem}; expected what `gateproof images save` writes",
        path.display()
    )]
    NotABundle {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A part is not what the index says.
    #[error(
        "{}: image {reference} is damaged: its archive has the checksum {found}, and {expected} \
         was written; copy the bundle once more",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The image.
        reference: String,
        /// The checksum of what is there.
        found: String,
        /// The checksum of what was written.
        expected: String,
    },
}

/// An archive that was saved to a file, ready for a bundle.
#[derive(Debug)]
pub struct Saved {
    /// The image's name.
    pub reference: String,
    /// Its id.
    pub id: String,
    /// Its platform.
    pub platform: String,
    /// The archive.
    pub file: File,
}

/// Writes a bundle; the file is whole or not there. It blocks.
///
/// # Errors
/// When a file cannot be read or written.
pub fn write(path: &Path, images: Vec<Saved>) -> Result<Index, BundleError> {
    let failed = |doing| move |source| BundleError::File { doing, path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let scratch = path.with_extension("part");
    let mut parts = Vec::new();
    let mut files = Vec::new();
    for (index, mut image) in images.into_iter().enumerate() {
        let (size, sha256) = checksum(&mut image.file).map_err(failed("read an image for"))?;
        image.file.seek(SeekFrom::Start(0)).map_err(failed("read an image for"))?;
        parts.push(Part {
            reference: image.reference,
            id: image.id,
            platform: image.platform,
            file: format!("images/{index:03}.tar"),
            size,
            sha256,
        });
        files.push(image.file);
    }
    let index = Index { version: VERSION, images: parts };
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
    }
    let written = write_to(&scratch, &index, files)
        .and_then(|()| std::fs::rename(&scratch, path))
        .map_err(failed("write"));
    if let Err(error) = written {
        if let Err(left) = std::fs::remove_file(&scratch) {
            tracing::debug!(%left, "half a bundle is left");
        }
        return Err(error);
    }
    Ok(index)
}

fn write_to(path: &Path, index: &Index, files: Vec<File>) -> io::Result<()> {
    let mut tar = tar::Builder::new(io::BufWriter::new(File::create(path)?));
    let text = serde_json::to_vec_pretty(index)?;
    append(&mut tar, INDEX, text.len() as u64, text.as_slice())?;
    for (part, file) in index.images.iter().zip(files) {
        append(&mut tar, &part.file, part.size, file)?;
    }
    tar.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    name: &str,
    size: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(size);
    tar.append_data(&mut header, name, content)
}

/// Size and SHA-256 of the rest of a stream.
fn checksum(mut stream: impl Read) -> io::Result<(u64, String)> {
    let mut context = Context::new(&SHA256);
    let mut size = 0;
    let mut piece = vec![0; 1024 * 1024];
    loop {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            break;
        }
        context.update(&piece[..length]);
        size += length as u64;
    }
    Ok((size, hexadecimal(context.finish().as_ref())))
}

fn hexadecimal(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").expect("writing to a String never fails");
        text
    })
}

/// Reads a bundle and gives each image's archive, checked, to `take`. It blocks.
///
/// # Errors
/// When it is no bundle, a part is damaged, or `take` refuses.
pub fn read<E: From<BundleError>>(
    path: &Path,
    mut take: impl FnMut(&Part, File) -> Result<(), E>,
) -> Result<Index, E> {
    let failed =
        |doing| move |source| E::from(BundleError::File { doing, path: path.to_owned(), source });
    let no_bundle =
        |problem: String| E::from(BundleError::NotABundle { path: path.to_owned(), problem });
    let file = File::open(path).map_err(failed("open"))?;
    let mut archive = tar::Archive::new(io::BufReader::new(file));
    let mut entries = archive.entries().map_err(failed("read"))?;
    let first = entries.next().ok_or_else(|| no_bundle("it is empty".to_owned()))?;
    let first = first.map_err(|error| no_bundle(error.to_string()))?;
    let index = read_index(first).map_err(&no_bundle)?;
    for part in &index.images {
        let entry = entries
            .next()
            .ok_or_else(|| no_bundle(format!("it ends before {}", part.file)))?
            .map_err(|error| no_bundle(error.to_string()))?;
        if entry.path_bytes() != part.file.as_bytes() {
            let found = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            return Err(no_bundle(format!("expected {} next, found {found}", part.file)));
        }
        let mut unpacked = tempfile::tempfile().map_err(failed("unpack"))?;
        io::copy(&mut entry.take(part.size + 1), &mut unpacked).map_err(failed("read"))?;
        unpacked.seek(SeekFrom::Start(0)).map_err(failed("unpack"))?;
        let (size, found) = checksum(&mut unpacked).map_err(failed("unpack"))?;
        if size != part.size || found != part.sha256 {
            return Err(E::from(BundleError::Damaged {
                path: path.to_owned(),
                reference: part.reference.clone(),
                found,
                expected: part.sha256.clone(),
            }));
        }
        unpacked.seek(SeekFrom::Start(0)).map_err(failed("unpack"))?;
        take(part, unpacked)?;
    }
    Ok(index)
}

fn read_index(entry: tar::Entry<'_, impl Read>) -> Result<Index, String> {
    if entry.path_bytes() != INDEX.as_bytes() {
        let found = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        return Err(format!("it begins with {found} instead of {INDEX}"));
    }
    let mut text = Vec::new();
    entry.take(LONGEST_INDEX).read_to_end(&mut text).map_err(|error| error.to_string())?;
    let index: Index = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if index.version != VERSION {
        return Err(format!("its format is version {}, this is version {VERSION}", index.version));
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(reference: &str, content: &[u8]) -> Saved {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let (id, platform) = ("sha256:ab".to_owned(), "linux/amd64".to_owned());
        Saved { reference: reference.to_owned(), id, platform, file }
    }

    fn read_all(path: &Path) -> Result<Vec<(String, Vec<u8>)>, BundleError> {
        let mut found = Vec::new();
        read(path, |part, mut file| {
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            found.push((part.reference.clone(), content));
            Ok::<_, BundleError>(())
        })?;
        Ok(found)
    }

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/images.tar");
        let large = vec![7; 3 * 1024 * 1024];
        let index = write(&path, vec![saved("a:1", b"one"), saved("b:2", &large)]).unwrap();
        assert_eq!(index.images[0].size, 3);
        let read = read_all(&path).unwrap();
        assert_eq!(read, [("a:1".to_owned(), b"one".to_vec()), ("b:2".to_owned(), large)]);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        let again = folder.path().join("again.tar");
        let large = vec![7; 3 * 1024 * 1024];
        write(&again, vec![saved("a:1", b"one"), saved("b:2", &large)]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
    }

    #[test]
    fn damaged_and_other_archives_are_refused_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.tar");
        write(&path, vec![saved("a:1", b"needle in the archive")]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let refused = |octets: &[u8]| {
            std::fs::write(&path, octets).unwrap();
            read_all(&path).unwrap_err().to_string()
        };
        let at = whole.windows(6).position(|window| window == b"needle").unwrap();
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        let error = refused(&damaged);
        assert!(error.contains("image a:1 is damaged"), "{error}");
        let error = refused(&whole[..at]);
        assert!(error.contains("a:1 is damaged") || error.contains("read"), "{error}");
        assert!(refused(b"").contains("it is empty"));
        let text = String::from_utf8_lossy(&whole).replace("\"version\": 1", "\"version\": 2");
        assert!(refused(text.as_bytes()).contains("version 2, this is version 1"));
        let mut other = tar::Builder::new(Vec::new());
        append(&mut other, "manifest.json", 2, &b"[]"[..]).unwrap();
        let error = refused(&other.into_inner().unwrap());
        assert!(error.contains("begins with manifest.json"), "{error}");
        let error = read_all(&folder.path().join("none.tar")).unwrap_err().to_string();
        assert!(error.starts_with("open ") && error.ends_with("none.tar"), "{error}");
    }
}
