//! `gateproof dns`: the name server of trials with DNS-01, alone in a container.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context;
use gateproof_dns::{Algorithm, Authority, NameServer, SharedKey, Zone};
use gateproof_echo::pod;

use super::CommandError;
use crate::arguments::dns::DnsArguments;

pub(crate) fn run(arguments: &DnsArguments) -> Result<u8, CommandError> {
    let authority = authority(arguments)?;
    let runtime = super::threaded_runtime()?;
    runtime
        .block_on(async {
            let server = listen(authority, arguments.port).await?;
            pod::until_told_to_end().await.context("await signals")?;
            drop(server);
            anyhow::Ok(())
        })
        .context("the name server failed")?;
    Ok(0)
}

/// What was asked for, with all mistakes together.
fn authority(arguments: &DnsArguments) -> Result<Authority, CommandError> {
    let mut mistakes = Vec::new();
    let mut zones = Vec::new();
    for apex in &arguments.zones {
        match Zone::new(apex, arguments.address) {
            Ok(zone) => zones.push(zone),
            Err(error) => mistakes.push(format!("--zone: {error}")),
        }
    }
    let key = arguments.key_file.as_ref().map(|path| {
        let secret = fs::read_to_string(path)
            .map_err(|error| format!("--key-file: {}: {error}", path.display()))?;
        SharedKey::new(&arguments.key_name, Algorithm::Sha256, &secret)
            .map_err(|error| format!("--key-file: {}: {error}", path.display()))
    });
    match key.transpose() {
        Ok(key) if mistakes.is_empty() => Ok(Authority::new(zones, key)),
        Ok(_) => Err(CommandError::Usage(mistakes.join("\nerror: "))),
        Err(error) => {
            mistakes.push(error);
            Err(CommandError::Usage(mistakes.join("\nerror: ")))
        }
    }
}

/// Listens on every address, of both families where the machine has both.
async fn listen(authority: Authority, port: u16) -> anyhow::Result<NameServer> {
    let log: gateproof_dns::Log = std::sync::Arc::new(|line| super::tell(&format!("{line}\n")));
    let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let address = match tokio::net::TcpListener::bind(both).await {
        Ok(_) => both,
        // Without IPv6 there is no such address.
        Err(_) => SocketAddr::from((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)),
    };
    Ok(NameServer::start(address, authority, Some(log)).await?)
}
