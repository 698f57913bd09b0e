//! Claims about objects: read, judge, repeat until they hold.

use gateproof_core::event::Evidence;
use gateproof_core::judge;
use gateproof_core::scenario::{Claim, ObjectRef, ServiceRef};
use gateproof_core::verdict::Judgement;
use serde_json::Value;

use super::place;
use super::rounds::{self, Misfits, Policy, Round};
use super::{Circumstances, Decided, Progress};

pub(super) async fn decide(
    circumstances: &Circumstances<'_>,
    claim: &Claim,
    progress: Progress<'_>,
) -> Decided {
    let policy = Policy { in_a_row: 1, hold: None, misfits: Misfits::Settle };
    rounds::decide(circumstances.deadline, policy, progress, async || {
        match look(circumstances, claim).await {
            Ok(judgement) => Round { judgement, evidence: Evidence::default() },
            Err(failure) => Round::without(*failure),
        }
    })
    .await
}

async fn look(
    circumstances: &Circumstances<'_>,
    claim: &Claim,
) -> Result<Judgement, place::Unreadable> {
    let client = circumstances.cluster.client();
    let get = async |object: ObjectRef| -> Result<Option<Value>, place::Unreadable> {
        place::read(&client, &object).await
    };
    Ok(match claim {
        Claim::Gateway(claim) => {
            let object = get(place::gateway_ref(&claim.gateway)).await?;
            judge::gateway(claim, object.as_ref())
        }
        Claim::Route(claim) => {
            let object = get(place::route_ref(&claim.route)).await?;
            judge::route(claim, object.as_ref())
        }
        Claim::Routes(claim) => judge::routes(claim, &place::routes(&client).await?),
        Claim::Service(claim) => {
            let object = match &claim.service {
                ServiceRef::Name(name) => get(place::service_ref(name)).await?,
                ServiceRef::OfGateway(gateway) => place::service_of(&client, gateway).await?,
            };
            judge::service(claim, object.as_ref())
        }
        Claim::Certificate(claim) => {
            let object = get(place::certificate_ref(&claim.certificate)).await?;
            judge::certificate(claim, object.as_ref())
        }
        Claim::Http(_)
        | Claim::Tcp(_)
        | Claim::Passthrough(_)
        | Claim::Addresses(_)
        | Claim::Exposure(_)
        | Claim::TargetHealth(_) => {
            unreachable!("claims about traffic are decided elsewhere")
        }
    })
}
