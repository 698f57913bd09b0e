//! The engine, the image, and how a plan is run on them; and that nothing is left afterwards.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::event::Record;
use gateproof_core::name::ClusterName;
use gateproof_core::plan::selection::Selection;
use gateproof_core::plan::{self, ClusterPlan, Plan};
use gateproof_core::report::RunReport;
use gateproof_core::scenario::catalog;
use gateproof_core::source::render::Style;
use gateproof_embedded::EmbeddedProvider;
use gateproof_kind::container::{ContainerState, Privileges};
use gateproof_kind::endpoint::{DEFAULT_SOCKET, Endpoint};
use gateproof_kind::engine::Engine;
use gateproof_kind::label;
use gateproof_kind::provider::{KindProvider, Workplace};
use gateproof_kind::settings::{Settings, explicit_capabilities};
use gateproof_kubernetes::Provider;
use gateproof_runner::interrupt::Interrupt;
use gateproof_runner::{Options, clock, discover};
use gateproof_stack::{CrdSource, HelmSource};
use gateproof_tests::root;
use libtest_mimic::Failed;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::definitions;
use crate::image::{self, in_words};

/// How long a step of the stack may take: nothing is pulled here.
const STEP_WITHIN: Duration = Duration::from_mins(1);

/// Where everything is run.
pub(crate) struct Bench {
    runtime: Runtime,
    endpoint: Endpoint,
    engine: Engine,
    image: String,
    network: String,
    folder: TempDir,
    derived: Mutex<Vec<String>>,
}

/// What a run came to.
pub(crate) struct Ran {
    /// The report.
    pub(crate) report: RunReport,
    /// The folder for evidence.
    pub(crate) evidence: PathBuf,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Why no test of this suite can run; `None` when a Docker engine answers.
pub(crate) fn engine_is_absent() -> Option<String> {
    let endpoint = match endpoint() {
        Ok(endpoint) => endpoint,
        Err(mistake) => return Some(mistake),
    };
    let runtime = Runtime::new().ok()?;
    runtime.block_on(Engine::connect(endpoint, None)).err().map(|error| in_words(&error))
}

/// The engine that the Docker CLI would use.
#[expect(clippy::disallowed_methods, reason = "this is the entry point of a program")]
pub(crate) fn endpoint() -> Result<Endpoint, String> {
    match std::env::var("DOCKER_HOST") {
        Ok(host) => Endpoint::parse(&host).map_err(|error| format!("DOCKER_HOST: {error}")),
        Err(_) => Ok(Endpoint::Unix(PathBuf::from(DEFAULT_SOCKET))),
    }
}

impl Bench {
    /// Links the program, makes the image on an engine, and the manifest of definitions.
    pub(crate) fn on(endpoint: Endpoint) -> Result<Self, String> {
        let program = image::program()?;
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        std::os::unix::fs::symlink(&program, folder.path().join("helm"))
            .map_err(|error| error.to_string())?;
        // Names of this process alone, so that several suites can run on one engine.
        let own = std::process::id();
        let reference = format!("gateproof-stand-in:{}-{own}", image::KUBERNETES);
        let engine = runtime.block_on(async {
            let engine =
                Engine::connect(endpoint.clone(), None).await.map_err(|error| in_words(&error))?;
            image::make(&engine, &reference, &program).await?;
            Ok::<_, String>(engine)
        })?;
        let bench = Self {
            runtime,
            endpoint,
            engine,
            image: reference,
            network: format!("gateproof-suite-{own}"),
            folder,
            derived: Mutex::default(),
        };
        let shape = plan_of("shared-gateway", &[])?.clusters.remove(0);
        let manifest = bench.folder.path().join("definitions.yaml");
        bench.runtime.block_on(definitions::write(&manifest, shape))?;
        Ok(bench)
    }

    /// A plan of one small cluster with its first trial.
    pub(crate) fn small_plan() -> Result<ClusterPlan, String> {
        let mut plan = plan_of("wildcard-certificate", &[])?;
        Ok(plan.clusters.remove(0))
    }

    /// The image whose nodes misbehave like that.
    pub(crate) fn misbehaving(&self, how: &str) -> Result<String, String> {
        let reference = format!("{}-{}", self.image, how.replace(':', "-"));
        let line = format!("ENV STAND_IN_MISBEHAVIOUR={how}");
        self.derived.lock().unwrap_or_else(PoisonError::into_inner).push(reference.clone());
        self.runtime.block_on(image::derive(&self.engine, &self.image, &reference, &line))?;
        Ok(reference)
    }

    /// An image of a registry, which misbehaves like that.
    pub(crate) fn registry(&self, how: &str) -> Result<String, String> {
        self.program("registry", how)
    }

    /// An image of the load balancer.
    pub(crate) fn balancer(&self) -> Result<String, String> {
        self.program("balancer", "")
    }

    /// An image that is no node's and runs one of the stand-ins.
    fn program(&self, name: &str, how: &str) -> Result<String, String> {
        let reference = format!("{}-{name}-{how}x", self.image);
        let lines = format!(
            "ENV STAND_IN_MISBEHAVIOUR={how}\nSTOPSIGNAL SIGTERM\n\
             ENTRYPOINT [\"/usr/local/bin/gateproof-stand-in\", \"{name}\"]"
        );
        self.derived.lock().unwrap_or_else(PoisonError::into_inner).push(reference.clone());
        self.runtime.block_on(image::derive(&self.engine, &self.image, &reference, &lines))?;
        Ok(reference)
    }

    /// The image whose entrypoint is Helm.
    pub(crate) fn helm_image(&self) -> Result<String, String> {
        let reference = format!("{}-helm", self.image);
        self.derived.lock().unwrap_or_else(PoisonError::into_inner).push(reference.clone());
        let line = "ENTRYPOINT [\"/usr/local/bin/helm\"]";
        self.runtime.block_on(image::derive(&self.engine, &self.image, &reference, line))?;
        Ok(reference)
    }

    /// Runs a plan with kind.
    pub(crate) fn run(&self, plan: &Plan, jobs: usize) -> Result<Ran, Failed> {
        self.run_on(plan, jobs, &self.image, |_| {})
    }

    /// Runs a plan with kind on nodes of an image, with settings of one's own.
    pub(crate) fn run_on(
        &self,
        plan: &Plan,
        jobs: usize,
        image: &str,
        adjust: impl FnOnce(&mut Workplace),
    ) -> Result<Ran, Failed> {
        let mut workplace = self.workplace(image);
        adjust(&mut workplace);
        let provider = Arc::new(KindProvider::new(workplace));
        self.run_with(plan, jobs, provider)
    }

    /// Runs a plan on embedded clusters.
    pub(crate) fn run_embedded(&self, plan: &Plan) -> Result<Ran, Failed> {
        let plan = Plan { provider: ProviderKind::Embedded, clusters: plan.clusters.clone() };
        self.run_with(&plan, 1, Arc::new(EmbeddedProvider::new()))
    }

    fn run_with(
        &self,
        plan: &Plan,
        jobs: usize,
        provider: Arc<dyn Provider>,
    ) -> Result<Ran, Failed> {
        let jobs = NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN);
        self.run_watched(plan, provider, Options::new(clock::run_id(), jobs), |_| {})
    }

    /// Runs a plan, and tells somebody what happens while it does.
    pub(crate) fn run_watched(
        &self,
        plan: &Plan,
        provider: Arc<dyn Provider>,
        mut options: Options,
        mut watch: impl FnMut(&Record),
    ) -> Result<Ran, Failed> {
        options.evidence = self.folder.path().join("evidence").join(&options.run);
        let mut records: Vec<Record> = Vec::new();
        let started = std::time::Instant::now();
        self.runtime.block_on(gateproof_runner::run(
            plan,
            provider,
            &options,
            &Interrupt::new(),
            |record| {
                watch(record);
                records.push(record.clone());
            },
        ));
        let took = started.elapsed();
        Ok(Ran { report: RunReport::fold(&records)?, evidence: options.evidence, took })
    }

    /// What a user chooses, with the stand-ins in the place of what there is not.
    pub(crate) fn workplace(&self, image: &str) -> Workplace {
        let file = |name: &str| self.folder.path().join(name);
        let mut settings = Settings::new(clock::now_rfc3339());
        settings.node_image = Some(image.to_owned());
        settings.privileges = Privileges::Capabilities(explicit_capabilities());
        self.network.clone_into(&mut settings.network);
        let stack = gateproof_stack::Settings {
            helm: HelmSource::Program(file("helm")),
            crds: CrdSource::File(file("definitions.yaml")),
            scratch: self.folder.path().to_owned(),
            step_within: STEP_WITHIN,
            ..gateproof_stack::Settings::default()
        };
        let folder = root().to_owned();
        let endpoint = self.endpoint.clone();
        Workplace { endpoint, search_path: None, folder, settings, stack }
    }

    /// The containers of a cluster.
    pub(crate) fn containers(&self, cluster: &ClusterName) -> Result<Vec<ContainerState>, Failed> {
        let labels = [(label::CLUSTER, Some(cluster.as_str()))];
        Ok(self.runtime.block_on(self.engine.list_containers(&labels))?)
    }

    /// Fails when a cluster of the plan has left something.
    pub(crate) fn must_be_gone(&self, plan: &Plan) -> Result<(), Failed> {
        for cluster in &plan.clusters {
            let left = self.containers(&cluster.name)?;
            if !left.is_empty() {
                let names: Vec<&str> = left.iter().map(|one| one.name.as_str()).collect();
                return Err(format!("left behind: {}", names.join(", ")).into());
            }
        }
        Ok(())
    }

    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Runs async work.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The well-behaved image.
    pub(crate) fn image(&self) -> &str {
        &self.image
    }

    /// The Docker network of this suite's clusters.
    pub(crate) fn network(&self) -> &str {
        &self.network
    }

    /// A scratch folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Removes images and the network.
    pub(crate) fn clear(&self) {
        let derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.runtime.block_on(async {
            for reference in derived.iter().chain([&self.image]) {
                if let Err(error) = self.engine.remove_image(reference).await {
                    eprintln!("image {reference} stays: {}", in_words(&error));
                }
            }
            if let Err(error) = self.engine.remove_network(&self.network).await {
                eprintln!("network {} stays: {}", self.network, in_words(&error));
            }
        });
    }
}

/// The plan of a scenario's trials whose names hold one of these texts; its clusters have names of
/// this process.
pub(crate) fn plan_of(scenario: &str, variants: &[&str]) -> Result<Plan, String> {
    let mut plan = planned(scenario)?;
    plan.clusters.retain(|cluster| {
        let name = cluster.trials[0].name.to_string();
        variants.is_empty() || variants.iter().any(|variant| name.contains(variant))
    });
    for (index, cluster) in plan.clusters.iter_mut().enumerate() {
        cluster.name = ClusterName::new(format!("s{}-{index}", std::process::id()));
    }
    Ok(plan)
}

/// The plan of a scenario as it is.
pub(crate) fn planned(scenario: &str) -> Result<Plan, String> {
    let file = root().join("scenarios").join(format!("{scenario}.yaml"));
    let tree = discover::discover(&[file], Some(&root().join("clusters")))
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<String>())?;
    let catalog = catalog::load(&tree).map_err(|problems| problems.render(Style::Plain))?;
    plan::make(&catalog, ProviderKind::Kind, &Selection::default())
        .map_err(|error| error.to_string())
}
