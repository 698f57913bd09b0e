//! From where an existing cluster's sockets are asked, and what that takes: the same for `check` and
//! for `run`.

use std::collections::BTreeMap;

use gateproof_existing::inside::Inside;
use gateproof_existing::provider::Errand;
use gateproof_existing::survey::Survey;
use gateproof_existing::vantage::{self, Chosen, Means, Vantage};
use gateproof_existing::{Connected, rights};
use gateproof_kubernetes::Access;

use super::{CommandError, tell};

/// Whether the user allows that anything is made on the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// `--allow-writes`.
    Allowed,
    /// Nothing is made.
    Forbidden,
}

impl From<bool> for Writes {
    fn from(allowed: bool) -> Self {
        if allowed { Self::Allowed } else { Self::Forbidden }
    }
}

/// What was typed about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) vantage: Option<&'a str>,
    pub(super) image: Option<&'a str>,
    pub(super) writes: Writes,
}

impl Wish<'_> {
    /// Mistakes in what was typed, before anything is asked.
    pub(super) fn vantage(&self) -> Result<Vantage, CommandError> {
        let parsed = self.vantage.map(str::parse).transpose();
        let parsed = parsed.map_err(|error| CommandError::Usage(format!("--vantage: {error}")))?;
        if parsed == Some(Vantage::Inside) && self.image.is_none() {
            return Err(CommandError::Usage(
                "--vantage inside: a pod of the cluster asks, and it runs the gateproof program: \
                 name an image of it that the nodes can pull with --image"
                    .to_owned(),
            ));
        }
        Ok(parsed.unwrap_or_default())
    }

    /// The pod that asks, if one does.
    pub(super) fn inside(
        &self,
        survey: &Survey,
        run: &str,
    ) -> Result<Option<Inside>, CommandError> {
        let means = match (self.image, self.writes) {
            (Some(_), Writes::Allowed) => Means::There,
            _ => Means::Missing,
        };
        match (vantage::choose(self.vantage()?, survey, means), self.image) {
            (Chosen::Inside, Some(image)) => {
                let inside = Inside::of_run(run, image.to_owned());
                tell(&format!("sockets are asked from a pod in namespace {}\n", inside.namespace));
                Ok(Some(inside))
            }
            (Chosen::InVain(help), _) => {
                tell(&format!("{help}\n"));
                Ok(None)
            }
            (Chosen::Outside | Chosen::Inside, _) => Ok(None),
        }
    }
}

/// What `check` makes when it asks from inside: that pod alone.
pub(super) async fn errand_of_check(
    wish: Wish<'_>,
    inside: Inside,
    run: &str,
    (access, connected): (&Access, &Connected),
) -> Result<Errand, CommandError> {
    let mut problems = missing(&inside, run, connected).await?;
    if wish.writes == Writes::Forbidden {
        problems.push(format!(
            "a check only reads, and asking from inside would make namespace {} with a pod in it, \
             and remove both again; allow it with --allow-writes",
            inside.namespace
        ));
    }
    refuse(&problems, connected)?;
    let access = to_come_back(access, connected);
    Ok(Errand {
        access,
        namespaces: BTreeMap::new(),
        image: Some(inside.image.clone()),
        inside: Some(inside),
    })
}

/// Permissions for the pod that are missing.
async fn missing(
    inside: &Inside,
    run: &str,
    connected: &Connected,
) -> Result<Vec<String>, CommandError> {
    rights::missing(&connected.client, &[inside.pod(run)], &inside.permissions())
        .await
        .map_err(|problem| CommandError::from(anyhow::anyhow!(problem)))
}

/// Ends the command when something is in the way of what it would make.
pub(super) fn refuse(problems: &[String], connected: &Connected) -> Result<(), CommandError> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(CommandError::Usage(format!(
        "nothing was made on {}:\n  {}",
        connected.place,
        problems.join("\n  ")
    )))
}

/// How whoever cleans up later comes to the same cluster, from any folder.
pub(super) fn to_come_back(access: &Access, connected: &Connected) -> Access {
    let context = Some(connected.place.context.clone()).filter(|_| {
        // Inside a pod there is no context to come back by.
        access.kubeconfig.is_some()
            || access.context.is_some()
            || !connected.place.context.starts_with('(')
    });
    let kubeconfig = access
        .kubeconfig
        .as_ref()
        .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
    Access { kubeconfig, context }
}
