//! Waiting until the API server has every node with its addresses.
//!
//! Nodes are not ready before there is a network plug-in; that wait belongs to the stack.

use std::time::Duration;

use gateproof_core::cluster::Node;
use gateproof_kubernetes::Client;
use gateproof_kubernetes::wait::{self, Poll};

use super::{Progress, Seen};
use crate::container::ContainerState;
use crate::nodes::{self, NodeProblem};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits for the nodes of these containers.
pub(crate) async fn register(
    client: &Client,
    cluster: &str,
    containers: &[ContainerState],
    deadline: Duration,
    progress: &Progress<'_>,
) -> Result<Vec<Node>, Seen> {
    let look = || async {
        let objects = match client.list("v1", "Node", None).await {
            Ok(objects) => objects,
            // Right after its start an API server refuses what it will allow a moment later.
            Err(error) => return Poll::NotYet { missing: error.to_string() },
        };
        match nodes::read(cluster, containers, &objects) {
            Ok(nodes) => Poll::Ready(nodes),
            Err(problems) => {
                let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
                let missing = words.join("; ");
                if problems.iter().any(|problem| matches!(problem, NodeProblem::Stranger { .. })) {
                    Poll::Never { why: missing }
                } else {
                    Poll::NotYet { missing }
                }
            }
        }
    };
    Ok(wait::until(deadline, LOOK_EVERY, |missing| progress.awaiting(missing), look).await?)
}
