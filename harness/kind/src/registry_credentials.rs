//! Who we are to a registry: looked up for the one registry that is asked, when it is asked.
//!
//! Speaks to Docker's credential helpers (docker/docker-credential-helpers: the protocol of
//! `get`). What they answer is never logged, and never part of an error.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::docker_config::{CredentialSource, DockerConfig, DockerConfigError, DockerEnvironment};
use crate::image::Credentials;

/// How long a helper may take; it may ask somebody to unlock a keychain.
const HELPER_WITHIN: Duration = Duration::from_secs(30);

/// The user name by which a helper says that the secret is a token (docker/cli:
/// `cli/config/credentials/native_store.go`).
const TOKEN: &str = "<token>";

/// What a helper says when it knows nothing of a registry.
const UNKNOWN: &str = "credentials not found in native keychain";

/// Credentials that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Docker's settings cannot be read.
    #[error(transparent)]
    Settings(#[from] DockerConfigError),
    /// The helper that the settings name does not work.
    #[error(
        "failed to get credentials for {server} from {program}: {problem}; Docker's settings name \
         this program, so repair it or take `credsStore` and `credHelpers` out of config.json"
    )]
    Helper {
        /// The program.
        program: String,
        /// What it was asked for.
        server: String,
        /// What it did instead.
        problem: String,
    },
}

/// Credentials for a registry as Docker's settings have them; `None` when they have none.
///
/// # Errors
///
/// When the settings or the helper they name cannot be used.
pub async fn find(
    registry: &str,
    environment: &DockerEnvironment,
) -> Result<Option<Credentials>, CredentialError> {
    let Some(folder) = environment.config_folder() else { return Ok(None) };
    let settings = DockerConfig::read(&folder, |path| std::fs::read(path))?;
    match settings.credentials(registry) {
        CredentialSource::Nowhere => Ok(None),
        CredentialSource::Settings(credentials) => Ok(Some(credentials)),
        CredentialSource::Helper { program, server } => {
            match ask(&program, &server, environment).await {
                Ok(credentials) => Ok(credentials),
                Err(problem) => Err(CredentialError::Helper { program, server, problem }),
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

async fn ask(
    program: &str,
    server: &str,
    environment: &DockerEnvironment,
) -> Result<Option<Credentials>, String> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(path) = &environment.search_path {
        command.env("PATH", path);
    }
    let mut child = command.kill_on_drop(true).spawn().map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().ok_or("it was started without pipes")?;
    let talk = async {
        stdin.write_all(server.as_bytes()).await?;
        drop(stdin);
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(HELPER_WITHIN, talk)
        .await
        .map_err(|_| format!("it has not answered within {} s", HELPER_WITHIN.as_secs()))?
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        return match said.trim() {
            said if said.contains(UNKNOWN) => Ok(None),
            _ => Err(format!("it ended with {}", output.status)),
        };
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| "its answer is not what a credential helper answers".to_owned())?;
    Ok(match answer {
        Answer { secret, .. } if secret.is_empty() => None,
        Answer { username, secret } if username == TOKEN => {
            Some(Credentials::IdentityToken(secret))
        }
        Answer { username, secret } => {
            Some(Credentials::Password { user: username, password: secret })
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn write_program(folder: &Path, name: &str, script: &str) {
        let file = folder.join(format!("docker-credential-{name}"));
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("it is written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
    }

    #[tokio::test]
    async fn a_helper_is_asked_for_the_one_registry() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = std::env::join_paths([folder.path(), Path::new("/usr/bin"), Path::new("/bin")]);
        let environment = DockerEnvironment {
            config: Some(folder.path().to_owned()),
            search_path: Some(path.expect("a path")),
            ..DockerEnvironment::default()
        };
        let settings = r#"{"credHelpers": {"good.test": "good", "token.test": "token",
            "unknown.test": "unknown", "broken.test": "broken", "absent.test": "absent",
            "chatty.test": "chatty"}}"#;
        std::fs::write(folder.path().join("config.json"), settings).expect("it is written");
        let script = |answer: &str| {
            format!("test \"$1\" = get || exit 3\nread -r server\ncat <<END\n{answer}\nEND")
        };
        let good = r#"{"ServerURL": "$server", "Username": "me@$server", "Secret": "s3cret"}"#;
        write_program(folder.path(), "good", &script(good));
        let token = r#"{"ServerURL": "$server", "Username": "<token>", "Secret": "s3cret"}"#;
        write_program(folder.path(), "token", &script(token));
        write_program(folder.path(), "unknown", &format!("cat >/dev/null; echo {UNKNOWN}; exit 1"));
        write_program(folder.path(), "broken", "cat >/dev/null; echo s3cret; exit 7");
        write_program(folder.path(), "chatty", "cat >/dev/null; echo s3cret");

        let password = Credentials::Password {
            user: "me@good.test".to_owned(),
            password: "s3cret".to_owned(),
        };
        for (registry, expected) in [
            ("good.test", Some(password)),
            ("token.test", Some(Credentials::IdentityToken("s3cret".to_owned()))),
            ("unknown.test", None),
            ("other.test", None),
        ] {
            let found = find(registry, &environment).await;
            let found = found.unwrap_or_else(|error| panic!("{registry}: {error}"));
            assert_eq!(found, expected, "{registry}");
        }
        for (registry, words) in [
            ("broken.test", "it ended with exit status: 7"),
            ("chatty.test", "not what a credential helper answers"),
            ("absent.test", "No such file"),
        ] {
            let error = find(registry, &environment).await.expect_err(registry).to_string();
            assert!(error.contains(words) && error.contains(registry), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
