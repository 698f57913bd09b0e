//! Claims about the addresses of a load balancer: connect to every listener port there.

use gateproof_core::judge;
use gateproof_core::scenario::AddressesClaim;

use super::place::{self, Unreadable};
use super::rounds::{self, Misfits, Policy, Round};
use super::{Circumstances, Decided, Progress, tcp};

pub(super) async fn decide(
    circumstances: &Circumstances<'_>,
    claim: &AddressesClaim,
    progress: Progress<'_>,
) -> Decided {
    let policy = Policy { in_a_row: 6, hold: None, misfits: Misfits::on(circumstances.cluster) };
    rounds::decide(circumstances.deadline, policy, progress, async || {
        look(circumstances, claim).await.unwrap_or_else(|failure| Round::without(*failure))
    })
    .await
}

async fn look(
    circumstances: &Circumstances<'_>,
    claim: &AddressesClaim,
) -> Result<Round, Unreadable> {
    let now = place::gateway_now(circumstances, &claim.gateway).await?;
    let points = now.site().addresses().map_err(|none| Box::new(none.failure()))?;
    let observed = tcp::connect_points(circumstances, points).await?;
    let judgement = judge::addresses(&observed);
    Ok(Round { judgement, evidence: tcp::evidence(observed) })
}
