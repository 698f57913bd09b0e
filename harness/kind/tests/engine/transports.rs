//! Ways to the engine: TCP, TLS and ssh, each to this machine's own socket.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use gateproof_kind::container::Privileges;
use gateproof_kind::docker_config::DockerEnvironment;
use gateproof_kind::endpoint::{ClientFiles, Endpoint, TlsFiles};
use gateproof_kind::engine::Engine;
use gateproof_kind::engine_facts::EngineLocation;
use gateproof_kind::preflight::Wishes;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::fixture::{Fixture, PATIENCE, command, endpoint};

const SOCKET: &str = "/var/run/docker.sock";

pub(crate) fn every_way(fixture: &Fixture) {
    fixture.run(async {
        let name = fixture.start(fixture.spec("ways", &["/bin/boot"])).await;
        let folder = tempfile::tempdir().expect("a folder");
        let plain = forward(|socket| async { Ok(socket) }).await;
        let authority = Authority::new(folder.path());
        let acceptor = authority.acceptor(folder.path());
        let tls = forward(move |socket| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(socket).await }
        })
        .await;
        let over_tls = Endpoint::parse(&format!("tcp://{tls}")).expect("an endpoint");
        let over_tls = over_tls.with_tls(authority.files());
        let programs = ssh_folder(folder.path());
        for (way, endpoint, search_path) in [
            ("tcp", Endpoint::parse(&format!("tcp://{plain}")).expect("an endpoint"), None),
            ("tls", over_tls, None),
            (
                "ssh",
                Endpoint::parse("ssh://me@engine.example.test:2222").expect("one"),
                Some(programs),
            ),
        ] {
            let engine = Engine::connect(endpoint, search_path.map(Into::into)).await;
            let engine = engine.unwrap_or_else(|error| panic!("{way}: {error}"));
            assert_eq!(engine.api_version(), fixture.engine.api_version(), "{way}");
            // The end of the input has to travel too, or this never ends.
            let mut count = command(&["count"]);
            count.stdin = Some(vec![0; 300_000]);
            let outcome = engine.exec(&name, &count, PATIENCE).await;
            let outcome = outcome.unwrap_or_else(|error| panic!("{way}: {error}"));
            assert_eq!((outcome.exit_code, outcome.stdout), (0, b"300000\n".to_vec()), "{way}");
            let lines = engine.log(&name).await.unwrap_or_else(|error| panic!("{way}: {error}"));
            assert_eq!(lines.len(), 2, "{way}: {lines:?}");
        }
    });
}

pub(crate) fn unreachable(fixture: &Fixture) {
    fixture.run(async {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |file: &str| folder.path().join(file);
        drop(std::os::unix::net::UnixListener::bind(at("stale.sock")).expect("a socket"));
        let authority = Authority::new(folder.path());
        let acceptor = authority.acceptor(folder.path());
        let tls = forward(move |socket| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(socket).await }
        })
        .await;
        let stranger = tempfile::tempdir().expect("a folder");
        let stranger = Authority::new(stranger.path()).files();
        let nobody = TlsFiles { client: None, ..authority.files() };
        let absent = TlsFiles { ca: at("absent.pem"), client: None };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let closed = listener.local_addr().expect("an address");
        drop(listener);
        let tcp = |address: std::net::SocketAddr| {
            Endpoint::parse(&format!("tcp://{address}")).expect("an endpoint")
        };
        let programs = ssh_folder(folder.path());
        let ssh = Endpoint::parse("ssh://down.example.test").expect("an endpoint");
        for (endpoint, search_path, words) in [
            (Endpoint::Unix(at("absent.sock")), None, ["No such file", "install and start Docker"]),
            (Endpoint::Unix(at("stale.sock")), None, ["Connection refused", "start the engine"]),
            (tcp(closed), None, ["Connection refused", "DOCKER_TLS_VERIFY"]),
            (tcp(tls), None, ["", "whether it wants TLS"]),
            (tcp(tls).with_tls(stranger), None, ["invalid peer certificate", "belong to it"]),
            (tcp(tls).with_tls(nobody), None, ["CertificateRequired", "belong to it"]),
            (tcp(tls).with_tls(absent), None, ["absent.pem", "belong to it"]),
            (ssh.clone(), Some(programs), ["port 22: Connection refused", "without a question"]),
            (ssh, Some(at("empty")), ["cannot start ssh", "without a question"]),
        ] {
            let shown = endpoint.to_string();
            let error = Engine::connect(endpoint, search_path.map(Into::into)).await;
            let error = error.expect_err("nobody is there").to_string();
            let start = format!("no Docker engine answers at {shown}: ");
            assert!(error.starts_with(&start), "{error}");
            assert!(words.iter().all(|words| error.contains(words)), "{words:?} in: {error}");
        }
    });
}

pub(crate) fn judged(fixture: &Fixture) {
    fixture.run(async {
        let engine = &fixture.engine;
        let facts = engine.facts().await.expect("facts");
        assert_eq!(facts.api_version, engine.api_version().to_string());
        let wishes =
            Wishes { privileges: &Privileges::Privileged, nodes: 1, kubernetes_minor: None };
        let found = engine.preflight(&facts, &wishes).await;
        let refused = found.iter().any(|problem| problem.to_string().contains("--node-privileges"));
        // The judgement against the deed.
        let mut spec = fixture.spec("privileged", &["/bin/boot"]);
        spec.privileges = Privileges::Privileged;
        engine.create_container(&spec).await.expect("it is created");
        match engine.start_container(&spec.name).await {
            Ok(()) => assert!(!refused, "{found:?}"),
            Err(error) => {
                assert!(error.to_string().contains("--node-privileges"), "{error}");
                assert!(
                    refused || facts.location != EngineLocation::Local,
                    "it was known before: {found:?}"
                );
            }
        }
    });
}

pub(crate) fn opened(fixture: &Fixture) {
    fixture.run(async {
        let home = tempfile::tempdir().expect("a folder");
        let environment = DockerEnvironment {
            home: Some(home.path().to_owned()),
            runtime: Some(home.path().to_owned()),
            ..DockerEnvironment::default()
        };
        let engine = Engine::open(None, &environment).await.expect("the engine of this machine");
        assert_eq!(engine.endpoint(), &endpoint());
        let context = DockerEnvironment { context: Some("nowhere".to_owned()), ..environment };
        let error = Engine::open(None, &context).await.expect_err("no such context").to_string();
        assert!(error.contains("names the context `nowhere`"), "{error}");
        let error = Engine::open(Some("nonsense"), &context).await.expect_err("no endpoint");
        assert!(error.to_string().contains("expected unix:///PATH"), "{error}");
    });
}

/// A folder with a program `ssh`, which is this one.
fn ssh_folder(folder: &Path) -> PathBuf {
    let programs = folder.join("programs");
    std::fs::create_dir(&programs).expect("a folder");
    let this = std::env::current_exe().expect("this program");
    std::os::unix::fs::symlink(this, programs.join("ssh")).expect("a link");
    programs
}

/// What this program does under the name `ssh`: checks what it is asked, and connects.
pub(crate) fn as_ssh() -> Option<ExitCode> {
    let mut arguments = std::env::args();
    let name = arguments.next()?;
    if Path::new(&name).file_name()? != "ssh" {
        return None;
    }
    let asked: Vec<String> = arguments.collect();
    let asked = asked.join(" ");
    let expected = "-o ConnectTimeout=30 -T -o BatchMode=yes -l me -p 2222 -- engine.example.test \
                    docker system dial-stdio";
    if asked != expected {
        let words = format!(
            "ssh: connect to host down.example.test port 22: Connection refused\n({asked})\n"
        );
        io::Write::write_all(&mut io::stderr(), words.as_bytes()).expect("standard error");
        return Some(ExitCode::from(255));
    }
    Some(if dial_stdio().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Joins the standard streams with the engine's socket; over once the engine has said all.
fn dial_stdio() -> io::Result<()> {
    let mut answers = std::os::unix::net::UnixStream::connect(SOCKET)?;
    let mut questions = answers.try_clone()?;
    std::thread::spawn(move || {
        carry(&mut io::stdin().lock(), &mut questions)?;
        questions.shutdown(std::net::Shutdown::Write)
    });
    // Not through the buffer of standard output, which waits for a line's end.
    let mut out = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?);
    carry(&mut answers, &mut out)
}

/// Copies piece by piece. `io::copy` would splice, which on Linux locks the pipe while it waits
/// for the socket, so that whoever reads from the pipe hangs even though there is something.
fn carry(from: &mut impl io::Read, to: &mut impl io::Write) -> io::Result<()> {
    let mut piece = [0; 8192];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(()),
            length => to.write_all(&piece[..length])?,
        }
    }
}

/// Forwards connections to the engine's socket; returns where.
async fn forward<S, Accepted>(
    accept: impl Fn(TcpStream) -> Accepted + Send + 'static,
) -> std::net::SocketAddr
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    Accepted: Future<Output = io::Result<S>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.expect("a connection");
            let accepted = accept(socket);
            tokio::spawn(async move {
                let mut socket = accepted.await?;
                let mut engine = UnixStream::connect(SOCKET).await?;
                copy_bidirectional(&mut socket, &mut engine).await
            });
        }
    });
    address
}

/// Who vouches for the engine and for us.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    ca: PathBuf,
    client: ClientFiles,
}

impl Authority {
    fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let ca = folder.join("ca.pem");
        std::fs::write(&ca, issuer.pem()).expect("it is written");
        let client = issue(&issuer, folder, "client");
        Self { issuer, ca, client }
    }

    fn files(&self) -> TlsFiles {
        TlsFiles { ca: self.ca.clone(), client: Some(self.client.clone()) }
    }

    /// A server that wants a certificate of ours.
    fn acceptor(&self, folder: &Path) -> TlsAcceptor {
        let server = issue(&self.issuer, folder, "127.0.0.1");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&provider),
        );
        let certificate = CertificateDer::from_pem_file(&server.certificate).expect("one");
        let key = PrivateKeyDer::from_pem_file(&server.key).expect("a key");
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![certificate], key)
            .expect("a configuration");
        TlsAcceptor::from(Arc::new(config))
    }
}

fn issue(issuer: &CertifiedIssuer<'static, KeyPair>, folder: &Path, name: &str) -> ClientFiles {
    let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    let files = ClientFiles {
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}-key.pem")),
    };
    std::fs::write(&files.certificate, certificate.pem()).expect("it is written");
    std::fs::write(&files.key, key.serialize_pem()).expect("it is written");
    files
}
