//! Helm in a container on a cluster's network, for machines without a `helm`: one container for
//! each command, which is given its files before it starts and is removed when it has ended.
//!
//! Files go through the engine, so that this works with an engine elsewhere too, and no secret
//! lies on this machine. Nothing is kept from one command to the next: with `--repo`, Helm fetches
//! index and chart anew whatever it has in its cache.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use gateproof_kubernetes::{Surroundings, Thing};
use gateproof_stack::HelmBeside;
use gateproof_stack::helm::beside::{Call, Content, Ended, Given};
use tar::{Builder, EntryType, Header};
use tokio_util::sync::CancellationToken;

use crate::container::ContainerSpec;
use crate::engine::{Engine, Pull};
use crate::label;
use crate::settings::Deadlines;

/// Helm's image unless another one is chosen; its entrypoint is Helm (alpine-docker/helm, whose
/// tags are the versions of Helm).
pub const DEFAULT_HELM_IMAGE: &str = "docker.io/alpine/helm:3.19.0";

/// Helm beside a cluster.
pub(crate) struct ContainerHelm {
    pub(crate) engine: Engine,
    pub(crate) image: String,
    pub(crate) cluster: String,
    pub(crate) network: String,
    /// Proxies, for charts that come from elsewhere.
    pub(crate) env: Vec<String>,
    pub(crate) surroundings: Surroundings,
    pub(crate) created: String,
    pub(crate) deadlines: Deadlines,
    pub(crate) count: AtomicU32,
}

#[async_trait]
impl HelmBeside for ContainerHelm {
    fn image(&self) -> &str {
        &self.image
    }

    async fn run(&self, call: Call) -> Result<Ended, String> {
        self.have_image(&call).await?;
        let archive = archive(&call.files).map_err(|error| format!("its files: {error}"))?;
        let spec = self.spec(&call.arguments);
        let ledger = Arc::clone(&self.surroundings.ledger);
        let thing = Thing::Container {
            engine: self.engine.endpoint().to_string(),
            name: spec.name.clone(),
        };
        ledger.note(&thing).map_err(|error| format!("{error}: {}", error.0))?;
        let given_up = CancellationToken::new();
        // Whoever waits may go away; the container goes nevertheless.
        let guard = given_up.clone().drop_guard();
        let engine = self.engine.clone();
        let task = tokio::spawn(async move {
            let outcome = run(&engine, &spec, archive, &call, &given_up).await;
            engine
                .remove_container(&spec.name)
                .await
                .map_err(|error| format!("its container stays: {error}"))?;
            ledger.strike(&thing).map_err(|error| format!("{error}: {}", error.0))?;
            outcome
        });
        let outcome = task.await;
        drop(guard);
        outcome.map_err(|error| format!("it did not come to an end: {error}"))?
    }
}

/// Runs a container to its end. Creating it is never cut short, so that what exists is known.
async fn run(
    engine: &Engine,
    spec: &ContainerSpec,
    archive: Vec<u8>,
    call: &Call,
    given_up: &CancellationToken,
) -> Result<Ended, String> {
    engine.create_container(spec).await.map_err(|error| error.to_string())?;
    let work = async {
        if !call.files.is_empty() {
            engine.unpack(&spec.name, archive).await?;
        }
        engine.start_container(&spec.name).await?;
        engine.follow_output(&spec.name, |piece| tell(call, piece)).await?;
        let code = engine.wait_container(&spec.name, call.within).await?;
        let written = engine.whole_output(&spec.name).await?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Ok(Ended { code, output: text(&written.output), errors: text(&written.errors) })
    };
    tokio::select! {
        () = given_up.cancelled() => Err("nobody waits for it any more".to_owned()),
        ended = tokio::time::timeout(call.within, work) => match ended {
            Ok(ended) => ended.map_err(|error: crate::engine::EngineError| error.to_string()),
            Err(_) => Err(format!(
                "it did not end within {} s and was stopped",
                call.within.as_secs()
            )),
        },
    }
}

/// Helm's warnings and progress, as far as they are lines.
fn tell(call: &Call, piece: &[u8]) {
    let text = String::from_utf8_lossy(piece);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        (call.tell)(line);
    }
}

impl ContainerHelm {
    async fn have_image(&self, call: &Call) -> Result<(), String> {
        let reference = &self.image;
        let there = self.engine.inspect_image(reference).await;
        if there.map_err(|error| error.to_string())?.is_some() {
            return Ok(());
        }
        let deadline = self.deadlines.pull;
        let pull = Pull { reference, platform: None, credentials: None, deadline };
        let pulled = self.engine.pull_image(&pull, |so_far| {
            (call.tell)(&format!("{reference} is pulled: {}", so_far.status));
        });
        pulled.await.map_err(|error| {
            format!(
                "{error}; install Helm on this machine, or choose an image that is there with \
                 --helm-image"
            )
        })?;
        Ok(())
    }

    fn spec(&self, arguments: &[String]) -> ContainerSpec {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let labels = [
            (label::CLUSTER, self.cluster.clone()),
            (label::ROLE, label::ROLE_HELM.to_owned()),
            (label::RUN, self.surroundings.run.clone()),
            (label::OWNER, self.surroundings.owner.to_string()),
            (label::CREATED, self.created.clone()),
        ];
        let name =
            format!("{}-{}-{}-{number}", self.cluster, label::ROLE_HELM, self.surroundings.run);
        let labels = labels.map(|(key, value)| (key.to_owned(), value)).into();
        ContainerSpec {
            env: self.env.clone(),
            command: arguments.to_vec(),
            ..ContainerSpec::new(name, &self.image, labels, &self.network)
        }
    }
}

/// Proxies for Helm, which reaches the API server and everything of the network without them.
pub(crate) fn environment(
    proxies: &BTreeMap<String, String>,
    api_server: &str,
    subnets: &[String],
) -> Vec<String> {
    let mut env = crate::plan::proxy::environment(proxies);
    if !env.is_empty() {
        let user = proxies.get("NO_PROXY").filter(|list| !list.is_empty());
        let direct = user.into_iter().chain(subnets).map(String::as_str).chain([api_server]);
        let direct = direct.collect::<Vec<_>>().join(",");
        env.extend(["NO_PROXY", "no_proxy"].map(|name| format!("{name}={direct}")));
        env.sort();
    }
    env
}

/// The files as an archive, each for its owner alone.
fn archive(files: &[Given]) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for Given { path, content } in files {
        let name = path.trim_start_matches('/');
        match content {
            Content::Text(text) => {
                let mut header = Header::new_gnu();
                header.set_entry_type(EntryType::Regular);
                header.set_size(text.len() as u64);
                header.set_mode(0o600);
                archive.append_data(&mut header, name, text.as_bytes())?;
            }
            Content::OfHere(here) => of_here(&mut archive, name, here)?,
        }
    }
    archive.into_inner()
}

fn of_here(archive: &mut Builder<Vec<u8>>, name: &str, here: &Path) -> io::Result<()> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", here.display()));
    if here.is_dir() {
        archive.append_dir_all(name, here)
    } else {
        archive.append_path_with_name(here, name)
    }
    .map_err(named)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::{Content, Given, archive, environment};

    #[test]
    fn files_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("Chart.yaml"), "name: x").expect("written");
        let given = [
            Given { path: "/gateproof/k".to_owned(), content: Content::Text("hunter2".to_owned()) },
            Given {
                path: "/gateproof/chart".to_owned(),
                content: Content::OfHere(folder.path().to_owned()),
            },
        ];
        let octets = archive(&given).expect("packed");
        let mut found = Vec::new();
        for entry in tar::Archive::new(&octets[..]).entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mode = entry.header().mode().expect("a mode");
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            found.push((path, mode & 0o777, text));
        }
        assert_eq!(found[0], ("gateproof/k".to_owned(), 0o600, "hunter2".to_owned()));
        let chart = found.iter().find(|(path, ..)| path == "gateproof/chart/Chart.yaml");
        assert_eq!(chart.expect("the chart").2, "name: x");
        let missing = Given { path: "/x".to_owned(), content: Content::OfHere("/no/such".into()) };
        let words = archive(&[missing]).expect_err("not there").to_string();
        assert!(words.contains("/no/such"), "{words}");
    }

    #[test]
    fn what_is_near_is_reached_without_a_proxy() {
        let proxies = [("HTTPS_PROXY".to_owned(), "http://proxy:1".to_owned())].into();
        let env = environment(&proxies, "a-control-plane", &["172.18.0.0/16".to_owned()]);
        assert!(env.contains(&"NO_PROXY=172.18.0.0/16,a-control-plane".to_owned()), "{env:?}");
        assert!(environment(&[].into(), "a-control-plane", &[]).is_empty());
    }
}
