//! What a container would run: which servers on which ports. Decided from the pod, its environment
//! and its files alone.
//!
//! The Gateway API's echo server goes by its environment (kubernetes-sigs/gateway-api v1.6.1
//! `conformance/echo-basic`: `echo-basic.go`, `grpc/grpc.go`, `tcpserver/tcpserver.go`,
//! `udpechoserver/udpechoserver.go`); its own declared ports do not matter.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::pebble::Pebble;
use super::responder::{Answers, ChallengeAnswer};
use crate::controllers::kubernetes::container_image::ContainerImage;
use crate::controllers::kubernetes::pod;
use crate::controllers::object::items;
use gateproof_dns::{Algorithm, SharedKey, Zone};
use gateproof_echo::datagram::DatagramApplication;
use gateproof_echo::{Application, TlsIdentity};

/// One server of a container.
#[derive(Debug, Clone)]
pub(super) struct Listener {
    /// The ports it serves, in the cluster's terms.
    pub(super) ports: BTreeSet<u16>,
    /// What it does there.
    pub(super) service: Service,
}

/// What a server does.
#[derive(Debug, Clone)]
pub(super) enum Service {
    /// Connections.
    Stream(Application, Option<TlsIdentity>),
    /// Datagrams.
    Datagram(DatagramApplication),
    /// Requests of HTTP with answers that are known when the pod starts.
    Answers(Answers),
    /// Questions and updates of DNS, by UDP and TCP.
    Names(Vec<Zone>, Option<SharedKey>),
}

/// The servers of a container, or why it would not start. `file` reads a file of its volumes.
pub(super) fn listeners(
    pod: &Value,
    container: &Value,
    image: ContainerImage,
    file: &dyn Fn(&str) -> Result<Vec<u8>, String>,
) -> Result<Vec<Listener>, String> {
    let environment = Environment { pod, container, file };
    match image {
        ContainerImage::CoreDns => {
            Ok(vec![Listener::new(53, Service::Datagram(DatagramApplication::Names))])
        }
        ContainerImage::EchoBasic => environment.echo_basic(),
        ContainerImage::AcmeSolver => solver(container),
        ContainerImage::Pebble => pebble(container, file),
        ContainerImage::EchoAdvanced => Ok(echo_advanced(container)),
        ContainerImage::GateproofEcho if is_name_server(container) => name_server(container, file),
        _ => Ok(vec![Listener {
            ports: pod::echo_ports(pod, container),
            service: Service::Stream(Application::Http, None),
        }]),
    }
}

/// cert-manager's solver goes by its arguments (cert-manager 1.21 `pkg/issuer/acme/http/pod.go`).
fn solver(container: &Value) -> Result<Vec<Listener>, String> {
    let argument = |name: &str| {
        let mut arguments = items(container, "/args").iter().filter_map(Value::as_str);
        let value = arguments.find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
        value.map(str::to_owned).ok_or_else(|| format!("argument {name} is missing"))
    };
    let port = argument("--listen-port")?;
    let port = port.parse().map_err(|_| format!("--listen-port: expected a port: {port:?}"))?;
    let answer = ChallengeAnswer {
        domain: argument("--domain")?,
        token: argument("--token")?,
        key: argument("--key")?,
    };
    Ok(vec![Listener::new(port, Service::Answers(Answers::Challenge(answer)))])
}

/// Whether a container of Gateproof's own image is started as `gateproof dns`.
fn is_name_server(container: &Value) -> bool {
    items(container, "/args").first().and_then(Value::as_str) == Some("dns")
}

/// `gateproof dns` goes by its arguments, each as `--name=value`.
fn name_server(
    container: &Value,
    file: &dyn Fn(&str) -> Result<Vec<u8>, String>,
) -> Result<Vec<Listener>, String> {
    let arguments = || items(container, "/args").iter().filter_map(Value::as_str);
    let values = |name: &'static str| {
        arguments().filter_map(move |argument| argument.strip_prefix(name)?.strip_prefix('='))
    };
    let value = |name: &'static str| values(name).next();
    let address = value("--address").ok_or("argument --address is missing")?;
    let address =
        address.parse().map_err(|_| format!("--address: expected an address: {address:?}"))?;
    let zones: Vec<Zone> = values("--zone")
        .map(|zone| Zone::new(zone, address).map_err(|why| format!("--zone: {why}")))
        .collect::<Result<_, _>>()?;
    let port = value("--port").unwrap_or("53");
    let port = port.parse().map_err(|_| format!("--port: expected a port: {port:?}"))?;
    let key = value("--key-file").map(|path| {
        let secret = String::from_utf8_lossy(&file(path)?).into_owned();
        let name = value("--key-name").unwrap_or("gateproof");
        SharedKey::new(name, Algorithm::Sha256, &secret)
            .map_err(|why| format!("--key-file: {path}: {why}"))
    });
    Ok(vec![Listener::new(port, Service::Names(zones, key.transpose()?))])
}

/// Pebble goes by the file that `-config` names.
fn pebble(
    container: &Value,
    file: &dyn Fn(&str) -> Result<Vec<u8>, String>,
) -> Result<Vec<Listener>, String> {
    let arguments: Vec<&str> = items(container, "/args").iter().filter_map(Value::as_str).collect();
    let path = arguments
        .windows(2)
        .find_map(|pair| matches!(pair[0], "-config" | "--config").then_some(pair[1]))
        .ok_or("argument -config is missing")?;
    let resolver = arguments
        .windows(2)
        .find_map(|pair| matches!(pair[0], "-dnsserver" | "--dnsserver").then_some(pair[1]))
        .map(|at| at.parse().map_err(|_| format!("-dnsserver: expected address and port: {at:?}")))
        .transpose()?;
    let pebble = Pebble::start(&file(path)?, resolver).map_err(|why| format!("{path}: {why}"))?;
    let pebble = Arc::new(pebble);
    let parts = [
        (pebble.directory_port(), Answers::Directory(Arc::clone(&pebble))),
        (pebble.management_port(), Answers::Management(Arc::clone(&pebble))),
    ];
    Ok(parts.into_iter().map(|(port, it)| Listener::new(port, Service::Answers(it))).collect())
}

/// The ports of `--port=`, `--grpc=` and `--tcp=`, without TLS: enough to be ready. What the mesh
/// would do with them is not modelled, and the answers are those of the other echo server.
fn echo_advanced(container: &Value) -> Vec<Listener> {
    let arguments = || items(container, "/args").iter().filter_map(Value::as_str);
    let value = |argument: &str, name: &str| argument.strip_prefix(name)?.parse::<u16>().ok();
    let secured: BTreeSet<u16> = arguments().filter_map(|a| value(a, "--tls=")).collect();
    [("--port=", Application::Http), ("--grpc=", Application::Grpc), ("--tcp=", Application::Lines)]
        .into_iter()
        .flat_map(|(name, application)| arguments().map(move |a| (value(a, name), application)))
        .filter_map(|(port, application)| Some((port?, application)))
        .filter(|(port, _)| !secured.contains(port))
        .map(|(port, application)| Listener::new(port, Service::Stream(application, None)))
        .collect()
}

impl Listener {
    fn new(port: u16, service: Service) -> Self {
        Self { ports: BTreeSet::from([port]), service }
    }
}

struct Environment<'a> {
    pod: &'a Value,
    container: &'a Value,
    file: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
}

impl Environment<'_> {
    fn get(&self, name: &str) -> Option<String> {
        pod::environment(self.pod, self.container, name).filter(|value| !value.is_empty())
    }

    fn port(&self, name: &str, usual: u16) -> Result<u16, String> {
        let Some(value) = self.get(name) else { return Ok(usual) };
        value.parse().map_err(|_| format!("{name}: expected a port, found {value:?}"))
    }

    fn echo_basic(&self) -> Result<Vec<Listener>, String> {
        if self.get("GRPC_ECHO_SERVER").is_some() {
            return self.streams(
                Application::Grpc,
                "TLS_SERVER_PRIV_KEY",
                ("HTTP_PORT", "HTTPS_PORT"),
                &["h2"],
            );
        }
        if self.get("TCP_ECHO_SERVER").is_some() {
            return self.streams(
                Application::Lines,
                "TLS_SERVER_PRIV_KEY",
                ("TCP_PORT", "TLS_PORT"),
                &[],
            );
        }
        if self.get("UDP_ECHO_SERVER").is_some() {
            let service = Service::Datagram(DatagramApplication::Echo);
            return Ok(vec![Listener::new(self.port("UDP_PORT", 8080)?, service)]);
        }
        let protocols = ["h2", "http/1.1"];
        let mut listeners = self.streams(
            Application::Http1,
            "TLS_SERVER_PRIVKEY",
            ("HTTP_PORT", "HTTPS_PORT"),
            &protocols,
        )?;
        let h2c = Service::Stream(Application::H2c, None);
        listeners.push(Listener::new(self.port("H2C_PORT", 3001)?, h2c));
        Ok(listeners)
    }

    /// A server without TLS, and one with it if there are a certificate and a key.
    fn streams(
        &self,
        application: Application,
        key: &str,
        (plain, secure): (&str, &str),
        protocols: &[&str],
    ) -> Result<Vec<Listener>, String> {
        let service = Service::Stream(application, None);
        let mut listeners = vec![Listener::new(self.port(plain, 3000)?, service)];
        if let (Some(chain), Some(key)) = (self.get("TLS_SERVER_CERT"), self.get(key)) {
            let (chain_pem, key_pem) = ((self.file)(&chain)?, (self.file)(&key)?);
            let identity = TlsIdentity::from_pem(&chain_pem, &key_pem, protocols)
                .map_err(|error| format!("TLS with {chain} and {key}: {error}"))?;
            let service = Service::Stream(application, Some(identity));
            listeners.push(Listener::new(self.port(secure, 8443)?, service));
        }
        Ok(listeners)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Service, listeners};
    use crate::controllers::kubernetes::pod;

    /// Ports with what is spoken there, sorted; or the reason there are none.
    fn plan(image: &str, environment: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let variables: Vec<Value> =
            environment.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let pod = json!({
            "metadata": {"name": "web-0", "namespace": "apps"},
            "spec": {"containers": [{"image": image, "env": variables}]},
        });
        let (container, image) = pod::echo_container(&pod).expect("an image that runs here");
        let key = rcgen::generate_simple_self_signed(["a.test".to_owned()]).expect("a certificate");
        let file = |path: &str| match path {
            "/crt" => Ok(key.cert.pem().into_bytes()),
            "/key" => Ok(key.signing_key.serialize_pem().into_bytes()),
            other => Err(format!("no file {other}")),
        };
        let mut shown: Vec<String> = listeners(&pod, container, image, &file)?
            .into_iter()
            .flat_map(|listener| {
                let what = match &listener.service {
                    Service::Stream(application, None) => format!("{application:?}"),
                    Service::Stream(application, Some(_)) => format!("{application:?} over TLS"),
                    Service::Datagram(application) => format!("UDP {application:?}"),
                    Service::Answers(_) => "answers".to_owned(),
                    Service::Names(zones, key) => {
                        format!("DNS of {} zones, key {}", zones.len(), key.is_some())
                    }
                };
                listener.ports.into_iter().map(move |port| format!("{port} {what}"))
            })
            .collect();
        shown.sort();
        Ok(shown)
    }

    #[test]
    fn the_environment_says_what_echo_basic_serves() {
        let image = "x/echo-basic:v1";
        let found = |environment: &[(&str, &str)]| plan(image, environment).expect("it starts");
        assert_eq!(found(&[]), ["3000 Http1", "3001 H2c"]);
        assert_eq!(found(&[("HTTP_PORT", "80"), ("H2C_PORT", "81")]), ["80 Http1", "81 H2c"]);
        let tls = [("TLS_SERVER_CERT", "/crt"), ("TLS_SERVER_PRIVKEY", "/key")];
        assert_eq!(found(&tls), ["3000 Http1", "3001 H2c", "8443 Http1 over TLS"]);
        assert_eq!(found(&[("GRPC_ECHO_SERVER", "1")]), ["3000 Grpc"]);
        assert_eq!(found(&[("GRPC_ECHO_SERVER", "")]), ["3000 Http1", "3001 H2c"]);
        let lines = [
            ("TCP_ECHO_SERVER", "1"),
            ("TLS_SERVER_CERT", "/crt"),
            ("TLS_SERVER_PRIV_KEY", "/key"),
        ];
        assert_eq!(found(&lines), ["3000 Lines", "8443 Lines over TLS"]);
        assert_eq!(found(&[("UDP_ECHO_SERVER", "1")]), ["8080 UDP Echo"]);
        assert_eq!(plan("x/coredns/coredns", &[]).expect("it starts"), ["53 UDP Names"]);
        assert_eq!(plan("x/gateproof/echo", &[]).expect("it starts"), ["3000 Http"]);
    }

    #[test]
    fn arguments_say_which_zones_a_name_server_has() {
        let started = |args: &[&str]| {
            let container = json!({"args": args});
            let file = |path: &str| match path {
                "/key" => Ok(b"c2VjcmV0".to_vec()),
                other => Err(format!("no file {other}")),
            };
            assert!(super::is_name_server(&container));
            let listeners = super::name_server(&container, &file)?;
            let [listener] = &listeners[..] else { panic!("one server") };
            let Service::Names(zones, key) = &listener.service else { panic!("a name server") };
            Ok::<_, String>((listener.ports.clone(), zones.len(), key.is_some()))
        };
        let both = ["dns", "--zone=a.test", "--zone=b.test", "--address=10.96.0.7", "--port=5353"];
        assert_eq!(started(&both), Ok(([5353].into(), 2, false)));
        let keyed = ["dns", "--zone=a.test", "--address=10.96.0.7", "--key-file=/key"];
        assert_eq!(started(&keyed), Ok(([53].into(), 1, true)));
        for (args, part) in [
            (&["dns", "--zone=a.test"][..], "--address is missing"),
            (&["dns", "--zone=a..test", "--address=10.96.0.7"], "\"a..test\" is no name"),
            (&["dns", "--address=10.96.0.7", "--key-file=/none"], "no file /none"),
            (&["dns", "--address=10.96.0.7", "--port=dns"], "expected a port"),
        ] {
            let problem = started(args).expect_err("a reason");
            assert!(problem.contains(part), "{problem}");
        }
        assert!(!super::is_name_server(&json!({"args": ["echo"]})));
        assert!(!super::is_name_server(&json!({})));
    }

    #[test]
    fn arguments_say_what_echo_advanced_serves_without_tls() {
        let container = json!({"args": [
            "--tcp=9090", "--port=8080", "--grpc=7070", "--port=8443", "--tls=8443", "--crt=/c",
        ]});
        let mut ports: Vec<_> = super::echo_advanced(&container)
            .into_iter()
            .flat_map(|listener| listener.ports)
            .collect();
        ports.sort_unstable();
        assert_eq!(ports, [7070, 8080, 9090]);
        assert!(super::echo_advanced(&json!({})).is_empty());
    }

    #[test]
    fn what_cannot_start_says_why() {
        let image = "x/echo-basic:v1";
        let problem =
            |environment: &[(&str, &str)]| plan(image, environment).expect_err("a reason");
        assert!(problem(&[("HTTP_PORT", "web")]).contains("HTTP_PORT: expected a port"));
        let missing = [("TLS_SERVER_CERT", "/none"), ("TLS_SERVER_PRIVKEY", "/key")];
        assert_eq!(problem(&missing), "no file /none");
        let swapped = [("TLS_SERVER_CERT", "/key"), ("TLS_SERVER_PRIVKEY", "/crt")];
        let message = problem(&swapped);
        assert!(message.contains("no PEM chain") && !message.contains("BEGIN"), "{message}");
    }
}
