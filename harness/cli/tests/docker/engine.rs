//! An engine, an image that boots like a node and can do nothing else, and things with labels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gateproof_kind::container::{ContainerSpec, ContainerState};
use gateproof_kind::endpoint::Endpoint;
use gateproof_kind::engine::Engine;
use gateproof_kind::label;
use gateproof_kind::volume::VolumeState;
use gateproof_kubernetes::Owner;
use gateproof_runner::process;

use super::support::Place;

/// What a node prints once its init system is up.
const PROGRAM: &str = r#"
fn main() {
    println!("Reached target multi-user.target - Multi-User System.");
    loop { std::thread::park(); }
}
"#;

/// An engine, and what this suite made on it.
pub(crate) struct Docker {
    runtime: tokio::runtime::Runtime,
    engine: Engine,
    /// The image of nodes: `GATEPROOF_NODE_IMAGE`, or one that only boots.
    pub(crate) node_image: String,
    own_image: Option<String>,
    made: Mutex<Vec<String>>,
    next: AtomicU32,
}

impl Docker {
    /// Connects; why not, where that is impossible.
    pub(crate) fn connect() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let engine = runtime
            .block_on(Engine::connect(endpoint(), None))
            .map_err(|error| error.to_string())?;
        let given = variable("GATEPROOF_NODE_IMAGE");
        let own = format!("gateproof-boots-only:{}", std::process::id());
        let own_image = if given.is_some() { None } else { Some(own) };
        if let Some(image) = &own_image {
            let root = Bytes::from(root_archive(&program()?));
            let root = futures_util::stream::iter([Ok(root)]);
            let changes = ["ENTRYPOINT [\"/sbin/init\"]".to_owned()];
            runtime
                .block_on(engine.import_image(image, root, &changes, Duration::from_mins(1)))
                .map_err(|error| error.to_string())?;
        }
        let node_image = given.or_else(|| own_image.clone()).expect("one of the two");
        let (made, next) = (Mutex::default(), AtomicU32::new(0));
        Ok(Self { runtime, engine, node_image, own_image, made, next })
    }

    /// A cluster name that nothing has yet.
    pub(crate) fn name(&self, what: &str) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{what}-{}-{number}", std::process::id())
    }

    /// A container of a cluster, created and not started.
    pub(crate) fn container(&self, cluster: &str, run: Option<(&str, &Owner)>) -> String {
        let name = format!("{cluster}-control-plane");
        let mut labels = BTreeMap::from([
            (label::CLUSTER.to_owned(), cluster.to_owned()),
            (label::ROLE.to_owned(), "control-plane".to_owned()),
        ]);
        labels.extend(run.into_iter().flat_map(|(run, owner)| labels_of(run, owner)));
        let spec = ContainerSpec {
            anonymous_volumes: vec!["/var".to_owned()],
            tty: true,
            ..ContainerSpec::new(&name, &self.node_image, labels, "bridge")
        };
        self.made.lock().expect("no panic").push(name.clone());
        self.runtime.block_on(self.engine.create_container(&spec)).expect("a container");
        name
    }

    /// Marks a cluster of a run as kept.
    pub(crate) fn keep(&self, cluster: &str, run: &str, owner: &Owner) {
        let mut labels: BTreeMap<String, String> = labels_of(run, owner).into();
        labels.insert(label::KEPT.to_owned(), cluster.to_owned());
        let volume = VolumeState { name: gateproof_kind::kept::mark_name(cluster), labels };
        self.runtime.block_on(self.engine.ensure_volume(&volume)).expect("a volume");
    }

    /// Whether the volume that marks a cluster as kept is there.
    pub(crate) fn is_kept(&self, cluster: &str) -> bool {
        let kept = self.runtime.block_on(gateproof_kind::kept::list(&self.engine));
        kept.expect("a list").iter().any(|kept| kept.cluster == cluster)
    }

    /// The containers of a cluster.
    pub(crate) fn containers(&self, cluster: &str) -> Vec<ContainerState> {
        let labels = [(label::CLUSTER, Some(cluster))];
        self.runtime.block_on(self.engine.list_containers(&labels)).expect("a list")
    }

    /// Names of everything that carries the label of a run of these processes.
    pub(crate) fn left_of(&self, processes: &[u32]) -> Vec<String> {
        let ours = |labels: &BTreeMap<String, String>| {
            let owner = labels.get(label::OWNER).and_then(|owner| owner.parse::<Owner>().ok());
            owner.is_some_and(|owner| processes.contains(&owner.process))
        };
        let every = [(label::RUN, None)];
        self.runtime.block_on(async {
            let containers = self.engine.list_containers(&every).await.expect("a list");
            let volumes = self.engine.list_volumes(&every).await.expect("a list");
            let networks = self.engine.list_networks(&every).await.expect("a list");
            let images = self.engine.list_images(&every).await.expect("a list");
            let mut left = Vec::new();
            left.extend(containers.into_iter().filter(|it| ours(&it.labels)).map(|it| it.name));
            left.extend(volumes.into_iter().filter(|it| ours(&it.labels)).map(|it| it.name));
            left.extend(networks.into_iter().filter(|it| ours(&it.labels)).map(|it| it.name));
            left.extend(images.into_iter().filter(|it| ours(&it.labels)).map(|it| it.id));
            left
        })
    }

    /// Removes what this suite made.
    pub(crate) fn clean(&self) {
        let made = self.made.lock().expect("no panic").clone();
        self.runtime.block_on(async {
            for name in &made {
                self.engine.remove_container(name).await.expect("it is removed");
                let cluster = name.trim_end_matches("-control-plane");
                gateproof_kind::kept::unmark(&self.engine, cluster).await.expect("no mark");
            }
            if let Some(image) = &self.own_image {
                self.engine.remove_image(image).await.expect("it is removed");
            }
        });
    }
}

/// The labels of a run.
fn labels_of(run: &str, owner: &Owner) -> [(String, String); 2] {
    [(label::RUN.to_owned(), run.to_owned()), (label::OWNER.to_owned(), owner.to_string())]
}

/// A process of this user that has ended.
pub(crate) fn dead_owner() -> Owner {
    Owner { start: 0, ..process::owner() }
}

/// A place whose commands speak to the engine.
pub(crate) fn place() -> Place {
    Place::on(&endpoint().to_string())
}

fn endpoint() -> Endpoint {
    let host = variable("DOCKER_HOST").unwrap_or_else(|| "unix://".to_owned());
    Endpoint::parse(&host).expect("DOCKER_HOST names an engine")
}

/// A variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this is the entry point of a program")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Builds the static program of a node.
fn program() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = folder.join(format!("boots-only-{}.rs", std::process::id()));
    let target = source.with_extension("");
    std::fs::write(&source, PROGRAM).map_err(|error| error.to_string())?;
    let built = Command::new("rustc")
        .args(["--edition", "2024", "-C", "target-feature=+crt-static", "-C", "strip=symbols"])
        .args([&source, Path::new("-o"), &target])
        .output()
        .map_err(|error| format!("rustc cannot be started: {error}"))?;
    std::fs::remove_file(&source).map_err(|error| error.to_string())?;
    if built.status.success() {
        Ok(target)
    } else {
        Err(format!("no static program here: {}", String::from_utf8_lossy(&built.stderr)))
    }
}

/// A root filesystem with the program as its init.
fn root_archive(program: &Path) -> Vec<u8> {
    let content = std::fs::read(program).expect("the program");
    std::fs::remove_file(program).expect("nobody needs it any more");
    let mut archive = tar::Builder::new(Vec::new());
    for folder in ["sbin/", "tmp/", "run/", "var/", "lib/", "lib/modules/"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        archive.append_data(&mut header, folder, std::io::empty()).expect("in memory");
    }
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, "sbin/init", content.as_slice()).expect("in memory");
    archive.into_inner().expect("in memory")
}
