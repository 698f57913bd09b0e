//! Files for whoever looks into a failure later.

use std::fs;
use std::path::PathBuf;

use crate::error::StackError;
use crate::install::Work;

/// Writes a file below the cluster's folder of evidence; nothing where no evidence is kept.
pub(crate) fn write(
    work: &Work<'_>,
    name: &str,
    text: &str,
) -> Result<Option<PathBuf>, StackError> {
    let root = &work.surroundings.evidence;
    if root.as_os_str().is_empty() {
        return Ok(None);
    }
    let folder = root.join(&work.target.cluster);
    let path = folder.join(name);
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, text))
        .map_err(|source| StackError::File { operation: "write", path: path.clone(), source })?;
    Ok(Some(path))
}
