//! Forms that lead to the server, and what is said of those that do not.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::proxy::{Proxy, Speaks};
use crate::server::Server;

const AUTHORITY: &str = "certificate-authority: authority.crt";

/// The credentials of the admin's kubeconfig: a client certificate and its key.
fn client_certificate(server: &Server) -> String {
    let kubeconfig = server.api.access().admin_kubeconfig();
    let of = |name: &str| {
        let line =
            kubeconfig.lines().find(|line| line.trim().starts_with(name)).expect("it has one");
        line.trim().to_owned()
    };
    format!("{}, {}", of("client-certificate-data:"), of("client-key-data:"))
}

#[tokio::test]
async fn credentials_are_taken_in_every_form() {
    let server = Server::start().await;
    let token = server.api.access().token();
    let inline =
        format!("certificate-authority-data: {}", STANDARD.encode(&server.api.access().authority));
    let credential = format!(
        r#"{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"{token}"}}}}"#
    );
    server.write("credential.json", &credential);
    let plugin = server.write("plugin.sh", "#!/bin/sh\ncat \"$FROM\"\n");
    make_executable(&plugin);
    let from = server.folder().join("credential.json");
    let plugin = |command: &str| {
        format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, command: '{command}', \
             env: [{{name: FROM, value: '{}'}}], interactiveMode: IfAvailable}}",
            from.display()
        )
    };
    for (cluster, user) in [
        (AUTHORITY, format!("token: {token}")),
        (AUTHORITY, "tokenFile: token".to_owned()),
        (&*inline, "tokenFile: token".to_owned()),
        ("insecure-skip-tls-verify: true", "tokenFile: token".to_owned()),
        (&format!("{AUTHORITY}, tls-server-name: localhost"), "tokenFile: token".to_owned()),
        (AUTHORITY, client_certificate(&server)),
        (AUTHORITY, plugin("./plugin.sh")),
    ] {
        let connected = server.connect(cluster, &user).await;
        assert!(connected.is_ok(), "{cluster}, {user}: {}", connected.expect_err("an error"));
    }
}

#[cfg(unix)]
fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("permitted");
}

#[tokio::test]
async fn proxies_of_a_kubeconfig_are_gone_through() {
    let server = Server::start().await;
    for (speaks, scheme) in [(Speaks::Connect, "http"), (Speaks::Socks, "socks5")] {
        let proxy = Proxy::start(speaks).await;
        let cluster = format!("{AUTHORITY}, proxy-url: '{scheme}://{}'", proxy.address);
        let connected = server.connect(&cluster, "tokenFile: token").await.expect("a cluster");
        assert_eq!(connected.place.proxy, Some(proxy.address.to_string()));
        assert!(proxy.passed() > 0, "{scheme}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_in_the_way_is_told_to_be() {
    let server = Server::start().await;
    let refuses = Proxy::start(Speaks::Refuses).await;
    for (scheme, address) in
        [("http", refuses.address.to_string()), ("socks5", "127.0.0.1:1".to_owned())]
    {
        let cluster = format!("{AUTHORITY}, proxy-url: '{scheme}://{address}'");
        let told = server.refused(&cluster, "tokenFile: token").await;
        assert!(told.contains(&format!("through proxy {address})")), "{told}");
        assert!(told.contains("through the proxy\n"), "{told}");
    }
}

#[tokio::test]
async fn refused_credentials_say_of_themselves_what_they_are() {
    let server = Server::start().await;
    let claims = r#"{"exp":1767225600,"sub":"system:serviceaccount:apps:check"}"#;
    let claims = format!("eyJhbGciOiJub25lIn0.{}.c2lnbmVk", URL_SAFE_NO_PAD.encode(claims));
    for (user, part) in [
        ("token: wrong".to_owned(), "a token that says nothing about itself"),
        (
            format!("token: {claims}"),
            "of system:serviceaccount:apps:check, which says that it ends at 2026-01-01T00:00:00Z",
        ),
    ] {
        let told = server.refused(AUTHORITY, &user).await;
        assert!(told.contains("does not accept the credentials"), "{told}");
        assert!(told.contains(part), "{part}: {told}");
        assert!(!told.contains(&claims), "{told}");
    }
    let other = Server::start().await;
    let told = server.refused(AUTHORITY, &client_certificate(&other)).await;
    assert!(told.contains("does not accept the client certificate"), "{told}");
    assert!(
        told.contains("a client certificate of") && told.contains("which holds from"),
        "{told}"
    );
}

#[tokio::test]
async fn a_wrong_authority_is_told_with_what_the_server_shows() {
    let (server, other) = (Server::start().await, Server::start().await);
    server.write("other.crt", &other.api.access().authority);
    let told = server.refused("certificate-authority: other.crt", "tokenFile: token").await;
    assert!(told.contains("authority did not sign"), "{told}");
    for part in [
        "the kubeconfig's authority is CN=",
        "the server shows a certificate of CN=kube-apiserver since",
        "the same name and another key",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[tokio::test]
async fn a_wrong_name_is_told_to_be_wrong() {
    let server = Server::start().await;
    let cluster = format!("{AUTHORITY}, tls-server-name: other.test");
    let told = server.refused(&cluster, "tokenFile: token").await;
    assert!(
        told.contains("a certificate for another name") && told.contains("other.test"),
        "{told}"
    );
}
