//! Which endpoints are read and how they are shown, and which are refused with which words.

use super::*;

#[test]
fn an_endpoint_is_shown_as_docker_host_has_it() {
    for (text, shown) in [
        ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
        ("unix://", "unix:///var/run/docker.sock"),
        ("tcp://engine.example.test:2376", "tcp://engine.example.test:2376"),
        ("tcp://engine.example.test", "tcp://engine.example.test:2375"),
        ("tcp://", "tcp://localhost:2375"),
        ("tcp://[fd00::1]:2375/", "tcp://[fd00::1]:2375"),
        ("http://10.0.0.1:80", "tcp://10.0.0.1:80"),
        ("ssh://engine.example.test", "ssh://engine.example.test"),
        ("ssh://root@engine.example.test:2222", "ssh://root@engine.example.test:2222"),
        ("ssh://me@[fd00::1]/run/docker.sock", "ssh://me@[fd00::1]/run/docker.sock"),
    ] {
        let endpoint = Endpoint::parse(text).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(endpoint.to_string(), shown, "{text}");
        assert_eq!(Endpoint::parse(shown).as_ref(), Ok(&endpoint), "{shown} is read again");
    }
}

#[test]
fn what_is_no_endpoint_is_refused_with_what_would_be() {
    for (text, words) in [
        ("/var/run/docker.sock", "expected unix:///PATH"),
        ("unix://run/docker.sock", "did you mean unix:///run/docker.sock?"),
        ("npipe:////./pipe/docker_engine", "named pipes exist on Windows alone"),
        ("fd://", "use the socket it listens on"),
        ("tcp://host:port", "`port` is no port"),
        ("tcp://::1:2375", "stands in brackets"),
        ("tcp://[::1:2375", "is not closed"),
        ("tcp://host:2375/path", "no port"),
        ("podman://x", "there is no scheme `podman`"),
        ("ssh://", "names no machine"),
        ("ssh://user:secret@host", "a password has no place"),
        ("ssh://-oProxyCommand=x", "names no machine"),
    ] {
        let problem = Endpoint::parse(text).expect_err(text).to_string();
        assert!(problem.contains(words), "{text}: {problem}");
    }
}

#[test]
fn tls_moves_the_port_that_was_left_out_and_leaves_a_socket_alone() {
    let files = || TlsFiles { ca: PathBuf::from("/certs/ca.pem"), client: None };
    let over_tls = |text: &str| Endpoint::parse(text).expect(text).with_tls(files()).to_string();
    assert_eq!(over_tls("tcp://host"), "tcp://host:2376");
    assert_eq!(over_tls("tcp://host:4243"), "tcp://host:4243");
    assert_eq!(over_tls("unix:///run/docker.sock"), "unix:///run/docker.sock");
}
