//! Where a finished report is put: whole or not at all.
//!
//! A file is written beside its place and renamed into it, so that nobody ever reads half a
//! report. What is no regular file (a pipe, `/dev/stdout`) is written to directly; renaming over
//! it would replace the device. The event log is appended live instead (`jsonl`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::reporter::{ReportError, Written};
use crate::spec::{ReportKind, ReportSpec, Target};

/// The prepared place of a report that is written at the end of a run.
#[derive(Debug)]
pub(crate) struct Destination {
    kind: ReportKind,
    target: Target,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Stdout,
    /// A regular file, existing or not, with symbolic links resolved.
    Regular(PathBuf),
    /// Something that is written to in place.
    Special(PathBuf),
}

impl Destination {
    /// Makes the parent directories and tries out whether the place can be written to.
    pub(crate) fn prepare(spec: &ReportSpec) -> Result<Self, ReportError> {
        let kind = spec.kind;
        let place = match &spec.target {
            Target::Stdout => Place::Stdout,
            Target::File(path) => probe(kind, path)?,
        };
        Ok(Self { kind, target: spec.target.clone(), place })
    }

    /// Puts the whole report in its place.
    pub(crate) fn write(&self, content: &[u8]) -> Result<Written, ReportError> {
        let result = match &self.place {
            Place::Stdout => to_stdout(content),
            Place::Regular(path) => replace(path, content),
            Place::Special(path) => {
                OpenOptions::new().write(true).open(path).and_then(|mut f| f.write_all(content))
            }
        };
        result.map_err(|source| ReportError::Write {
            kind: self.kind,
            target: self.target.clone(),
            source,
        })?;
        Ok(Written { kind: self.kind, target: self.target.clone() })
    }
}

fn probe(kind: ReportKind, path: &Path) -> Result<Place, ReportError> {
    let failed = |source| ReportError::Prepare { kind, path: path.to_owned(), source };
    make_parent(path).map_err(failed)?;
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(ReportError::Directory { kind, path: path.to_owned() }),
        Ok(found) if found.is_file() => {
            let real = path.canonicalize().map_err(failed)?;
            scratch(&real).map_err(failed)?;
            Ok(Place::Regular(real))
        }
        Ok(_) => {
            OpenOptions::new().write(true).open(path).map_err(failed)?;
            Ok(Place::Special(path.to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            scratch(path).map_err(failed)?;
            Ok(Place::Regular(path.to_owned()))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Makes the directories that a path leads through.
pub(crate) fn make_parent(path: &Path) -> io::Result<()> {
    fs::create_dir_all(directory_of(path))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// How the names of this process's scratch files begin, so that whoever cleans up after a killed
/// process can tell them from those of a living one.
pub fn scratch_prefix() -> String {
    format!(".gateproof-{}-", std::process::id())
}

/// A scratch file beside the path; it goes away when dropped. Its mode is that of any new file,
/// not the private one of scratch files: others collect the reports.
fn scratch(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let prefix = scratch_prefix();
    builder.prefix(&prefix).suffix(".partial");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory_of(path))
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = scratch(path)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    let _: File = file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Writes to standard output.
pub(crate) fn to_stdout(content: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(content)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::Destination;
    use crate::reporter::ReportError;
    use crate::spec::{ReportKind, ReportSpec, Target};

    fn prepare(path: &Path) -> Result<Destination, ReportError> {
        let target = Target::File(path.to_owned());
        Destination::prepare(&ReportSpec { kind: ReportKind::Junit, target })
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a directory");
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn report_appears_whole_and_leaves_nothing_beside_it() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("a/b/report.xml");
        let destination = prepare(&path).expect("a writable place");
        assert!(!path.exists(), "nothing is visible before the end");
        assert!(names(path.parent().expect("a parent")).is_empty(), "and no scratch file stays");
        destination.write(b"first, and long").expect("written");
        destination.write(b"second").expect("written again");
        assert_eq!(fs::read(&path).expect("a report"), b"second");
        assert_eq!(names(path.parent().expect("a parent")), ["report.xml"]);
    }

    #[test]
    fn place_that_cannot_be_written_is_found_when_preparing() {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("file");
        fs::write(&file, "x").expect("written");
        let path = file.join("report.xml");
        let error = prepare(&path).expect_err("a file is no directory");
        let shown = error.to_string();
        assert!(shown.contains(&path.display().to_string()), "{shown}");
        assert!(std::error::Error::source(&error).is_some(), "the cause is told");

        let error = prepare(home.path()).expect_err("a directory is no file");
        assert!(matches!(error, ReportError::Directory { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_link_is_followed_and_kept() {
        let home = tempfile::tempdir().expect("a directory");
        let (real, link) = (home.path().join("real"), home.path().join("link"));
        fs::write(&real, "old").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        prepare(&link).expect("writable").write(b"new").expect("written");
        assert_eq!(fs::read(&real).expect("the file"), b"new");
        assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn device_is_written_to_and_not_replaced() {
        prepare(Path::new("/dev/null")).expect("writable").write(b"x").expect("written");
        let found = fs::metadata("/dev/null").expect("still there");
        assert!(!found.is_file(), "a rename would have made it a file");
    }

    #[cfg(unix)]
    #[test]
    fn report_is_readable_like_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().expect("a directory");
        let (plain, report) = (home.path().join("plain"), home.path().join("report"));
        fs::write(&plain, "x").expect("written");
        prepare(&report).expect("writable").write(b"x").expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode();
        assert_eq!(mode(&report), mode(&plain));
    }
}
