//! Which engine is chosen in which surroundings, and what is said when none can be.

use std::collections::BTreeMap;

use super::*;

/// sha256 of `colima`, as the Docker command line names the folder.
const COLIMA: &str = "f24fd3749c1368328e2b149bec149cb6795619f244c5b584e844961215dadd16";

fn choose_with(
    asked_for: Option<&str>,
    variables: &[(&str, &str)],
    files: &[(&str, &str)],
) -> Result<Endpoint, ChoiceError> {
    let variables: BTreeMap<&str, &str> =
        variables.iter().copied().chain([("HOME", "/h")]).collect();
    let environment = DockerEnvironment::from_variables(|name| {
        variables.get(name).map(|value| (*value).to_owned())
    });
    let files: BTreeMap<PathBuf, &str> =
        files.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
    choose(asked_for, &environment, &|path| match files.get(path) {
        Some(text) => Ok(text.as_bytes().to_vec()),
        None => Err(io::ErrorKind::NotFound.into()),
    })
}

fn context_file(host: &str, rest: &str) -> String {
    format!(
        r#"{{"Name":"colima","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}"{rest}}}}}}}"#
    )
}

#[test]
fn the_engine_is_chosen_as_the_docker_command_line_does_it() {
    let meta = format!("/h/.docker/contexts/meta/{COLIMA}/meta.json");
    let socket = context_file("unix:///h/.colima/default/docker.sock", "");
    let current = ("/h/.docker/config.json", r#"{"currentContext":"colima"}"#);
    let context = (meta.as_str(), socket.as_str());
    let elsewhere = format!("/elsewhere/contexts/meta/{COLIMA}/meta.json");
    for (asked_for, variables, files, chosen) in [
        (None, vec![], vec![], "unix:///var/run/docker.sock"),
        (None, vec![("DOCKER_HOST", "")], vec![], "unix:///var/run/docker.sock"),
        (None, vec![("DOCKER_HOST", "ssh://box")], vec![current, context], "ssh://box"),
        (Some("tcp://asked:1"), vec![("DOCKER_HOST", "ssh://box")], vec![], "tcp://asked:1"),
        (
            None,
            vec![("DOCKER_CONTEXT", "colima")],
            vec![context],
            "unix:///h/.colima/default/docker.sock",
        ),
        (None, vec![], vec![current, context], "unix:///h/.colima/default/docker.sock"),
        (
            None,
            vec![("DOCKER_CONTEXT", "default")],
            vec![current, context],
            "unix:///var/run/docker.sock",
        ),
        (
            None,
            vec![("DOCKER_HOST", "ssh://box"), ("DOCKER_CONTEXT", "colima")],
            vec![context],
            "ssh://box",
        ),
        (
            None,
            vec![("DOCKER_CONFIG", "/elsewhere"), ("DOCKER_CONTEXT", "colima")],
            vec![(elsewhere.as_str(), socket.as_str())],
            "unix:///h/.colima/default/docker.sock",
        ),
        (None, vec![], vec![("/h/.docker/config.json", "{}")], "unix:///var/run/docker.sock"),
    ] {
        let found = choose_with(asked_for, &variables, &files);
        let found = found.unwrap_or_else(|error| panic!("{variables:?}: {error}"));
        assert_eq!(found.to_string(), chosen, "{asked_for:?} {variables:?}");
    }
}

#[test]
fn certificates_are_those_of_the_environment_or_of_the_context() {
    let verify = ("DOCKER_TLS_VERIFY", "1");
    let host = ("DOCKER_HOST", "tcp://box");
    let files = |folder: &str| TlsFiles {
        ca: Path::new(folder).join("ca.pem"),
        client: Some(ClientFiles {
            certificate: Path::new(folder).join("cert.pem"),
            key: Path::new(folder).join("key.pem"),
        }),
    };
    let plain = choose_with(None, &[host], &[("/h/.docker/ca.pem", "")]).expect("an endpoint");
    assert_eq!(plain, Endpoint::Tcp { host: "box".to_owned(), port: 2375, tls: None });

    let own = [("/h/.docker/ca.pem", ""), ("/h/.docker/cert.pem", ""), ("/h/.docker/key.pem", "")];
    let found = choose_with(None, &[host, verify], &own).expect("an endpoint");
    let tls = Some(files("/h/.docker"));
    assert_eq!(found, Endpoint::Tcp { host: "box".to_owned(), port: 2376, tls });

    let given = [("/c/ca.pem", "")];
    let found = choose_with(None, &[host, verify, ("DOCKER_CERT_PATH", "/c")], &given);
    let tls = Some(TlsFiles { ca: PathBuf::from("/c/ca.pem"), client: None });
    let expected = Endpoint::Tcp { host: "box".to_owned(), port: 2376, tls };
    assert_eq!(found.expect("an endpoint"), expected, "an engine may ask for no certificate");

    let meta = format!("/h/.docker/contexts/meta/{COLIMA}/meta.json");
    let folder = format!("/h/.docker/contexts/tls/{COLIMA}/docker");
    let text = context_file("tcp://box:2376", r#","SkipTLSVerify":false"#);
    let of_context = ["ca.pem", "cert.pem", "key.pem"].map(|name| format!("{folder}/{name}"));
    let mut all: Vec<(&str, &str)> = of_context.iter().map(|file| (file.as_str(), "")).collect();
    all.push((&meta, &text));
    let found = choose_with(None, &[("DOCKER_CONTEXT", "colima")], &all).expect("an endpoint");
    let tls = Some(files(&folder));
    assert_eq!(found, Endpoint::Tcp { host: "box".to_owned(), port: 2376, tls });
}

#[test]
fn what_cannot_be_is_said_with_where_it_was_read() {
    let meta = format!("/h/.docker/contexts/meta/{COLIMA}/meta.json");
    let skip = context_file("tcp://box:2376", r#","SkipTLSVerify":true"#);
    let pipe = context_file("npipe:////./pipe/docker_engine", "");
    let by_variable = vec![("DOCKER_CONTEXT", "colima")];
    for (variables, files, words) in [
        (vec![("DOCKER_HOST", "npipe://x")], vec![], vec!["DOCKER_HOST: ", "named pipes"]),
        (by_variable.clone(), vec![], vec!["DOCKER_CONTEXT names the context `colima`", &meta]),
        (
            vec![],
            vec![("/h/.docker/config.json", r#"{"currentContext":"colima"}"#)],
            vec!["/h/.docker/config.json names the context `colima`", "docker context ls"],
        ),
        (vec![], vec![("/h/.docker/config.json", "{")], vec!["/h/.docker/config.json at line 1"]),
        (by_variable.clone(), vec![(&meta, "{}")], vec![&meta, "no endpoint `docker`"]),
        (
            by_variable.clone(),
            vec![(&meta, &skip)],
            vec!["skips the check", "docker context update"],
        ),
        (by_variable, vec![(&meta, &pipe)], vec!["`colima`", "named pipes"]),
        (
            vec![
                ("DOCKER_HOST", "tcp://box"),
                ("DOCKER_TLS_VERIFY", "1"),
                ("DOCKER_CERT_PATH", "/c"),
            ],
            vec![("/c/cert.pem", "")],
            vec!["/c/ca.pem does not exist", "DOCKER_CERT_PATH"],
        ),
    ] {
        let error = choose_with(None, &variables, &files).expect_err("it cannot be").to_string();
        assert!(words.iter().all(|words| error.contains(words)), "{words:?} in: {error}");
    }
}

#[test]
fn other_sockets_are_those_of_this_user() {
    let environment = DockerEnvironment {
        home: Some(PathBuf::from("/h")),
        runtime: Some(PathBuf::from("/run/user/7")),
        ..DockerEnvironment::default()
    };
    let sockets = other_sockets(&environment);
    for socket in
        ["/run/user/7/docker.sock", "/h/.docker/run/docker.sock", "/h/.colima/default/docker.sock"]
    {
        assert!(sockets.contains(&PathBuf::from(socket)), "{socket}");
    }
    assert_eq!(other_sockets(&DockerEnvironment::default()), Vec::<PathBuf>::new());
}
