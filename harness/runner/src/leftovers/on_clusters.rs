//! What killed runs left on clusters that somebody runs: found and removed by the run's label.

use gateproof_existing::belongings;
use gateproof_kubernetes::apply::RUN_LABEL;
use gateproof_kubernetes::{Access, Patience, Thing};

use super::{Cleaned, Cleaning, Mode, Removed, What};
use crate::journal::Entry;
use crate::journal::dead::{DeadRun, Elsewhere};

/// Cleans what a dead run noted on clusters; says whether something may be left.
pub(super) async fn clean(run: &DeadRun, cleaning: Cleaning, cleaned: &mut Cleaned) -> Elsewhere {
    let mut elsewhere = Elsewhere::NothingLeft;
    for entry in &run.entries {
        let Entry::Thing(thing @ Thing::Objects { kubeconfig, context, run: label }) = entry else {
            continue;
        };
        let access = Access { kubeconfig: kubeconfig.clone(), context: context.clone() };
        let swept = sweep(&access, label, cleaning.mode);
        let swept = tokio::time::timeout(cleaning.within, swept).await;
        let swept = swept
            .unwrap_or_else(|_| Err(format!("not done after {} s", cleaning.within.as_secs())));
        match swept {
            Ok(objects) => cleaned.removed.extend(
                objects
                    .into_iter()
                    .map(|object| Removed { run: run.run.clone(), what: What::OnCluster(object) }),
            ),
            Err(problem) => {
                elsewhere = Elsewhere::SomethingLeft;
                cleaned.problems.push(format!(
                    "{} were not removed: {problem}; the next start tries again",
                    super::in_words(thing)
                ));
            }
        }
    }
    elsewhere
}

/// Removes, or in a dry run only finds, what carries a run's label; says what.
async fn sweep(access: &Access, run: &str, mode: Mode) -> Result<Vec<String>, String> {
    let (client, place) =
        access.connect(Patience::EXISTING).await.map_err(|error| error.to_string())?;
    let found = belongings::labelled(&client, &format!("{RUN_LABEL}={run}")).await?;
    if mode == Mode::Remove {
        belongings::remove_all(&client, run).await?;
    }
    let in_words = |object: &serde_json::Value| {
        let text = |field: &serde_json::Value| field.as_str().unwrap_or_default().to_owned();
        let (kind, metadata) = (text(&object["kind"]), &object["metadata"]);
        let namespace = metadata["namespace"].as_str().map(|name| format!("{name}/"));
        format!(
            "{kind} {}{} in context {}",
            namespace.unwrap_or_default(),
            text(&metadata["name"]),
            place.context
        )
    };
    Ok(found.iter().map(in_words).collect())
}
