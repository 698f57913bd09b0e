//! Opens connections to an engine: a socket file, TCP, TLS, or a program's standard streams.
//!
//! Every request gets a connection of its own, as exec and logs take theirs over; so a connection
//! that breaks disturbs one request alone.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_rustls::TlsConnector;

use crate::endpoint::{Endpoint, SshTarget, TlsFiles};

/// Longest time until a connection stands.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);

/// How much of what ssh complains about is kept.
const COMPLAINT_LIMIT: u64 = 4096;

/// A connection to an engine.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Opens connections to one endpoint.
pub(crate) struct Dialer {
    target: Target,
}

enum Target {
    Unix(std::path::PathBuf),
    Tcp { host: String, port: u16, tls: Option<(TlsConnector, ServerName<'static>)> },
    Ssh { target: SshTarget, search_path: Option<OsString> },
}

impl Dialer {
    /// Reads what connections need, such as certificates; connects to nothing. `search_path` is
    /// where `ssh` is looked for instead of this process's own `PATH`.
    pub(crate) fn new(endpoint: &Endpoint, search_path: Option<OsString>) -> io::Result<Self> {
        let target = match endpoint {
            Endpoint::Unix(path) => Target::Unix(path.clone()),
            Endpoint::Tcp { host, port, tls } => Target::Tcp {
                host: host.clone(),
                port: *port,
                tls: tls.as_ref().map(|files| tls_connector(files, host)).transpose()?,
            },
            Endpoint::Ssh(target) => Target::Ssh { target: target.clone(), search_path },
        };
        Ok(Self { target })
    }

    /// Opens a connection.
    pub(crate) async fn dial(&self) -> io::Result<Box<dyn Connection>> {
        match tokio::time::timeout(CONNECT_WITHIN, self.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no connection within {} s", CONNECT_WITHIN.as_secs()),
            )),
        }
    }

    async fn open(&self) -> io::Result<Box<dyn Connection>> {
        match &self.target {
            Target::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Target::Tcp { host, port, tls } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                match tls {
                    None => Ok(Box::new(stream)),
                    Some((connector, name)) => {
                        Ok(Box::new(connector.connect(name.clone(), stream).await?))
                    }
                }
            }
            Target::Ssh { target, search_path } => {
                Ok(Box::new(SshConnection::open(target, search_path.as_ref())?))
            }
        }
    }
}

fn tls_connector(files: &TlsFiles, host: &str) -> io::Result<(TlsConnector, ServerName<'static>)> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca)? {
        roots.add(certificate).map_err(|error| unusable(&files.ca, &error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots);
    let config = match &files.client {
        None => config.with_no_client_auth(),
        Some(client) => {
            let key = PrivateKeyDer::from_pem_file(&client.key)
                .map_err(|error| unusable(&client.key, &error))?;
            config
                .with_client_auth_cert(certificates(&client.certificate)?, key)
                .map_err(|error| unusable(&client.certificate, &error))?
        }
    };
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|error| unusable(file, &error))?.collect();
    let read = read.map_err(|error| unusable(file, &error))?;
    if read.is_empty() {
        return Err(unusable(file, &"it holds no certificate"));
    }
    Ok(read)
}

/// Names the file; what a key's file holds is never part of the message.
fn unusable(file: &Path, problem: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {problem}", file.display()))
}

/// `ssh … docker system dial-stdio`: its standard streams are the connection (docker/cli:
/// `cli/connhelper/connhelper.go`). The process ends with the connection.
struct SshConnection {
    /// `None` once we have said all; closing it is how the other side learns that.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    child: Child,
    complaint: Option<Pin<Box<dyn Future<Output = String> + Send>>>,
    heard: bool,
}

impl SshConnection {
    fn open(target: &SshTarget, search_path: Option<&OsString>) -> io::Result<Self> {
        let mut command = Command::new("ssh");
        command.arg("-o").arg(format!("ConnectTimeout={}", CONNECT_WITHIN.as_secs())).arg("-T");
        // Nobody sits at a keyboard to answer a question about a password or a host key.
        command.arg("-o").arg("BatchMode=yes");
        if let Some(user) = &target.user {
            command.arg("-l").arg(user);
        }
        if let Some(port) = target.port {
            command.arg("-p").arg(port.to_string());
        }
        command.arg("--").arg(&target.host).arg("docker");
        if let Some(socket) = &target.socket {
            command.arg("--host").arg(format!("unix://{socket}"));
        }
        command.args(["system", "dial-stdio"]);
        if let Some(path) = search_path {
            command.env("PATH", path);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("cannot start ssh: {error}")))?;
        let missing = || io::Error::other("ssh was started without pipes");
        let stderr = child.stderr.take().ok_or_else(missing)?;
        Ok(Self {
            stdin: Some(child.stdin.take().ok_or_else(missing)?),
            stdout: child.stdout.take().ok_or_else(missing)?,
            child,
            complaint: Some(Box::pin(complaint(stderr))),
            heard: false,
        })
    }
}

/// What ssh has to say, once it has said it all.
async fn complaint(stderr: tokio::process::ChildStderr) -> String {
    let mut said = Vec::new();
    match stderr.take(COMPLAINT_LIMIT).read_to_end(&mut said).await {
        Ok(_) => String::from_utf8_lossy(&said).trim().replace('\n', "; "),
        Err(error) => format!("what ssh said cannot be read: {error}"),
    }
}

impl AsyncRead for SshConnection {
    /// An end before the first byte is an error in ssh's own words.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.stdout).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.heard = true;
            return Poll::Ready(Ok(()));
        }
        if self.heard {
            return Poll::Ready(Ok(()));
        }
        let Some(complaint) = &mut self.complaint else { return Poll::Ready(Ok(())) };
        let said = std::task::ready!(complaint.as_mut().poll(context));
        self.complaint = None;
        let ended = match self.child.try_wait() {
            Ok(Some(status)) => status.to_string(),
            Ok(None) => "it closed the connection".to_owned(),
            Err(error) => error.to_string(),
        };
        let said = if said.is_empty() { "it said nothing".to_owned() } else { said };
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            format!("ssh gave no connection ({ended}): {said}"),
        )))
    }
}

impl AsyncWrite for SshConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Closes the pipe: the half-close that ends what a command in a container reads.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.as_mut().poll_flush(context))?;
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}
