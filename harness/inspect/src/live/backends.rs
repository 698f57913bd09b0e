//! Pods behind backends without a ready endpoint: why they are not ready. Of other backends no pod is
//! asked for.

use futures_util::future::join_all;

use super::objects::Read;
use super::reader::{Reader, Wanted};
use crate::assemble::dead;
use crate::evidence::Evidence;

/// Reads them, Service by Service.
pub(super) async fn read(reader: &Reader<'_>, evidence: &Evidence) -> Read {
    let mut read = Read::default();
    let asked = dead(evidence).into_iter().map(|backend| async move {
        let labels = backend.labels();
        let wanted = Wanted {
            api_version: "v1",
            kind: "Pod",
            namespace: Some(&backend.service.namespace),
            labels: &labels,
            fields: "",
        };
        let answer = reader.list(wanted).await;
        (backend.service, answer)
    });
    for (service, answer) in join_all(asked).await {
        match answer {
            Ok(pods) => read.objects.extend(pods),
            Err(failure) => read.miss(
                format!("what pods there are behind Service {service}"),
                failure.why(&format!("list pods in namespace {}", service.namespace)),
                "why none of them is ready",
            ),
        }
    }
    read
}
