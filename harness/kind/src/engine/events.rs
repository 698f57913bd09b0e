//! What the engine tells of containers while it happens.

use std::collections::{BTreeMap, HashMap};

use bollard::query_parameters::EventsOptions;
use futures_util::{Stream, StreamExt};

use super::error::{Cause, EngineError};
use super::{Engine, wire};

/// Something that happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEvent {
    /// The container's name.
    pub container: String,
    /// In the engine's words, such as `start`, `die`, `oom`, `destroy`.
    pub action: String,
    /// Its labels, and what the action adds, such as `exitCode`.
    pub attributes: BTreeMap<String, String>,
    /// When, in nanoseconds since 1970, by the engine's clock.
    pub at_nanoseconds: i64,
}

impl Engine {
    /// What happens from now on to containers with all of these labels. It ends with an error
    /// when the engine goes away, and otherwise never. Asking begins with the first poll.
    pub fn events(
        &self,
        labels: &[(&str, Option<&str>)],
    ) -> impl Stream<Item = Result<ContainerEvent, EngineError>> + Send + 'static {
        let mut filters: HashMap<String, Vec<String>> = wire::label_filter(labels);
        filters.insert("type".to_owned(), vec!["container".to_owned()]);
        let options = EventsOptions { filters: Some(filters), ..EventsOptions::default() };
        let ended = Cause::Disconnected("the engine ended the stream".to_owned());
        let events = self.docker.events(Some(options)).map(|event| {
            let event = event.map_err(|error| EngineError::Events { cause: error.into() })?;
            let actor = event.actor.unwrap_or_default();
            let attributes: BTreeMap<String, String> =
                actor.attributes.unwrap_or_default().into_iter().collect();
            Ok(ContainerEvent {
                container: attributes.get("name").cloned().or(actor.id).unwrap_or_default(),
                action: event.action.unwrap_or_default(),
                attributes,
                at_nanoseconds: event.time_nano.unwrap_or_default(),
            })
        });
        events
            .chain(futures_util::stream::once(async { Err(EngineError::Events { cause: ended }) }))
    }
}
