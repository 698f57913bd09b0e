//! Lists in pages, as client-go's pager reads them.

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::{cluster, config_map, config_maps, refused};
use crate::api::Store;

async fn filled(api: &Api<DynamicObject>) {
    for name in ["a", "b", "c", "d", "e"] {
        api.create(&PostParams::default(), &config_map(name, json!({}))).await.expect("new");
    }
}

fn names(list: &kube::core::ObjectList<DynamicObject>) -> Vec<&str> {
    list.items.iter().map(|object| object.metadata.name.as_deref().expect("a name")).collect()
}

fn next(params: &ListParams, list: &kube::core::ObjectList<DynamicObject>) -> ListParams {
    params.clone().continue_token(list.metadata.continue_.as_deref().expect("there is more"))
}

#[tokio::test]
async fn pages_show_the_list_as_it_was_when_it_began() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    filled(&api).await;
    let params = ListParams::default().limit(2);
    let first = api.list(&params).await.expect("a page");
    assert_eq!((names(&first), first.metadata.remaining_item_count), (vec!["a", "b"], Some(3)));
    for gone in ["a", "c"] {
        api.delete(gone, &DeleteParams::default()).await.expect("it exists");
    }
    let post = PostParams::default();
    api.create(&post, &config_map("bb", json!({}))).await.expect("new");
    let changed = config_map("d", json!({"changed": "yes"}));
    api.replace("d", &post, &changed).await.expect("it exists");
    let second = api.list(&next(&params, &first)).await.expect("a page");
    assert_eq!((names(&second), second.metadata.remaining_item_count), (vec!["c", "d"], Some(1)));
    assert_eq!(second.items[1].data["data"], json!({}), "as it was");
    let third = api.list(&next(&params, &second)).await.expect("a page");
    assert_eq!(names(&third), ["e"]);
    assert_eq!(
        (third.metadata.continue_.as_deref(), third.metadata.remaining_item_count),
        (None, None)
    );
    let revisions = [&first, &second, &third].map(|list| list.metadata.resource_version.clone());
    assert!(revisions.iter().all(|revision| *revision == revisions[0]), "{revisions:?}");
    assert_eq!(
        names(&api.list(&ListParams::default()).await.expect("a list")),
        ["b", "bb", "d", "e"]
    );
}

#[tokio::test]
async fn a_page_of_chosen_objects_is_full_and_does_not_count_the_rest() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    filled(&api).await;
    let params = ListParams::default().limit(1).labels("app in (b, d)");
    let first = api.list(&params).await.expect("a page");
    assert_eq!((names(&first), first.metadata.remaining_item_count), (vec!["b"], None));
    let second = api.list(&next(&params, &first)).await.expect("a page");
    assert_eq!((names(&second), second.metadata.continue_.as_deref()), (vec!["d"], None));
}

#[tokio::test]
async fn a_token_that_is_too_old_is_gone_and_a_made_up_one_is_refused() {
    let (store, client) = cluster();
    let api = config_maps(&client);
    filled(&api).await;
    let params = ListParams::default().limit(2);
    let first = api.list(&params).await.expect("a page");
    for number in 0..5000 {
        let busy = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "busy", "namespace": "apps"}, "data": {"n": number.to_string()}});
        store.apply("test", busy, crate::api::Part::Whole).expect("an ordinary object");
    }
    let status = refused(api.list(&next(&params, &first)).await);
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
    let status = refused(api.list(&params.clone().continue_token("nonsense")).await);
    assert_eq!(status.code, 400, "{}", status.message);
    let (code, status) = list(&store, "limit=many").await;
    assert_eq!(code, StatusCode::BAD_REQUEST, "{status}");
    assert!(status["message"].as_str().expect("a message").contains("invalid limit \"many\""));
}

#[tokio::test]
async fn a_list_of_any_age_comes_whole_and_an_exact_one_as_it_was() {
    let (store, client) = cluster();
    let api = config_maps(&client);
    filled(&api).await;
    let whole = list(&store, "limit=2&resourceVersion=0").await.1;
    assert_eq!(whole["items"].as_array().expect("items").len(), 5);
    api.delete("a", &DeleteParams::default()).await.expect("it exists");
    let revision = whole["metadata"]["resourceVersion"].as_str().expect("a revision");
    let exact = format!("resourceVersion={revision}&resourceVersionMatch=Exact");
    let then = list(&store, &exact).await.1;
    assert_eq!(then, whole);
}

/// A list of the ConfigMaps of `apps`.
async fn list(store: &Store, query: &str) -> (StatusCode, Value) {
    let request = Request::get(format!("/api/v1/namespaces/apps/configmaps?{query}"))
        .body(String::new())
        .expect("a request");
    let mut service = super::super::service(store.clone());
    let answer = tower::Service::call(&mut service, request).await.expect("infallible");
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes();
    (parts.status, serde_json::from_slice(&bytes).expect("JSON"))
}
