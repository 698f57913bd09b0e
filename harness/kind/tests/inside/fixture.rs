//! A runtime, an engine with our image, and containers that are removed again.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gateproof_kind::endpoint::Endpoint;
use gateproof_kind::engine::Engine;
use gateproof_kind::network::NetworkSpec;
use gateproof_kind::own_image::archive::Archive;
use gateproof_kind::{own_image, prober};

/// On everything that this suite creates: the id of its process.
const LABEL: &str = "gateproof.dev/inside-suite";

const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) struct Fixture {
    runtime: tokio::runtime::Runtime,
    pub(crate) engine: Engine,
    pub(crate) image: Archive,
    network: String,
    next: AtomicU32,
}

impl Fixture {
    /// Connects and loads the image; the reason when that is impossible here.
    pub(crate) fn new() -> Result<Self, String> {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        #[expect(clippy::disallowed_methods, reason = "this is the entry point of a program")]
        let host = std::env::var("DOCKER_HOST");
        let host = host.unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let endpoint = Endpoint::parse(&host).map_err(|error| error.to_string())?;
        let engine =
            runtime.block_on(Engine::connect(endpoint, None)).map_err(|error| error.to_string())?;
        let network = format!("gateproof-inside-suite-{}", std::process::id());
        let image = pack();
        let fixture = Self { runtime, engine, image, network, next: AtomicU32::new(0) };
        let ready = async {
            own_image::load(&fixture.engine, &fixture.image, PATIENCE).await?;
            let name = fixture.network.clone();
            let spec = NetworkSpec { name, mtu: None, labels: labels() };
            fixture.engine.ensure_network(&spec).await
        };
        fixture.runtime.block_on(ready).map_err(|error| error.to_string())?;
        Ok(fixture)
    }

    pub(crate) fn run(&self, test: impl Future<Output = ()>) {
        self.runtime.block_on(test);
    }

    /// A container of our image; its name and its address.
    pub(crate) async fn start(&self, what: &str) -> (String, IpAddr) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let cluster = format!("gateproof-inside-{what}-{}-{number}", std::process::id());
        let spec = prober::helper(&cluster, &self.network, &self.image.reference, labels());
        self.engine.create_container(&spec).await.expect("it is created");
        self.engine.start_container(&spec.name).await.expect("it is started");
        let found = self.engine.inspect_container(&spec.name).await.expect("an answer");
        let addresses = found.expect("it is there").addresses;
        (spec.name, addresses[&self.network].v4.expect("an address"))
    }

    /// Stops a container and starts it again: its commands end.
    pub(crate) async fn restart(&self, name: &str) {
        self.engine.stop_container(name, Duration::from_secs(20)).await.expect("it stops");
        self.engine.start_container(name).await.expect("it starts");
    }

    /// Removes everything of this process.
    pub(crate) fn clean(&self) {
        self.runtime.block_on(async {
            let id = std::process::id().to_string();
            let ours = [(LABEL, Some(id.as_str()))];
            for container in self.engine.list_containers(&ours).await.expect("a list") {
                self.engine.remove_container(&container.name).await.expect("it is removed");
            }
            self.engine.remove_network(&self.network).await.expect("it is removed");
            self.engine.remove_image(&self.image.reference).await.expect("it is removed");
        });
    }
}

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([(LABEL.to_owned(), std::process::id().to_string())])
}

/// Packs this program.
pub(crate) fn pack() -> Archive {
    let program = std::env::current_exe().expect("this program");
    own_image::pack(&program, "0.0.0-suite").expect("it can be packed")
}
