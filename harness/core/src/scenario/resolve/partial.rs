//! What can be said about a scenario that does not fit the schema.
//!
//! A person wants to see all mistakes at once. A broken check says nothing about the others, so it
//! is left out; and where more is broken, the topology, the manifests and the Helm values are
//! still looked at, because none of them depends on the rest.

use serde_json::{Value, json};

use super::{Surroundings, load, topology, values};
use crate::cilium::CiliumVersion;
use crate::scenario::file::form::ManifestForm;
use crate::scenario::text::{FORMATS, TextForm};
use crate::source::problem::Problem;
use crate::source::schema::check;
use crate::source::tree::{Content, Entry, Node, Place};

/// The definition of a check in the schema.
const CHECK: &str = "#/$defs/CheckFile";

/// The document without the checks that do not fit the schema.
pub(crate) fn without_broken_checks(place: Place<'_>, document: &Node, schema: &Value) -> Node {
    let schema = json!({"$ref": CHECK, "$defs": schema["$defs"]});
    let broken = |at: Place<'_>| {
        let mut problems = Vec::new();
        check(at, &schema, FORMATS, &mut problems);
        !problems.is_empty()
    };
    let spec = place.get("spec");
    let mut rest = document.clone();
    for (list, below) in [("checks", None), ("steps", Some("check"))] {
        let keep: Vec<bool> = spec
            .get(list)
            .items()
            .map(|item| below.map_or(item, |key| item.get(key)))
            .map(|at| !at.exists() || !broken(at))
            .collect();
        if let Some(Content::Sequence(items)) = content(&mut rest, &["spec", list]) {
            let mut keep = keep.into_iter();
            items.retain(|_| keep.next().unwrap_or(true));
        }
    }
    rest
}

/// The content under a path of keys.
fn content<'n>(node: &'n mut Node, path: &[&str]) -> Option<&'n mut Content> {
    let Some((key, below)) = path.split_first() else { return Some(&mut node.content) };
    let Content::Mapping(entries) = &mut node.content else { return None };
    let entry: &mut Entry = entries.iter_mut().find(|entry| entry.key == *key)?;
    content(&mut entry.value, below)
}

/// Reports what is wrong with the topology, the manifests and the values, as far as these can be
/// made out.
pub(crate) fn resolve(place: Place<'_>, around: &Surroundings<'_>, problems: &mut Vec<Problem>) {
    let spec = place.get("spec");
    if let Some(name) = spec.get("topology").as_text() {
        topology(name, spec, around, problems);
    }
    let lists = std::iter::once(spec.get("manifests"))
        .chain(spec.get("steps").items().map(|step| step.get("apply")));
    for list in lists {
        if let Some(forms) = list.items().map(form).collect::<Option<Vec<ManifestForm>>>() {
            load(&forms, list, around, problems);
        }
    }
    let cilium = spec.at(&["stack", "cilium"]);
    let versions: Vec<CiliumVersion> = std::iter::once(cilium)
        .chain(cilium.items())
        .filter_map(Place::as_text)
        .filter_map(|text| <CiliumVersion as TextForm>::parse(text).ok())
        .collect();
    values::check(spec.at(&["stack", "values"]), &versions, problems);
    for variant in spec.get("variants").items() {
        values::check(variant.get("values"), &versions, problems);
    }
}

fn form(at: Place<'_>) -> Option<ManifestForm> {
    match &at.node()?.content {
        Content::Text(path) => Some(ManifestForm::Path(path.clone())),
        Content::Mapping(_) => Some(ManifestForm::Object),
        _ => None,
    }
}
