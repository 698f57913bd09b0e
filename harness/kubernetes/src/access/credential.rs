//! Credentials: what they say about themselves, and plugins that hand them out.
//!
//! A plugin is a program of the user's; the client library runs it without a limit and on the
//! caller's thread, so that happens on a thread of its own here, and only so long is waited for it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gateproof_core::redaction;
use gateproof_probe::describe_certificate;
use kube::Config;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::kubeconfig::{Person, told};
use crate::error::in_words;

/// How long a plugin may take that nobody is asked by.
const PLUGIN_WITHIN: Duration = Duration::from_secs(30);
/// How long one may take that asks a person, perhaps in a browser.
const PERSON_WITHIN: Duration = Duration::from_mins(3);

/// Where a plugin may ask somebody, or why it cannot be run.
pub(super) fn settle(exec: &mut ExecConfig, person: Person) -> Result<(), String> {
    match (person, &exec.interactive_mode) {
        (Person::There, _) | (Person::Absent, Some(ExecInteractiveMode::Never)) => Ok(()),
        (Person::Absent, None | Some(ExecInteractiveMode::IfAvailable)) => {
            exec.interactive_mode = Some(ExecInteractiveMode::Never);
            Ok(())
        }
        (Person::Absent, Some(ExecInteractiveMode::Always)) => Err(format!(
            "the credential plugin {} asks at a terminal (`interactiveMode: Always`), and there is none here",
            plugin(exec)
        )),
    }
}

/// Reads a file with a token that has white space around the token, as editors leave it, the way
/// kubectl does. Others are left to the client library, which reads them again when they change.
pub(super) fn tidy_token_file(user: &mut AuthInfo) -> Result<(), String> {
    let Some(path) = user.token_file.clone().filter(|_| user.token.is_none()) else {
        return Ok(());
    };
    let unreadable =
        |error: &dyn std::fmt::Display| format!("failed to read token file {path}: {error}");
    let written = std::fs::read_to_string(&path).map_err(|error| unreadable(&error))?;
    let token = written.trim();
    if token.is_empty() {
        return Err(unreadable(&"it is empty"));
    }
    if token.len() < written.len() {
        // The only way to the library's type for secrets that needs no crate of its own.
        let tidy = serde_json::from_value::<AuthInfo>(serde_json::json!({"token": token}));
        user.token = tidy.map_err(|error| unreadable(&error))?.token;
        user.token_file = None;
    }
    Ok(())
}

/// Makes the client, which runs the plugin when there is one.
pub(super) async fn client(config: Config, person: Person) -> Result<kube::Client, String> {
    let Some(exec) = config.auth_info.exec.clone() else {
        return kube::Client::try_from(config).map_err(|error| words(&error));
    };
    let within = match person {
        Person::There => PERSON_WITHIN,
        Person::Absent => PLUGIN_WITHIN,
    };
    from_plugin(config, &exec, within).await
}

async fn from_plugin(
    config: Config,
    exec: &ExecConfig,
    within: Duration,
) -> Result<kube::Client, String> {
    let (sender, receiver) = oneshot::channel();
    let runtime = Handle::current();
    let running =
        std::thread::Builder::new().name("credential-plugin".to_owned()).spawn(move || {
            let _inside = runtime.enter();
            let made = kube::Client::try_from(config);
            // Whoever waited may have given up.
            drop(sender.send(made.map_err(|error| words(&error))));
        });
    running.map_err(|error| format!("no thread for the credential plugin: {error}"))?;
    let words = match timeout(within, receiver).await {
        Ok(Ok(Ok(client))) => return Ok(client),
        Ok(Ok(Err(words))) => words,
        Ok(Err(_)) => format!("the credential plugin {} gave no answer", plugin(exec)),
        Err(_) => format!(
            "the credential plugin {} had not ended after {} s",
            plugin(exec),
            within.as_secs_f64()
        ),
    };
    let hint = exec.install_hint.as_deref().map(|hint| hint.trim().replace('\n', " "));
    let hint = hint.filter(|hint| words.contains("cannot be started") && !hint.is_empty());
    let named = if words.contains(&plugin(exec)) {
        words
    } else {
        words.replacen(
            "the credential plugin",
            &format!("the credential plugin {}", plugin(exec)),
            1,
        )
    };
    Err(hint.map_or(named.clone(), |hint| format!("{named} The kubeconfig says: {hint}")))
}

/// Why no client could be made.
fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::InferKubeconfig(error) => told(error),
        other => in_words(other),
    }
}

/// The plugin as messages name it, without its arguments, which may hold secrets.
fn plugin(exec: &ExecConfig) -> String {
    format!("`{}`", exec.command.as_deref().unwrap_or("(none)"))
}

/// What credentials say about themselves, such as until when they hold: what a server that refuses
/// them does not say. Nothing secret is in it.
pub(super) fn about(user: &AuthInfo) -> Option<String> {
    if let Some(exec) = &user.exec {
        return Some(format!("they are what the plugin {} gave", plugin(exec)));
    }
    // Secrets do not leave this function.
    let user = serde_json::to_value(user).ok()?;
    let text = |name: &str| user.get(name).and_then(Value::as_str).map(str::to_owned);
    let file = |name: &str| text(name).and_then(|path| std::fs::read(path).ok());
    if let Some(token) =
        text("token").or_else(|| file("tokenFile").and_then(|read| String::from_utf8(read).ok()))
    {
        return Some(of_token(token.trim()));
    }
    let inline = text("client-certificate-data").and_then(|data| STANDARD.decode(data).ok());
    of_certificate(&inline.or_else(|| file("client-certificate"))?)
}

fn of_certificate(pem: &[u8]) -> Option<String> {
    let der = CertificateDer::from_pem_slice(pem).ok()?;
    let seen = describe_certificate(&der);
    Some(format!(
        "they are a client certificate of {}, which holds from {} to {}",
        seen.subject, seen.not_before, seen.not_after
    ))
}

/// A token of a service account or an identity provider says whose it is and when it ends
/// (RFC 7519); of any other nothing is known.
fn of_token(token: &str) -> String {
    let claims = token
        .split('.')
        .nth(1)
        .and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok())
        .and_then(|octets| serde_json::from_slice::<Value>(&octets).ok());
    let Some(claims) = claims else {
        return "they are a token that says nothing about itself".to_owned();
    };
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or("an unnamed subject");
    let subject = redaction::text(subject);
    let ends = claims.get("exp").and_then(Value::as_i64).and_then(rfc3339);
    match ends {
        Some(ends) => format!("they are a token of {subject}, which says that it ends at {ends}"),
        None => format!("they are a token of {subject}, which says nothing of its end"),
    }
}

fn rfc3339(seconds: i64) -> Option<String> {
    let at = k8s_openapi::jiff::Timestamp::from_second(seconds).ok()?;
    Some(at.to_string())
}
