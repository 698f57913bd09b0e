//! Files with secrets in them, for as long as a program needs them: readable by their owner alone,
//! written down before they are made, and removed when they go out of scope.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gateproof_kubernetes::{Ledger, Surroundings, Thing};

use crate::error::StackError;

/// A file that is removed when this goes out of scope.
pub(crate) struct PrivateFile {
    path: PathBuf,
    ledger: Arc<dyn Ledger>,
}

impl PrivateFile {
    /// Writes a new file `gateproof-<run>-<name>` below `folder`. A file that is there already is
    /// somebody else's and stays as it is.
    pub(crate) fn write(
        surroundings: &Surroundings,
        folder: &Path,
        name: &str,
        text: &str,
    ) -> Result<Self, StackError> {
        let path = folder.join(format!("gateproof-{}-{name}", surroundings.run));
        let thing = Thing::File { path: path.clone() };
        surroundings.ledger.note(&thing)?;
        let written = create(&path).and_then(|mut file| {
            // From here on the file is ours, so dropping this removes it whatever comes.
            let ours = Self { path: path.clone(), ledger: Arc::clone(&surroundings.ledger) };
            file.write_all(text.as_bytes())?;
            Ok(ours)
        });
        written.map_err(|source| StackError::File {
            operation: "write",
            path: path.clone(),
            source,
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        let removed = match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
            _ => self
                .ledger
                .strike(&Thing::File { path: self.path.clone() })
                .map_err(|error| error.to_string()),
        };
        if let Err(error) = removed {
            let path = self.path.display();
            tracing::warn!(%path, error, "failed to remove a private file; please remove it");
        }
    }
}

#[cfg(unix)]
fn create(path: &Path) -> std::io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> std::io::Result<fs::File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use gateproof_kubernetes::Surroundings;

    use super::PrivateFile;

    #[test]
    fn a_private_file_is_for_its_owner_alone_and_goes_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let surroundings = Surroundings::none("r1");
        let file = PrivateFile::write(&surroundings, folder.path(), "kubeconfig", "secret")
            .expect("written");
        let path = file.path().to_owned();
        assert_eq!(fs::read_to_string(&path).expect("readable"), "secret");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
        }
        drop(file);
        assert!(!path.exists(), "it is removed");
    }

    #[test]
    fn a_file_that_is_there_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gateproof-r1-kubeconfig");
        fs::write(&path, "theirs").expect("written");
        let surroundings = Surroundings::none("r1");
        let refused = PrivateFile::write(&surroundings, folder.path(), "kubeconfig", "ours");
        assert!(refused.is_err(), "it is not ours");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "theirs");
    }
}
