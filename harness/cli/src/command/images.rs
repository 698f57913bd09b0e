//! `gateproof images`: what a run on kind clusters needs, and how to have it without a registry.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use gateproof_core::cluster::ProviderKind;
use gateproof_core::plan as planning;
use gateproof_kind::engine::Engine;
use gateproof_kind::images::host::{self, Pulled};
use gateproof_kind::images::needed::{Certainty, Choices, NeededImage, needed};
use gateproof_kind::own_image;
use gateproof_runner::workplace;
use tokio::runtime::Runtime;

use super::{CommandError, load, print, selection, tell};
use crate::arguments::images::{ImagesArguments, ImagesCommand};
use crate::environment::variable;

/// How long one image may take on its way.
const ON_ITS_WAY: Duration = Duration::from_mins(20);

pub(crate) fn run(command: &ImagesCommand) -> Result<u8, CommandError> {
    match command {
        ImagesCommand::List(arguments) => {
            print(&table(&list(arguments)?))?;
            Ok(0)
        }
        ImagesCommand::Pull(arguments) => pull(arguments),
        ImagesCommand::Save { images, output } => save(images, output),
        ImagesCommand::Load { file } => load_bundle(file),
    }
}

/// What a run needs.
fn list(arguments: &ImagesArguments) -> Result<Vec<NeededImage>, CommandError> {
    let choice = &arguments.choice;
    let catalog = load(&choice.paths, choice.clusters.as_deref())?;
    let plan = planning::make(&catalog, ProviderKind::Kind, &selection(choice)?)
        .map_err(|error| CommandError::NothingSelected(error.to_string()))?;
    let choices = Choices {
        node: arguments.images.node_image.clone(),
        load_balancer: arguments.images.load_balancer_image.clone(),
        registry_mirror: arguments.images.registry_mirror.clone().filter(|image| !image.is_empty()),
        helm: helm(arguments),
        own: Some(own(arguments.images.image.as_deref())),
    };
    Ok(needed(&plan.clusters, &choices))
}

/// The image for Helm, where it would run in a container.
fn helm(arguments: &ImagesArguments) -> Option<NeededImage> {
    let program = variable(workplace::HELM).filter(|program| !program.is_empty());
    let program = program.as_deref().map(Path::new);
    let image = arguments.images.helm_image.as_deref();
    let reference = workplace::helm_in_container(image, program, &variable)?;
    let reason = match image {
        Some(_) => "Helm, as chosen",
        None => "Helm, as there is none on PATH",
    };
    Some(NeededImage {
        reference,
        digest: None,
        reason: reason.to_owned(),
        certainty: Certainty::Known,
    })
}

/// Our own image; one that is packed is told without packing it.
fn own(published: Option<&str>) -> NeededImage {
    let (reference, reason) = match published {
        Some(reference) => (reference.to_owned(), "echo servers and the prober, as chosen"),
        None => (
            format!("{}:{}-…", own_image::REPOSITORY, env!("CARGO_PKG_VERSION")),
            "echo servers and the prober; packed from this program, never pulled",
        ),
    };
    let reason = reason.to_owned();
    NeededImage { reference, digest: None, reason, certainty: Certainty::Known }
}

/// Whether an image is fetched from a registry.
fn is_fetched(image: &NeededImage) -> bool {
    !image.reference.starts_with(own_image::REPOSITORY)
}

fn table(images: &[NeededImage]) -> String {
    let width = images.iter().map(|image| image.reference.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for image in images {
        let sure = match &image.certainty {
            Certainty::Known => String::new(),
            Certainty::Inferred(from) => format!(" (inferred {from})"),
        };
        let digest = image.digest.as_ref().map(|digest| format!("  {digest}\n"));
        let NeededImage { reference, reason, .. } = image;
        text.extend([format!("{reference:width$}  {reason}{sure}\n"), digest.unwrap_or_default()]);
    }
    text
}

fn pull(arguments: &ImagesArguments) -> Result<u8, CommandError> {
    let images = list(arguments)?;
    let runtime = super::threaded_runtime()?;
    let engine = connect(&runtime)?;
    let mut failures = Vec::new();
    for image in images.iter().filter(|image| is_fetched(image)) {
        let mut last = String::new();
        let progress = |so_far: &gateproof_kind::image::PullProgress| {
            let percent = (so_far.fetched * 100).checked_div(so_far.total);
            let told = percent.map_or_else(String::new, |percent| {
                format!("{}: {percent} % of {} MB\n", image.reference, so_far.total / 1_000_000)
            });
            // Every tenth part, so that a log stays readable.
            if percent.is_some_and(|percent| percent % 10 == 0) && told != last {
                tell(&told);
                last = told;
            }
        };
        match runtime.block_on(host::pull(&engine, image, ON_ITS_WAY, progress)) {
            Ok(Pulled::Present) => print(&format!("{} is there\n", image.reference))?,
            Ok(Pulled::Fetched) => print(&format!("{} pulled\n", image.reference))?,
            Err(error) => failures.push(format!("{error}")),
        }
    }
    if failures.is_empty() {
        return Ok(0);
    }
    Err(CommandError::Infrastructure(anyhow::anyhow!(failures.join("\nerror: "))))
}

fn save(arguments: &ImagesArguments, output: &Path) -> Result<u8, CommandError> {
    let references: Vec<String> = list(arguments)?
        .iter()
        .filter(|image| is_fetched(image))
        .map(|image| image.reference.clone())
        .collect();
    let runtime = super::threaded_runtime()?;
    let engine = connect(&runtime)?;
    let index = runtime
        .block_on(host::save(&engine, &references, output))
        .with_context(|| format!("failed to save images to {}", output.display()))?;
    let size: u64 = index.images.iter().map(|part| part.size).sum();
    let count = index.images.len();
    print(&format!("{count} images, {} MB, in {}\n", size / 1_000_000, output.display()))?;
    Ok(0)
}

fn load_bundle(file: &Path) -> Result<u8, CommandError> {
    let runtime = super::threaded_runtime()?;
    let engine = connect(&runtime)?;
    let index = runtime
        .block_on(host::load(&engine, file, ON_ITS_WAY))
        .with_context(|| format!("failed to load images from {}", file.display()))?;
    for part in index.images {
        print(&format!("{} is there\n", part.reference))?;
    }
    Ok(0)
}

fn connect(runtime: &Runtime) -> Result<Engine, CommandError> {
    let endpoint = gateproof_runner::workplace::endpoint(&variable).map_err(CommandError::Usage)?;
    let docker = gateproof_runner::workplace::docker(&variable);
    let engine = runtime.block_on(Engine::connect(endpoint, docker.search_path.clone()));
    let engine = engine.map_err(|error| CommandError::Infrastructure(error.into()))?;
    // With the credentials that `docker pull` would use.
    Ok(engine.with_docker_settings(docker))
}
