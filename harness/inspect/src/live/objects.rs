//! Objects of the kinds in the table, everywhere or where the reader may look.

use futures_util::future::join_all;
use gateproof_core::dossier::{Unread, Why};
use serde_json::Value;

use super::Places;
use super::reader::{Failure, Reader, Wanted};
use crate::component;
use crate::evidence::Evidence;
use crate::reading::{
    Choice, DEFINITIONS, DEFINITIONS_HIDE, DEFINITIONS_IN, EVENTS_ABOUT, Reading, Scope, is_known,
};

/// What a group of reads brought.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) objects: Vec<Value>,
    unread: Vec<Unread>,
}

impl Read {
    /// Tells of something that could not be read.
    pub(super) fn miss(&mut self, what: impl Into<String>, why: Why, hides: impl Into<String>) {
        self.unread.push(Unread { what: what.into(), why, hides: hides.into() });
    }

    fn extend(&mut self, other: Self) {
        self.objects.extend(other.objects);
        self.unread.extend(other.unread);
    }

    /// Hands everything over.
    pub(super) fn into_evidence(self, evidence: &mut Evidence) {
        for object in self.objects {
            evidence.add(object);
        }
        for Unread { what, why, hides } in self.unread {
            evidence.miss(what, why, hides);
        }
    }
}

/// Reads kinds side by side.
pub(super) async fn read(reader: &Reader<'_>, kinds: &[Reading], places: &Places) -> Read {
    let mut all = Read::default();
    for read in join_all(kinds.iter().map(|reading| kind(reader, reading, places))).await {
        all.extend(read);
    }
    all
}

/// Reads a kind in one namespace.
pub(super) async fn read_in(reader: &Reader<'_>, reading: &Reading, place: &str) -> Read {
    let mut read = Read::default();
    match in_place(reader, reading, Some(place)).await {
        Ok(objects) => read.objects = objects,
        Err(failure) => read.miss(
            format!("{} objects in {place}", reading.kind.kind),
            failure.why(&format!("list {} in namespace {place}", reading.resource())),
            reading.hides,
        ),
    }
    read
}

/// Definitions of kinds, one by one.
pub(super) async fn definitions(reader: &Reader<'_>) -> Read {
    let asked = DEFINITIONS
        .iter()
        .map(|name| reader.get(DEFINITIONS_IN, "CustomResourceDefinition", None, name));
    let mut read = Read::default();
    let mut failures: Vec<Failure> = Vec::new();
    for answer in join_all(asked).await {
        match answer {
            Ok(found) => read.objects.extend(found),
            Err(failure) if !failures.contains(&failure) => failures.push(failure),
            Err(_) => {}
        }
    }
    for failure in failures {
        let permission = "get customresourcedefinitions.apiextensions.k8s.io";
        read.miss("CustomResourceDefinitions", failure.why(permission), DEFINITIONS_HIDE);
    }
    read
}

async fn kind(reader: &Reader<'_>, reading: &Reading, places: &Places) -> Read {
    let mut read = Read::default();
    let resource = reading.resource();
    let what = format!("{} objects", reading.kind.kind);
    match in_place(reader, reading, None).await {
        Ok(objects) => read.objects = objects,
        Err(Failure::Forbidden) if reading.scope == Scope::Namespaces => {
            let permission = format!("list {resource} in all namespaces");
            let hides = format!("{} in namespaces that are not named", reading.hides);
            read.miss(what, Why::Forbidden(permission), hides);
            let places = match reading.choice {
                Choice::Components => &places.components,
                Choice::All | Choice::EventsOfGateways => &places.gateways,
            };
            let asked = places.iter().map(|place| read_in(reader, reading, place));
            for there in join_all(asked).await {
                read.extend(there);
            }
        }
        Err(failure) => {
            read.miss(what, failure.why(&format!("list {resource}")), reading.hides);
        }
    }
    read
}

/// In all namespaces or in one, in the first version that is served.
async fn in_place(
    reader: &Reader<'_>,
    reading: &Reading,
    namespace: Option<&str>,
) -> Result<Vec<Value>, Failure> {
    let group = reading.kind.group;
    for version in reading.kind.versions {
        match chosen(reader, reading, &reading.kind.api_version(version), namespace).await {
            Err(Failure::NotServed) => {}
            answer => return answer,
        }
    }
    if group.is_empty() {
        return Err(Failure::NotServed);
    }
    // A release after those that we know may serve it in another version alone, and "not served"
    // would be taken for "there is none".
    for version in reader.versions(group).await? {
        if is_known(group, &version) {
            continue;
        }
        match chosen(reader, reading, &format!("{group}/{version}"), namespace).await {
            Err(Failure::NotServed) => {}
            answer => return answer,
        }
    }
    Err(Failure::NotServed)
}

async fn chosen(
    reader: &Reader<'_>,
    reading: &Reading,
    api_version: &str,
    namespace: Option<&str>,
) -> Result<Vec<Value>, Failure> {
    let all = Wanted { api_version, kind: reading.kind.kind, namespace, labels: "", fields: "" };
    let events: Vec<String> =
        EVENTS_ABOUT.iter().map(|kind| format!("involvedObject.kind={kind}")).collect();
    let wanted: Vec<Wanted<'_>> = match reading.choice {
        Choice::All => vec![all],
        Choice::Components => {
            component::SELECTORS.iter().map(|labels| Wanted { labels, ..all }).collect()
        }
        Choice::EventsOfGateways => {
            events.iter().map(|fields| Wanted { fields: fields.as_str(), ..all }).collect()
        }
    };
    let mut objects = Vec::new();
    let mut wanted = wanted.into_iter();
    // What is refused to a reader with few rights is asked for once, not in every form.
    if reader.has_few_rights()
        && let Some(first) = wanted.next()
    {
        objects.extend(reader.list(first).await?);
    }
    for answer in join_all(wanted.map(|wanted| reader.list(wanted))).await {
        objects.extend(answer?);
    }
    Ok(objects)
}
