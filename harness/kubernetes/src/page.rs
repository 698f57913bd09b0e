//! Objects of a kind in pages, chosen by labels or fields: for readers who must not ask for
//! everything at once.

use kube::api::ListParams;
use kube::core::Request;
use serde_json::Value;

use crate::client::Client;
use crate::error::{Cause, Operation, ReadError};

/// Which objects are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest<'r> {
    /// `apiVersion`.
    pub api_version: &'r str,
    /// `kind`.
    pub kind: &'r str,
    /// In this namespace; `None` is all of them.
    pub namespace: Option<&'r str>,
    /// Label selector, empty for all.
    pub labels: &'r str,
    /// Field selector, empty for all.
    pub fields: &'r str,
    /// At most so many in a page; `None` asks for everything at once.
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub after: Option<&'r str>,
}

/// A page of objects, as the API has them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// The objects, with `apiVersion` and `kind`.
    pub objects: Vec<Value>,
    /// What to ask with for the next page; `None` when this is the last.
    pub next: Option<String>,
}

impl Client {
    /// Reads one page of a kind.
    ///
    /// # Errors
    /// When the kind is not served, the API refuses (410 when it has forgotten where the page
    /// before ended), or does not answer.
    pub async fn list_page(&self, wanted: &PageRequest<'_>) -> Result<Page, ReadError> {
        let place = wanted.namespace.map(|name| format!(" in {name}")).unwrap_or_default();
        let target = format!("{} objects ({}){place}", wanted.kind, wanted.api_version);
        self.page(wanted).await.map_err(|cause| ReadError {
            operation: Operation::List,
            target,
            origin: None,
            cause,
        })
    }

    async fn page(&self, wanted: &PageRequest<'_>) -> Result<Page, Cause> {
        let mut params = ListParams::default();
        if !wanted.labels.is_empty() {
            params = params.labels(wanted.labels);
        }
        if !wanted.fields.is_empty() {
            params = params.fields(wanted.fields);
        }
        params.limit = wanted.limit;
        params.continue_token = wanted.after.map(str::to_owned);
        let mut list = self
            .with_resource(wanted.api_version, wanted.kind, |resource| {
                Request::new(resource.path(wanted.namespace)).list(&params)
            })
            .await?;
        let next = list
            .pointer("/metadata/continue")
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty())
            .map(str::to_owned);
        let objects = items(&mut list, wanted.api_version, wanted.kind)?;
        Ok(Page { objects, next })
    }
}

/// The items of a list. They get back the `apiVersion` and `kind` that built-in lists leave out.
pub(crate) fn items(list: &mut Value, api_version: &str, kind: &str) -> Result<Vec<Value>, Cause> {
    let items = match list.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        // An empty list of Go is written so by some servers.
        Some(Value::Null) => Vec::new(),
        _ => return Err(Cause::Unreachable("the answer is no list: it has no `items`".to_owned())),
    };
    let complete = |mut item: Value| {
        if let Value::Object(fields) = &mut item {
            fields.entry("apiVersion").or_insert_with(|| api_version.into());
            fields.entry("kind").or_insert_with(|| kind.into());
        }
        item
    };
    Ok(items.into_iter().map(complete).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{PageRequest, items};
    use crate::memory_api::MemoryApi;

    #[tokio::test]
    async fn a_page_is_asked_for_with_its_limits_and_the_next_one_is_told() {
        let api = MemoryApi::new();
        let page = json!({"kind": "ServiceList", "metadata": {"continue": "t2"},
            "items": [{"metadata": {"name": "a", "namespace": "x"}}]});
        api.answer("GET /api/v1/namespaces/x/services", 200, page);
        let wanted = PageRequest {
            api_version: "v1",
            kind: "Service",
            namespace: Some("x"),
            labels: "a=b",
            fields: "metadata.name=a",
            limit: Some(7),
            after: Some("t1"),
        };
        let page = api.client().list_page(&wanted).await.unwrap();
        assert_eq!((page.objects.len(), page.next.as_deref()), (1, Some("t2")));
        assert_eq!(page.objects[0]["kind"], "Service");
        let query = api.seen().pop().unwrap().query;
        for part in ["limit=7", "continue=t1", "labelSelector=a%3Db", "fieldSelector=metadata"] {
            assert!(query.contains(part), "{part} in {query}");
        }
    }

    #[test]
    fn an_answer_without_items_is_no_list() {
        assert!(items(&mut json!({"kind": "Status"}), "v1", "Pod").is_err());
        assert_eq!(items(&mut json!({"items": null}), "v1", "Pod"), Ok(Vec::new()));
    }
}
