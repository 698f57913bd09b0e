//! What can be typed after `gateproof dns`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

/// `gateproof dns`.
#[derive(Debug, Args)]
pub(crate) struct DnsArguments {
    /// A zone to answer for, such as `example.test`; repeatable.
    #[arg(long = "zone", value_name = "NAME", required = true)]
    pub(crate) zones: Vec<String>,
    /// The address of this server that its zones tell.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: IpAddr,
    /// A file with the secret, in base64, that updates are signed with (HMAC-SHA256); without it no
    /// updates are taken.
    #[arg(long, value_name = "PATH")]
    pub(crate) key_file: Option<PathBuf>,
    /// The name of that key.
    #[arg(long, value_name = "NAME", default_value = "gateproof")]
    pub(crate) key_name: String,
    /// The port to listen on, by UDP and TCP, on every address.
    #[arg(long, default_value_t = gateproof_dns::PORT)]
    pub(crate) port: u16,
}
