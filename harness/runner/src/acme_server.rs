//! Brings up the ACME server of a trial, the issuer that uses it, and the names or zones that both
//! need in the cluster's DNS.

use std::time::Duration;

use gateproof_core::scenario::ObjectRef;
use gateproof_core::scenario::issuer::{Acme, Solver};
use gateproof_dns::SharedKey;
use gateproof_kubernetes::Client;
use serde_json::Value;

use crate::cause::with_causes;
use crate::names::{self, Named};
use crate::prerequisite::name_server::{self, NameServer};
use crate::prerequisite::{acme, rollout};
use crate::step::{self, Outcome, Progress, undecided};

/// How long each part may take.
const UP_WITHIN: Duration = Duration::from_mins(2);

/// Where and for what an ACME server is brought up.
pub(crate) struct Place<'a> {
    /// The cluster's API.
    pub(crate) client: &'a Client,
    /// The run's identity, for labels.
    pub(crate) run: &'a str,
    /// The image with the gateproof program.
    pub(crate) image: &'a str,
    /// New for each trial.
    pub(crate) mark: &'a str,
}

/// Brings everything up, in order: what is asked for before who asks.
pub(crate) async fn bring_up(
    place: &Place<'_>,
    settings: &Acme,
    progress: Progress<'_>,
) -> Outcome {
    let Place { client, run, mark, .. } = place;
    match &settings.solver {
        Solver::Http01(http01) => {
            step::apply_own(client, run, &acme::server(settings, None)).await?;
            await_rollout(place, &acme::deployment(), "Pebble", progress).await?;
            let service = acme::gateway_service(http01);
            let named = Named::Rewritten { names: &http01.names, service: &service };
            names::lead(client, named, mark, progress).await?;
            step::apply_own(client, run, &[acme::issuer(settings, None)]).await
        }
        Solver::Dns01(zones) => {
            let server = name_server(place, progress).await?;
            step::apply_own(client, run, &name_server::server(zones, &server)).await?;
            step::apply_own(client, run, &acme::server(settings, Some(&server))).await?;
            await_rollout(place, &name_server::deployment(), "the name server", progress).await?;
            await_rollout(place, &acme::deployment(), "Pebble", progress).await?;
            let named = Named::Delegated { zones, address: server.address };
            names::lead(client, named, mark, progress).await?;
            step::apply_own(client, run, &[acme::issuer(settings, Some(&server))]).await
        }
    }
}

/// The name server to be: its address, and a key that nobody had before.
async fn name_server(
    place: &Place<'_>,
    progress: Progress<'_>,
) -> Result<NameServer, Vec<gateproof_core::verdict::Failure>> {
    const EXPECTED: &str = "the name server has an address";
    let client = place.client;
    step::apply_own(client, place.run, &name_server::place()).await?;
    let service = name_server::service();
    step::await_object(client, &service, UP_WITHIN, progress, |found| {
        let given = found.and_then(name_server::address);
        given.is_none().then(|| "the Service of the name server has no address yet".to_owned())
    })
    .await?;
    let found = client.get(&service).await;
    let found = found.map_err(|error| vec![undecided(EXPECTED, &with_causes(&error))])?;
    let address = found.as_ref().and_then(name_server::address);
    let address = address.ok_or_else(|| vec![undecided(EXPECTED, "its Service went away")])?;
    let secret = SharedKey::new_secret()
        .map_err(|_| vec![undecided("a key for updates", "the system has no randomness")])?;
    let (image, mark) = (place.image.to_owned(), place.mark.to_owned());
    Ok(NameServer { address, image, secret, mark })
}

/// Waits until a Deployment runs what was applied.
async fn await_rollout(
    place: &Place<'_>,
    deployment: &ObjectRef,
    what: &str,
    progress: Progress<'_>,
) -> Outcome {
    step::await_object(place.client, deployment, UP_WITHIN, progress, |found: Option<&Value>| {
        match found {
            None => Some(format!("the Deployment of {what} does not exist yet")),
            Some(found) => rollout::missing(what, found),
        }
    })
    .await
}
