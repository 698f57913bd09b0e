//! `gateproof prober`: asks sockets for a gateproof elsewhere, over the standard streams.

use anyhow::Context;

use super::CommandError;

pub(crate) fn run() -> Result<u8, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    let served =
        runtime.block_on(gateproof_probe::prober::serve(tokio::io::stdin(), tokio::io::stdout()));
    // A thread may still wait for standard input.
    runtime.shutdown_background();
    served.context("the prober failed").map_err(CommandError::Infrastructure)?;
    Ok(0)
}
