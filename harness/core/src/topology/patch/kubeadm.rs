//! Reads `kubeadmConfigPatches` and `kubeadmConfigPatchesJSON6902`.

use super::operations;
use super::{DocumentKind, KubeadmJsonPatch, KubeadmMergePatch, Target};
use crate::source::nearest::nearest;
use crate::source::parse::parse;
use crate::source::problem::Problem;
use crate::source::schema::one_of;
use crate::source::tree::{Content, Node, Place, Source};
use crate::topology::file::JsonPatchFile;

/// Reads merge patches; each text may hold several documents.
pub(in crate::topology) fn merge_patches(
    texts: &[String],
    list: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<KubeadmMergePatch> {
    let mut patches = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let place = list.item(index);
        let Some(documents) = documents(text, place, problems) else { continue };
        if documents.is_empty() {
            problems.push(Problem::at(&place, "this patch is empty").expected(
                "a mapping with `kind:` and what shall change, as kubeadm's documents have it",
            ));
        }
        patches.extend(documents.iter().filter_map(|document| {
            let target = target_of(document, place, problems)?;
            Some(KubeadmMergePatch { target, body: document.to_json(), origin: place.origin() })
        }));
    }
    patches
}

/// The documents of a patch's text; `None` when it is no YAML.
fn documents(text: &str, place: Place<'_>, problems: &mut Vec<Problem>) -> Option<Vec<Node>> {
    let source = Source { path: place.source().path.clone(), text: text.to_owned() };
    let mut inner = Vec::new();
    let documents = parse(&source, &mut inner);
    let broken = !inner.is_empty();
    problems.extend(inner.into_iter().map(|problem| {
        Problem::at(&place, "this patch is not valid YAML")
            .found(problem.found.unwrap_or(problem.what))
            .note(format!("in line {} of the patch, column {}", problem.line, problem.column))
    }));
    (!broken).then_some(documents)
}

fn target_of(document: &Node, place: Place<'_>, problems: &mut Vec<Problem>) -> Option<Target> {
    if !matches!(document.content, Content::Mapping(_)) {
        problems.push(
            Problem::at(&place, "this patch is no mapping")
                .found(document.content.to_string())
                .expected("a mapping with `kind:` and what shall change"),
        );
        return None;
    }
    let text = |key: &str| document.entry(key).map(|entry| &entry.value);
    let kind = match text("kind").map(|node| (node.as_text(), &node.content)) {
        Some((Some(kind), _)) => kind,
        found => {
            let problem = Problem::at(&place, "this patch does not say which document it changes")
                .expected(format!("`kind:` with {}", kinds()))
                .note("kind would ignore it without a word");
            problems.push(match found {
                Some((_, content)) => problem.found(format!("`kind:` with {content}")),
                None => problem,
            });
            return None;
        }
    };
    let api_version = match text("apiVersion").map(|node| (node.as_text(), &node.content)) {
        None | Some((_, Content::Null)) => None,
        Some((Some(version), _)) => Some(version),
        Some((None, content)) => {
            problems.push(
                Problem::at(&place, "this patch's `apiVersion` is no text")
                    .found(content.to_string()),
            );
            return None;
        }
    };
    target(kind, api_version, place, problems)
}

/// Reads JSON patches.
pub(in crate::topology) fn json_patches(
    files: &[JsonPatchFile],
    list: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<KubeadmJsonPatch> {
    let mut patches = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let place = list.item(index);
        let version = match (file.group.as_deref(), file.version.as_deref()) {
            (None | Some(""), None | Some("")) => Some(None),
            (Some(group), Some(version)) if !group.is_empty() && !version.is_empty() => {
                Some(Some(format!("{group}/{version}")))
            }
            _ => {
                problems.push(
                    Problem::at(&place, "`group` and `version` belong together")
                        .expected("both, or none of them for every version of the document")
                        .note("with one of them kind ignores the patch without a word"),
                );
                None
            }
        };
        let target = version.and_then(|version| {
            target(&file.kind, version.as_deref(), place.get("kind"), problems)
        });
        let operations = operations::read(&file.patch, place.get("patch"), problems);
        if let (Some(target), Some(operations)) = (target, operations) {
            patches.push(KubeadmJsonPatch { target, operations, origin: place.origin() });
        }
    }
    patches
}

fn target(
    kind: &str,
    api_version: Option<&str>,
    place: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Target> {
    let Some(known) = DocumentKind::ALL.into_iter().find(|known| known.word() == kind) else {
        problems.push(
            Problem::at(&place, "no document of kubeadm has this kind")
                .found(format!("`{kind}`"))
                .expected(kinds())
                .nearest(nearest(kind, DocumentKind::ALL.map(DocumentKind::word)))
                .note("kind would ignore the patch without a word"),
        );
        return None;
    };
    if let Some(version) = api_version
        && !known.api_versions().contains(&version)
    {
        problems.push(
            Problem::at(&place, format!("{known} does not exist in this version"))
                .found(format!("`{version}`"))
                .expected(one_of(known.api_versions()))
                .nearest(nearest(version, known.api_versions().iter().copied()))
                .note("without `apiVersion` a patch fits whichever version a cluster uses"),
        );
        return None;
    }
    Some(Target { kind: known, api_version: api_version.map(str::to_owned) })
}

fn kinds() -> String {
    one_of(&DocumentKind::ALL.map(DocumentKind::word))
}
