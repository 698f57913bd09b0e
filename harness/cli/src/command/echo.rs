//! `gateproof echo`: the backend of scenarios, alone in a container.

use anyhow::Context;
use gateproof_echo::pod;

use super::CommandError;
use crate::environment::variable;

pub(crate) fn run(port: u16) -> Result<u8, CommandError> {
    let runtime = super::threaded_runtime()?;
    runtime
        .block_on(async {
            let server = pod::listen(pod::identity(variable), port).await?;
            pod::until_told_to_end().await.context("await signals")?;
            server.shutdown().await;
            anyhow::Ok(())
        })
        .context("the echo server failed")?;
    Ok(0)
}
