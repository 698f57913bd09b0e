//! A user's kubeconfig file: entries of a cluster put into it, or taken out of it, as kubectl and
//! kind do it: everything else stays, nobody else writes meanwhile, and only the user can read it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gateproof_kind::kubeconfig;
use serde_json::{Map, Value, json};

/// How long another program may hold the file. client-go gives up at once (kubernetes/client-go:
/// `tools/clientcmd/config.go`); two programs that add a cluster each should both succeed.
const PATIENCE: Duration = Duration::from_secs(5);

/// A kubeconfig file could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigFileError {
    /// A file could not be read or written.
    #[error("failed to {operation} {}: {source}", path.display())]
    File {
        /// What was being done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// It is held by another program, or by one that was killed.
    #[error(
        "{} is there: another program writes the kubeconfig, or one was killed meanwhile; remove it if none does",
        .0.display()
    )]
    Held(PathBuf),
    /// It is no kubeconfig. The text is not quoted: it holds keys.
    #[error("{} is no kubeconfig: {problem}; it was not changed", path.display())]
    NoKubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// Puts the cluster, user and context of `kubeconfig` into the file and makes the context the
/// current one. Entries of the same names are replaced, everything else stays.
///
/// # Errors
///
/// When the file is held, is no kubeconfig or cannot be written. It is then as it was.
pub fn merge(file: &Path, kubeconfig: &str) -> Result<(), KubeconfigFileError> {
    let added = parse(file, kubeconfig)?;
    change(file, |config| {
        for list in LISTS {
            for entry in added.get(list).and_then(Value::as_array).into_iter().flatten() {
                replace(config, list, entry);
            }
        }
        config.insert("current-context".to_owned(), added["current-context"].clone());
    })
}

/// Takes the cluster, user and context of this name out of the file, when it is there.
///
/// # Errors
///
/// When the file is held, is no kubeconfig or cannot be written. It is then as it was.
pub fn remove(file: &Path, context: &str) -> Result<(), KubeconfigFileError> {
    if !file.exists() || !parse_file(file)?.is_some_and(|config| mentions(&config, context)) {
        return Ok(());
    }
    change(file, |config| {
        for list in LISTS {
            if let Some(Value::Array(entries)) = config.get_mut(list) {
                entries.retain(|entry| entry["name"] != json!(context));
            }
        }
        if config.get("current-context") == Some(&json!(context)) {
            config.insert("current-context".to_owned(), json!(""));
        }
    })
}

/// Writes a file that only the user can read, at once or not at all.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_private(file: &Path, text: &str) -> Result<(), KubeconfigFileError> {
    // What a link leads to is replaced, not the link.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|e| failed("create", folder, e))?;
    }
    let half = beside(&target, &format!(".{}.partial", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)
        .and_then(|mut out| out.write_all(text.as_bytes()).and_then(|()| out.sync_all()))
        .and_then(|()| fs::rename(&half, &target));
    written.map_err(|error| {
        if let Err(error) = fs::remove_file(&half) {
            tracing::debug!(%error, "no half file stays");
        }
        failed("write", &target, error)
    })
}

const LISTS: [&str; 3] = ["clusters", "users", "contexts"];

/// Changes the file while nobody else does.
fn change(
    file: &Path,
    edit: impl FnOnce(&mut Map<String, Value>),
) -> Result<(), KubeconfigFileError> {
    let _held = Hold::take(file)?;
    let mut config = parse_file(file)?.unwrap_or_else(|| {
        json!({"apiVersion": "v1", "kind": "Config", "preferences": {}, "clusters": [], "users": [], "contexts": []})
    });
    let object = config.as_object_mut().ok_or_else(|| not_one(file, "it is no mapping"))?;
    edit(object);
    let text =
        kubeconfig::to_text(&config).map_err(|_| not_one(file, "it cannot be written as YAML"))?;
    write_private(file, &text)
}

fn replace(config: &mut Map<String, Value>, list: &str, entry: &Value) {
    let entries = config.entry(list).or_insert_with(|| json!([]));
    if !entries.is_array() {
        *entries = json!([]);
    }
    let Value::Array(entries) = entries else { return };
    match entries.iter_mut().find(|known| known["name"] == entry["name"]) {
        Some(known) => known.clone_from(entry),
        None => entries.push(entry.clone()),
    }
}

fn mentions(config: &Value, context: &str) -> bool {
    LISTS.iter().any(|list| {
        let entries = config[*list].as_array();
        entries.is_some_and(|entries| entries.iter().any(|entry| entry["name"] == json!(context)))
    })
}

/// What the file holds; `None` when there is no file, or nothing in it.
fn parse_file(file: &Path) -> Result<Option<Value>, KubeconfigFileError> {
    let text = match fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => return Ok(None),
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", file, error)),
    };
    parse(file, &text).map(Some)
}

fn parse(file: &Path, text: &str) -> Result<Value, KubeconfigFileError> {
    let config: Value = serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map_or(String::new(), |at| format!(" (line {})", at.line()));
        not_one(file, &format!("it is not YAML{line}"))
    })?;
    if config.is_object() { Ok(config) } else { Err(not_one(file, "it is no mapping")) }
}

/// The lock file that client-go makes beside a kubeconfig.
struct Hold(PathBuf);

impl Hold {
    fn take(file: &Path) -> Result<Self, KubeconfigFileError> {
        let lock = beside(file, ".lock");
        if let Some(folder) = lock.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|e| failed("create", folder, e))?;
        }
        let started = Instant::now();
        loop {
            match OpenOptions::new().write(true).create_new(true).open(&lock) {
                Ok(_) => return Ok(Self(lock)),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed("create", &lock, error));
                }
                Err(_) if started.elapsed() > PATIENCE => {
                    return Err(KubeconfigFileError::Held(lock));
                }
                Err(_) => std::thread::park_timeout(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, lock = %self.0.display(), "the lock of a kubeconfig stays");
        }
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> KubeconfigFileError {
    KubeconfigFileError::File { operation, path: path.to_owned(), source }
}

fn not_one(path: &Path, problem: &str) -> KubeconfigFileError {
    KubeconfigFileError::NoKubeconfig { path: path.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::Value;

    use super::{KubeconfigFileError, merge, remove};

    fn of(name: &str, server: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {name}\n\
             clusters: [{{name: {name}, cluster: {{server: {server}}}}}]\n\
             users: [{{name: {name}, user: {{token: t}}}}]\n\
             contexts: [{{name: {name}, context: {{cluster: {name}, user: {name}}}}}]\n"
        )
    }

    fn read(file: &std::path::Path) -> Value {
        serde_saphyr::from_str(&std::fs::read_to_string(file).expect("a file")).expect("YAML")
    }

    #[test]
    fn entries_come_and_go_and_everything_else_stays() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let file = dir.path().join("deep/config");
        merge(&file, &of("kind-a", "https://one")).expect("a new file");
        let mode = file.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it holds keys");
        let mut text = std::fs::read_to_string(&file).expect("a file");
        text.push_str("x-mine: {kept: true}\n");
        std::fs::write(&file, text).expect("writable");

        merge(&file, &of("kind-b", "https://two")).expect("merged");
        merge(&file, &of("kind-a", "https://three")).expect("merged again");
        let config = read(&file);
        assert_eq!(config["clusters"].as_array().map(Vec::len), Some(2), "{config}");
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://three");
        assert_eq!(
            (&config["current-context"], &config["x-mine"]["kept"]),
            (&"kind-a".into(), &true.into())
        );

        remove(&file, "kind-a").expect("removed");
        remove(&file, "kind-c").expect("nothing to remove");
        let config = read(&file);
        assert_eq!(config["contexts"].as_array().map(Vec::len), Some(1), "{config}");
        assert_eq!(
            (&config["current-context"], &config["users"][0]["name"]),
            (&"".into(), &"kind-b".into())
        );
        let left = std::fs::read_dir(file.parent().expect("a folder")).expect("readable").count();
        assert_eq!(left, 1, "neither lock nor half file stays");
    }

    #[test]
    fn what_is_no_kubeconfig_is_not_touched_and_not_quoted() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let file = dir.path().join("config");
        for text in ["secret: [", "- secret", "secret"] {
            std::fs::write(&file, text).expect("writable");
            let error = merge(&file, &of("kind-a", "https://one")).expect_err(text).to_string();
            assert!(error.contains("no kubeconfig") && !error.contains("secret"), "{error}");
            assert_eq!(std::fs::read_to_string(&file).expect("a file"), text);
        }
    }

    #[test]
    fn a_link_stays_a_link_and_a_held_file_is_waited_for_and_then_told() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let (file, link) = (dir.path().join("config"), dir.path().join("link"));
        std::fs::write(&file, "").expect("writable");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        merge(&link, &of("kind-a", "https://one")).expect("merged");
        assert!(link.symlink_metadata().expect("there").is_symlink());
        assert_eq!(read(&file)["current-context"], "kind-a");

        let lock = dir.path().join("config.lock");
        std::fs::write(&lock, "").expect("writable");
        let held = merge(&file, &of("kind-b", "https://two"));
        assert!(matches!(held, Err(KubeconfigFileError::Held(path)) if path == lock));
        assert!(lock.exists(), "somebody else's lock stays");
    }
}
