//! `pods/<name>/log`: what a pod has written.
//!
//! Which container is not asked for: a pod here runs at most one program. Following a log is
//! refused with a reason; `--previous` has nothing to show.

use http::Response;

use super::query::Query;
use super::{ApiBody, text};
use crate::api::error::{ApiError, Reason};
use crate::api::object::ObjectName;
use crate::api::pod_log::Wanted;
use crate::api::resources::at;
use crate::api::{Kind, Store};

/// Answers a request for a log.
pub(super) fn answer(
    store: &Store,
    query: &Query,
    pod: &ObjectName,
) -> Result<Response<ApiBody>, ApiError> {
    if store.get(&Kind::new("", "Pod"), pod).is_none() {
        let resource = at("", "v1", "pods").expect("pods are served");
        return Err(ApiError::not_found(resource, pod));
    }
    for (switch, why) in [
        ("follow", "logs of the embedded cluster cannot be followed; ask again without it"),
        ("previous", "containers of the embedded cluster do not restart"),
    ] {
        if query.is_on(switch) {
            return Err(ApiError::new(Reason::BadRequest, format!("{switch}: {why}")));
        }
    }
    let wanted = Wanted {
        since: Some(query.get("sinceTime").to_owned()).filter(|time| !time.is_empty()),
        since_seconds: number(query, "sinceSeconds")?,
        tail: number(query, "tailLines")?,
        timestamps: query.is_on("timestamps"),
    };
    Ok(text(store.pod_logs().read(pod, &wanted)))
}

fn number<N: std::str::FromStr>(query: &Query, name: &str) -> Result<Option<N>, ApiError> {
    let given = query.get(name);
    if given.is_empty() {
        return Ok(None);
    }
    let refused = || ApiError::bad_request(format!("{name}: expected a number, found {given:?}"));
    given.parse().map(Some).map_err(|_| refused())
}
