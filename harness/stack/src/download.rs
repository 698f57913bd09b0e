//! The manifest of a release of the Gateway API: from a file or folder, from the cache, or from the
//! project's releases.

use std::fs;
use std::path::{Path, PathBuf};

use gateproof_core::versions::Release;

use crate::bundle::Bundle;
use crate::error::StackError;
use crate::settings::{CrdSource, Settings};

mod cache;
mod fetch;
mod proxy;

/// Where releases are (kubernetes-sigs/gateway-api, guides: "Installing Gateway API").
const RELEASES: &str = "https://github.com/kubernetes-sigs/gateway-api/releases/download";

/// Gets the manifest of a release, wherever the settings say it is.
pub(crate) async fn manifest(settings: &Settings, release: &Release) -> Result<Bundle, StackError> {
    let (origin, text) = match &settings.crds {
        CrdSource::File(path) => from_machine(path, release)?,
        CrdSource::Release => {
            let Release { version, channel } = release;
            let address = format!("{RELEASES}/v{version}/{channel}-install.yaml");
            let text = through_cache(settings, &address, &name(release)).await?;
            (address, text)
        }
        CrdSource::Url(address) => {
            let name = format!("{}.yaml", &cache::digest(address.as_bytes())[..16]);
            (address.clone(), through_cache(settings, address, &name).await?)
        }
    };
    Bundle::parse(&origin, &text).map_err(|problem| StackError::Document { what: origin, problem })
}

/// What a manifest is called in the cache and in a folder of manifests.
fn name(release: &Release) -> String {
    format!("gateway-api-v{}-{}-install.yaml", release.version, release.channel)
}

/// Reads a manifest; in a folder the one of this release.
fn from_machine(path: &Path, release: &Release) -> Result<(String, String), StackError> {
    let path = if path.is_dir() { in_folder(path, release)? } else { path.to_owned() };
    let text = fs::read_to_string(&path).map_err(|source| StackError::File {
        operation: "read",
        path: path.clone(),
        source,
    })?;
    Ok((path.display().to_string(), text))
}

fn in_folder(folder: &Path, release: &Release) -> Result<PathBuf, StackError> {
    let Release { version, channel } = release;
    let names = [
        name(release),
        format!("v{version}/{channel}-install.yaml"),
        format!("{channel}-install.yaml"),
    ];
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        let folder = folder.display();
        StackError::Refused(format!(
            "{folder} has no manifest of Gateway API {release}: expected one of {}",
            names.join(", ")
        ))
    })
}

/// Takes a download from the cache, or downloads it and keeps it.
async fn through_cache(
    settings: &Settings,
    address: &str,
    name: &str,
) -> Result<String, StackError> {
    let downloads = &settings.downloads;
    let (plain, expected) = cache::expected_digest(address)
        .map_err(|problem| StackError::Download { address: address.to_owned(), problem })?;
    if let Some(folder) = &downloads.cache
        && let Some(text) = cache::read(folder, name, expected)
    {
        return Ok(text);
    }
    let octets = fetch::fetch(plain, downloads).await.map_err(|problem| StackError::Download {
        address: plain.to_owned(),
        problem: format!("{problem}; without a network give the file with --gateway-api-crds"),
    })?;
    let found = cache::digest(&octets);
    if let Some(expected) = expected
        && expected != found
    {
        let problem = format!("it is not what was expected: SHA-256 {expected}, found {found}");
        return Err(StackError::Download { address: plain.to_owned(), problem });
    }
    let text = String::from_utf8(octets).map_err(|_| StackError::Document {
        what: plain.to_owned(),
        problem: "it is no text".to_owned(),
    })?;
    if let Some(folder) = &downloads.cache {
        // A cache that cannot be written costs a download each time, and nothing else.
        if let Err(error) = cache::write(folder, name, &text) {
            tracing::warn!(folder = %folder.display(), %error, "failed to keep a download");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
