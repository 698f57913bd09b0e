//! A folder of a container, as an archive that is unpacked while it comes.
//!
//! Read through the engine's archive endpoint, which needs no program in the container and works
//! on one that has ended. Names in the archive are a stranger's: nothing is written outside of the
//! folder, no link is made that leads out of it.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt;
use gateproof_core::redaction;
use tokio::sync::mpsc;

use super::secret_file::is_secret_file;
use super::tail::Tail;
use super::{FILE_LIMIT, Piece, Written};
use crate::engine::{Engine, EngineError};

/// How many pieces may wait to be unpacked.
const PIECES: usize = 16;

/// How much is unpacked at most.
const TOTAL_LIMIT: u64 = 256 * 1024 * 1024;

/// Saves a folder of a container; what is above its last name falls away.
pub(super) async fn save(
    engine: &Engine,
    container: &str,
    path: &str,
    folder: &Path,
    written: &Written,
) {
    let (sender, receiver) = mpsc::channel(PIECES);
    let (target, list) = (folder.to_owned(), written.clone());
    let unpacking =
        tokio::task::spawn_blocking(move || unpack(Pieces::new(receiver), &target, &list));
    let mut pieces = std::pin::pin!(engine.download(container, path));
    let mut problem = None;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error: EngineError| error.to_string());
        problem = piece.as_ref().err().cloned();
        // The reader has ended when it had enough.
        if problem.is_some() || sender.send(piece).await.is_err() {
            break;
        }
    }
    drop(sender);
    let unpacked = match unpacking.await {
        Ok(unpacked) => unpacked.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Some(problem) = problem.or(unpacked.err()) {
        let note = Piece { written, path: folder.join("var-log-INCOMPLETE.txt") };
        note.write(&format!("{path} of {container} is not to be had: {problem}\n")).await;
    }
}

/// Unpacks logs below a folder.
fn unpack(archive: impl Read, folder: &Path, written: &Written) -> io::Result<()> {
    let mut archive = tar::Archive::new(archive.take(TOTAL_LIMIT));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        let Some(inside) = below(&name) else { continue };
        let target = folder.join(&inside);
        if entry.header().entry_type().is_file() && is_wanted(&name) {
            let mut tail = Tail::new(FILE_LIMIT);
            if read_text(&mut entry, &mut tail)? {
                super::write(&target, &redaction::text(&tail.to_text()))?;
                written.add(target);
            }
        } else if entry.header().entry_type().is_symlink() {
            let link = entry.link_name()?.map(std::borrow::Cow::into_owned);
            if let Some(link) = link.and_then(|link| relative_link(&inside, &link)) {
                if let Some(parent) = target.parent() {
                    fs::create_dir_all(parent)?;
                }
                std::os::unix::fs::symlink(link, &target)?;
            }
        }
    }
    Ok(())
}

/// Reads a file to its end; `false` when it is no text, such as a journal in its own format, whose
/// secrets would not be seen.
fn read_text(entry: &mut impl Read, tail: &mut Tail) -> io::Result<bool> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match entry.read(&mut buffer)? {
            0 => return Ok(true),
            read if buffer[..read].contains(&0) => return Ok(false),
            read => tail.push(&buffer[..read]),
        }
    }
}

fn is_wanted(name: &Path) -> bool {
    let name = name.to_string_lossy();
    !is_secret_file(&name) && !name.ends_with(".gz")
}

/// The part of a name below the archive's own folder; `None` for that folder and for names that
/// would lead out of it.
fn below(name: &Path) -> Option<PathBuf> {
    let mut parts = name.components().filter(|part| *part != Component::CurDir);
    let Component::Normal(_) = parts.next()? else { return None };
    let rest: PathBuf = parts.collect();
    let inside = rest.components().all(|part| matches!(part, Component::Normal(_)));
    (inside && !rest.as_os_str().is_empty()).then_some(rest)
}

/// A link of `/var/log/containers` into `/var/log/pods`, as a link inside the folder; `None` for
/// any other.
fn relative_link(from: &Path, to: &Path) -> Option<PathBuf> {
    let inside = to.strip_prefix("/var/log/pods").ok()?;
    if !inside.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let mut link: PathBuf = from.components().skip(1).map(|_| "..").collect();
    link.push("pods");
    link.push(inside);
    Some(link)
}

/// The pieces of an archive as something to read.
struct Pieces {
    receiver: mpsc::Receiver<Result<Bytes, String>>,
    current: Bytes,
}

impl Pieces {
    fn new(receiver: mpsc::Receiver<Result<Bytes, String>>) -> Self {
        Self { receiver, current: Bytes::new() }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(Ok(piece)) => self.current = piece,
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.current.len());
        buffer[..length].copy_from_slice(&self.current.split_to(length));
        Ok(length)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::super::Written;
    use super::{below, relative_link, unpack};

    /// An archive as the engine makes it of `/var/log`.
    pub(in super::super) fn archive(files: &[(&str, &[u8])], links: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            // Written as it is, so that a name may also be a bad one.
            header.as_gnu_mut().expect("gnu").name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *content).expect("in memory");
        }
        for (name, to) in links {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, name, to).expect("in memory");
        }
        builder.into_inner().expect("in memory")
    }

    /// What a file of an archive becomes.
    pub(in super::super) fn unpacked(archive: &[u8], file: &str) -> String {
        let folder = tempfile::tempdir().expect("a scratch folder");
        unpack(archive, folder.path(), &Written::default()).expect("unpacked");
        fs::read_to_string(folder.path().join(file)).expect("a file")
    }

    #[test]
    fn logs_are_unpacked_without_their_secrets() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let archive = archive(
            &[
                ("log/pods/a/0.log", b"token abcdef.0123456789abcdef\nend\n"),
                ("log/journal/x/system.journal", b"LPKS\0\0\0 secret"),
                ("log/old.gz", b"packed"),
                ("log/pki/ca.key", b"secret"),
            ],
            &[("log/containers/a.log", "/var/log/pods/a/0.log"), ("log/out", "/etc/passwd")],
        );
        let written = Written::default();
        unpack(&archive[..], folder.path(), &written).expect("an archive");
        let pod = folder.path().join("pods/a/0.log");
        assert_eq!(written.sorted(), std::slice::from_ref(&pod));
        assert_eq!(fs::read_to_string(&pod).expect("written"), "token REDACTED\nend\n");
        let link = folder.path().join("containers/a.log");
        assert_eq!(fs::read_to_string(link).expect("a link"), "token REDACTED\nend\n");
        assert!(!folder.path().join("out").is_symlink(), "it would lead out of the folder");
    }

    #[test]
    fn nothing_is_written_outside_of_the_folder() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let inner = folder.path().join("a/b");
        let archive = archive(&[("log/../../x", b"x"), ("../y", b"y"), ("/z", b"z")], &[]);
        unpack(&archive[..], &inner, &Written::default()).expect("an archive");
        assert!(!folder.path().join("x").exists() && !folder.path().join("a/x").exists());
        assert!(!folder.path().join("y").exists() && !folder.path().join("a/y").exists());
        for (name, inside) in [
            ("log/pods/x", Some("pods/x")),
            ("./log/pods/x", Some("pods/x")),
            ("log", None),
            ("log/../x", None),
            ("/etc/x", None),
        ] {
            assert_eq!(below(Path::new(name)), inside.map(PathBuf::from), "{name}");
        }
    }

    #[test]
    fn links_lead_to_pods_of_the_same_folder() {
        let link = |to: &str| relative_link(Path::new("containers/a.log"), Path::new(to));
        assert_eq!(link("/var/log/pods/a/0.log"), Some(PathBuf::from("../pods/a/0.log")));
        assert_eq!(link("/var/log/pods/../../x"), None);
        assert_eq!(link("../pods/a"), None);
    }

    #[test]
    fn an_archive_that_breaks_off_is_an_error() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let whole = archive(&[("log/a", &[b'x'; 2000])], &[]);
        let broken = unpack(&whole[..1000], folder.path(), &Written::default());
        assert!(broken.is_err());
    }
}
