//! The load balancer before several control planes: told where they are, before the first of them
//! starts, because kubeadm itself reaches the API server through it.

use std::time::Duration;

use gateproof_kubernetes::wait::{self, Poll};

use super::node_command::NodeShell;
use super::{Progress, Seen};
use crate::engine::Engine;
use crate::plan::load_balancer::{LoadBalancerPlan, WRITTEN_LAST};
use crate::settings::Deadlines;

/// Between two looks for the files of the load balancer's own start.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Puts the load balancer's configuration in force.
pub(crate) async fn configure(
    engine: &Engine,
    plan: &LoadBalancerPlan,
    deadlines: &Deadlines,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    let shell = NodeShell::new(engine, &plan.container);
    // Its start writes empty files where there are none; one that comes after ours would win.
    wait::until(
        deadlines.boot,
        LOOK_EVERY,
        |missing| progress.awaiting(missing),
        || async {
            match engine.read_file(shell.container(), WRITTEN_LAST, deadlines.command).await {
                Ok(_) => Poll::Ready(()),
                // Commands in a container that has ended are a conflict.
                Err(error) if error.is_conflict() || error.is_not_found() => {
                    Poll::Never { why: error.to_string() }
                }
                Err(error) => Poll::NotYet {
                    missing: format!("its start has not written {WRITTEN_LAST} yet ({error})"),
                },
            }
        },
    )
    .await?;
    for file in &plan.files {
        shell.write(&file.path, file.content.as_bytes(), deadlines.command).await?;
    }
    shell.run(plan.activate.clone(), None, deadlines.command).await?;
    Ok(())
}
