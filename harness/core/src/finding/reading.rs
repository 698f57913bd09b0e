//! The words in which rules read a dossier: Gateways with their listeners and Services, sockets
//! and addresses that were probed, conditions, log lines.
//!
//! Nothing here judges. What is absent reads as absent; whether it could have been read is asked
//! with [`could_read`], because a rule must not take "not read" for "not there".

mod address;
mod challenge;
mod condition;
mod gateway;
mod http;
mod logs;
mod pod;
mod route;
mod service;
mod socket;
mod upstream;

use serde_json::Value;

use crate::dossier::{Dossier, Why, text};
use crate::name::NamespacedName;
use crate::verdict::Verdict;

pub(super) use address::{
    Addressed, Reach, addressed, agents_labels, announces, policies, policies_in_use,
};
pub(super) use challenge::{certificate_of, open_in_dns};
pub(super) use condition::{Condition, condition};
pub(super) use gateway::{
    CONTROLLER, Class, Gateway, Listener, ciliums_gateways, class_of, every_gateway, gateways,
};
pub(super) use http::{Fared, answers, asked_for, failed_requests, made_by_envoy};
pub(super) use logs::{Drift, drifts, rejections};
pub(super) use pod::{is_ready, keeps_ending, trouble};
pub(super) use route::{Route, is_claimed_false, routes};
pub(super) use service::{of_service, selected};
pub(super) use socket::{Socket, dead, nodes_of, sockets, told};
pub(super) use upstream::{Upstream, unanswered, upstream};

/// The group of the Gateway API.
pub(super) const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// An object as it is cited: `Service gateway/cilium-gateway-shared-gateway`.
pub(super) fn cited(object: &Value) -> String {
    let kind = text(object, "/kind").unwrap_or("object");
    let name = text(object, "/metadata/name").unwrap_or("?");
    match text(object, "/metadata/namespace") {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

/// The namespace and name of a namespaced object.
pub(super) fn name_of(object: &Value) -> Option<NamespacedName> {
    let namespace = text(object, "/metadata/namespace")?;
    Some(NamespacedName::new(namespace, text(object, "/metadata/name")?))
}

/// The items of a list at a JSON pointer; none when it is absent.
pub(super) fn items<'v>(object: &'v Value, pointer: &str) -> &'v [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether objects of a kind, such as `EndpointSlice`, were read wherever there are any.
///
/// What was left unread begins with its kind or resource (`EndpointSlice objects in apps`,
/// `endpointslices`). A kind that the cluster does not serve has no objects, and that is read.
pub(super) fn could_read(dossier: &Dossier, kind: &str) -> bool {
    !dossier
        .unread
        .iter()
        .any(|unread| unread.why != Why::NotServed && is_about(&unread.what, kind))
}

/// Whether what was left unread are objects of this kind.
pub(super) fn is_about(what: &str, kind: &str) -> bool {
    let what = what.to_lowercase();
    let word = what.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or("");
    let kind = kind.to_lowercase();
    ["", "s", "es"].iter().any(|plural| word == format!("{kind}{plural}"))
}

/// The entry of the ConfigMap `cilium-config`.
pub(super) fn entry<'d>(dossier: &'d Dossier, key: &str) -> Option<&'d str> {
    dossier.cilium.config_map.as_ref()?.entries.get(key).map(String::as_str)
}

/// How the ConfigMap is cited.
pub(super) fn config_map(dossier: &Dossier) -> String {
    let name = dossier.cilium.config_map.as_ref().and_then(|map| map.name.as_ref());
    match name {
        Some(name) => format!("ConfigMap {name}"),
        None => "ConfigMap cilium-config".to_owned(),
    }
}

/// Whether a check of one of these kinds failed.
pub(super) fn failed(dossier: &Dossier, kinds: &[&str]) -> bool {
    dossier
        .checks
        .iter()
        .any(|check| check.verdict == Verdict::Failed && kinds.contains(&check.kind.as_str()))
}

/// Whether anything is amiss that could want an explanation. Unhealthy targets are not where a check
/// of them passed: behind a node selector some are unhealthy by design.
pub(super) fn in_trouble(dossier: &Dossier) -> bool {
    let failed = dossier.checks.iter().any(|check| check.verdict == Verdict::Failed);
    let as_wanted = dossier
        .checks
        .iter()
        .any(|check| check.kind == "targetHealth" && check.verdict == Verdict::Passed);
    let unhealthy = dossier
        .targets
        .iter()
        .flat_map(|targets| &targets.report.targets)
        .any(|target| target.state.starts_with("unhealthy"));
    failed || (unhealthy && !as_wanted) || !dead(dossier).is_empty()
}

/// Words in a row: `a`, `a and b`, `a, b and c`.
pub(super) fn listed<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}
