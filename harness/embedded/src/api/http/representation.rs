//! How objects are shown: as they are, as metadata only, or as a table for people.
//!
//! The client asks by the `Accept` header. An object is always shown in the version of the path.

use serde_json::{Value, json};

use super::page::Standing;
use super::route::Place;
use super::table;

/// How to show objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Representation {
    /// As they are.
    Full,
    /// `PartialObjectMetadata`.
    Metadata,
    /// `Table`.
    Table,
}

impl Representation {
    /// The first form in an `Accept` header that is known.
    pub(super) fn from_accept(accept: &str) -> Self {
        let known = accept.split(',').find_map(|media_type| {
            let parameter = |wanted: &str| media_type.split(';').any(|part| part.trim() == wanted);
            if parameter("as=Table") && parameter("v=v1") {
                Some(Self::Table)
            } else if (parameter("as=PartialObjectMetadata")
                || parameter("as=PartialObjectMetadataList"))
                && parameter("v=v1")
            {
                Some(Self::Metadata)
            } else if media_type.contains("as=") {
                None
            } else {
                Some(Self::Full)
            }
        });
        known.unwrap_or(Self::Full)
    }

    /// One object as text.
    pub(super) fn one_text(self, object: &Value, place: &Place, now: &str) -> Vec<u8> {
        let mut text = Vec::new();
        if self == Self::Full {
            write_in_version(&mut text, object, place);
        } else {
            write(&mut text, &self.one(object, place, now));
        }
        text
    }

    /// A list as text, with where it stands. Objects are not copied on the way.
    pub(super) fn list_text<'o>(
        self,
        objects: impl Iterator<Item = &'o Value>,
        place: &Place,
        now: &str,
        standing: &Standing,
    ) -> Vec<u8> {
        let mut text = Vec::new();
        if self != Self::Full {
            write(&mut text, &self.list(objects, place, now, standing));
            return text;
        }
        let head = self.list(std::iter::empty(), place, now, standing);
        text.extend_from_slice(b"{\"items\":[");
        for (index, object) in objects.enumerate() {
            if index > 0 {
                text.push(b',');
            }
            write_in_version(&mut text, object, place);
        }
        text.push(b']');
        for field in ["apiVersion", "kind", "metadata"] {
            text.extend_from_slice(format!(",\"{field}\":").as_bytes());
            write(&mut text, &head[field]);
        }
        text.push(b'}');
        text
    }

    /// One object.
    pub(super) fn one(self, object: &Value, place: &Place, now: &str) -> Value {
        match self {
            Self::Full => in_version(object, place),
            Self::Metadata => metadata_only(object),
            Self::Table => table::of(std::iter::once(object), place, now, None),
        }
    }

    /// A list, with where it stands.
    pub(super) fn list<'o>(
        self,
        objects: impl Iterator<Item = &'o Value>,
        place: &Place,
        now: &str,
        standing: &Standing,
    ) -> Value {
        let api_version = place.resource.api_version(place.version);
        let (api_version, kind, items): (_, _, Vec<_>) = match self {
            Self::Table => return table::of(objects, place, now, Some(standing)),
            Self::Full => (
                api_version,
                format!("{}List", place.resource.kind),
                objects.map(|object| in_version(object, place)).collect(),
            ),
            Self::Metadata => (
                "meta.k8s.io/v1".to_owned(),
                "PartialObjectMetadataList".to_owned(),
                objects.map(metadata_only).collect(),
            ),
        };
        json!({
            "apiVersion": api_version,
            "kind": kind,
            "metadata": standing.metadata(),
            "items": items,
        })
    }
}

fn write(text: &mut Vec<u8>, value: &Value) {
    serde_json::to_writer(text, value).expect("a JSON value can be written to memory");
}

fn write_in_version(text: &mut Vec<u8>, object: &Value, place: &Place) {
    let wanted = place.resource.api_version(place.version);
    if object["apiVersion"] == wanted.as_str() {
        write(text, object);
    } else {
        write(text, &in_version(object, place));
    }
}

fn in_version(object: &Value, place: &Place) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!(place.resource.api_version(place.version));
    object
}

/// The metadata of an object, as `PartialObjectMetadata`.
pub(super) fn metadata_only(object: &Value) -> Value {
    json!({
        "apiVersion": "meta.k8s.io/v1",
        "kind": "PartialObjectMetadata",
        "metadata": object["metadata"],
    })
}

#[cfg(test)]
mod tests {
    use super::Representation;

    #[test]
    fn accept_header_chooses_the_first_known_form() {
        for (accept, expected) in [
            ("", Representation::Full),
            ("application/json, */*", Representation::Full),
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
                Representation::Table,
            ),
            (
                "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                Representation::Full,
            ),
            (
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
                Representation::Metadata,
            ),
        ] {
            assert_eq!(Representation::from_accept(accept), expected, "{accept}");
        }
    }
}
