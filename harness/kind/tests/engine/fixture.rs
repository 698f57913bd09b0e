//! What every test needs: a runtime, an engine, an image, and names that nobody else has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use gateproof_kind::container::{ContainerSpec, ExecCommand};
use gateproof_kind::endpoint::Endpoint;
use gateproof_kind::engine::Engine;
use gateproof_kind::network::NetworkSpec;

/// On everything that this suite creates: the id of its process.
pub(crate) const LABEL: &str = "gateproof.dev/engine-suite";

/// How long anything may take that is expected to happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Under which names the program is found in a container.
const NAMES: &[&str] =
    &["cat", "cp", "mkdir", "both", "count", "environment", "hang", "boot", "end"];

pub(crate) struct Fixture {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) engine: Engine,
    /// An image whose command is `boot`.
    pub(crate) image: String,
    pub(crate) root_archive: Bytes,
    /// A network of this suite.
    pub(crate) network: String,
    next: AtomicU32,
}

impl Fixture {
    /// Connects and makes the image; the reason when that is impossible here.
    pub(crate) fn new() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let engine = runtime
            .block_on(Engine::connect(endpoint(), None))
            .map_err(|error| error.to_string())?;
        let root_archive = Bytes::from(root_archive(&program()?));
        let id = std::process::id();
        let fixture = Self {
            runtime,
            engine,
            image: format!("gateproof-engine-suite:{id}"),
            root_archive,
            network: format!("gateproof-engine-suite-{id}"),
            next: AtomicU32::new(0),
        };
        fixture
            .runtime
            .block_on(async {
                fixture.remove_what_dead_runs_left().await;
                let changes = ["CMD [\"/bin/boot\"]".to_owned(), format!("LABEL {LABEL}={id}")];
                let root = fixture.root_archive.clone();
                let root = stream::iter([Ok(root)]);
                fixture.engine.import_image(&fixture.image, root, &changes, PATIENCE).await?;
                let network =
                    NetworkSpec { name: fixture.network.clone(), mtu: None, labels: labels() };
                fixture.engine.ensure_network(&network).await
            })
            .map_err(|error| error.to_string())?;
        Ok(fixture)
    }

    /// Runs a test.
    pub(crate) fn run(&self, test: impl Future<Output = ()>) {
        self.runtime.block_on(test);
    }

    /// A name that nothing has yet.
    pub(crate) fn name(&self, what: &str) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("gateproof-engine-{what}-{}-{number}", std::process::id())
    }

    /// A container that runs a program of the image.
    pub(crate) fn spec(&self, what: &str, command: &[&str]) -> ContainerSpec {
        ContainerSpec {
            command: command.iter().map(|&word| word.to_owned()).collect(),
            ..ContainerSpec::new(self.name(what), &self.image, labels(), &self.network)
        }
    }

    /// Creates and starts a container; returns its name.
    pub(crate) async fn start(&self, spec: ContainerSpec) -> String {
        self.engine.create_container(&spec).await.expect("it is created");
        self.engine.start_container(&spec.name).await.expect("it is started");
        spec.name
    }

    /// Removes everything of this process.
    pub(crate) fn clean(&self) {
        self.runtime.block_on(self.remove_all_of(&std::process::id().to_string()));
    }

    async fn remove_what_dead_runs_left(&self) {
        let mut owners: Vec<String> = Vec::new();
        let of = |labels: BTreeMap<String, String>| labels.get(LABEL).cloned();
        let every = [(LABEL, None)];
        let containers = self.engine.list_containers(&every).await.expect("a list");
        owners.extend(containers.into_iter().filter_map(|it| of(it.labels)));
        let networks = self.engine.list_networks(&every).await.expect("a list");
        owners.extend(networks.into_iter().filter_map(|it| of(it.labels)));
        let images = self.engine.list_images(&every).await.expect("a list");
        owners.extend(images.into_iter().filter_map(|it| of(it.labels)));
        owners.sort();
        owners.dedup();
        for owner in owners {
            if !Path::new("/proc").join(&owner).exists() {
                self.remove_all_of(&owner).await;
            }
        }
    }

    async fn remove_all_of(&self, owner: &str) {
        let mine = [(LABEL, Some(owner))];
        for container in self.engine.list_containers(&mine).await.expect("a list") {
            self.engine.remove_container(&container.name).await.expect("it is removed");
        }
        for network in self.engine.list_networks(&mine).await.expect("a list") {
            self.engine.remove_network(&network.id).await.expect("it is removed");
        }
        for volume in self.engine.list_volumes(&mine).await.expect("a list") {
            self.engine.remove_volume(&volume.name).await.expect("it is removed");
        }
        for image in self.engine.list_images(&mine).await.expect("a list") {
            for name in image.tags.iter().chain([&image.id]) {
                self.engine.remove_image(name).await.expect("it is removed");
            }
        }
    }
}

/// The label of this process.
pub(crate) fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([(LABEL.to_owned(), std::process::id().to_string())])
}

/// The engine of this machine.
pub(crate) fn endpoint() -> Endpoint {
    Endpoint::parse("unix://").expect("an endpoint")
}

/// A command without input.
pub(crate) fn command(argv: &[&str]) -> ExecCommand {
    ExecCommand {
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        stdin: None,
        env: Vec::new(),
        privileged: false,
    }
}

/// Builds the static program.
fn program() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/node/program.rs");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Under a name of this process, so that runs side by side do not build into one file.
    let target = folder.join(format!("engine-suite-program-{}", std::process::id()));
    let built = Command::new("rustc")
        .args(["--edition", "2024", "-C", "target-feature=+crt-static", "-C", "strip=symbols"])
        .arg(&source)
        .arg("-o")
        .arg(&target)
        .output()
        .map_err(|error| format!("rustc cannot be started: {error}"))?;
    if built.status.success() {
        Ok(target)
    } else {
        Err(format!("no static program here: {}", String::from_utf8_lossy(&built.stderr)))
    }
}

/// A root filesystem with the program under all of its names.
fn root_archive(program: &Path) -> Vec<u8> {
    let content = std::fs::read(program).expect("the program");
    std::fs::remove_file(program).expect("nobody needs it any more");
    let mut archive = tar::Builder::new(Vec::new());
    for folder in ["bin/", "tmp/", "var/", "var/log/"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        archive.append_data(&mut header, folder, std::io::empty()).expect("in memory");
    }
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, "bin/program", content.as_slice()).expect("in memory");
    for name in NAMES {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_mode(0o777);
        header.set_size(0);
        archive.append_link(&mut header, format!("bin/{name}"), "program").expect("in memory");
    }
    archive.into_inner().expect("in memory")
}
