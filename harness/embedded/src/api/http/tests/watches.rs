//! Watches.

use std::pin::pin;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use http::Request;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event};
use serde_json::json;
use tokio::time::timeout;

use super::{cluster, config_map, config_maps, refused};
use crate::api::store::{Part, Store};

/// How long an event may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The next events, as kind and name; a bookmark has no name.
async fn next(
    stream: &mut (
             impl futures_util::Stream<Item = Result<WatchEvent<DynamicObject>, kube::Error>> + Unpin
         ),
    count: usize,
) -> Vec<(&'static str, String)> {
    let mut seen = Vec::new();
    for _ in 0..count {
        let event = timeout(PATIENCE, stream.try_next()).await;
        let event = event.unwrap_or_else(|_| panic!("no further event after {seen:?}"));
        let event = event.expect("no error").expect("the watch goes on");
        seen.push(match event {
            WatchEvent::Added(object) => ("added", object.metadata.name.unwrap_or_default()),
            WatchEvent::Modified(object) => ("modified", object.metadata.name.unwrap_or_default()),
            WatchEvent::Deleted(object) => ("deleted", object.metadata.name.unwrap_or_default()),
            WatchEvent::Bookmark(_) => ("bookmark", String::new()),
            WatchEvent::Error(status) => ("error", status.reason),
        });
    }
    seen
}

fn seen(events: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    events.iter().map(|(kind, name)| (*kind, (*name).to_owned())).collect()
}

async fn create(api: &Api<DynamicObject>, name: &str) -> String {
    let created = api.create(&PostParams::default(), &config_map(name, json!({}))).await;
    created.expect("new").metadata.resource_version.expect("a version")
}

#[tokio::test]
async fn a_watch_follows_from_its_version_and_one_without_starts_with_everything() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    create(&api, "a").await;
    let version = create(&api, "b").await;
    let params = WatchParams::default().disable_bookmarks();
    let mut later = pin!(api.watch(&params, &version).await.expect("a watch"));
    let mut all = pin!(api.watch(&params, "0").await.expect("a watch"));
    create(&api, "c").await;
    let patch = Patch::Merge(json!({"data": {"x": "y"}}));
    api.patch("a", &PatchParams::default(), &patch).await.expect("exists");
    api.patch("a", &PatchParams::default(), &patch).await.expect("nothing to change");
    api.delete("b", &kube::api::DeleteParams::default()).await.expect("exists");
    let rest = [("added", "c"), ("modified", "a"), ("deleted", "b")];
    assert_eq!(next(&mut later, 3).await, seen(&rest));
    let everything = [("added", "a"), ("added", "b"), rest[0], rest[1], rest[2]];
    assert_eq!(next(&mut all, 5).await, seen(&everything));
}

#[tokio::test]
async fn objects_that_begin_or_cease_to_match_appear_added_and_deleted() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    let version = create(&api, "a").await;
    let params = WatchParams::default().labels("app=chosen");
    let mut chosen = pin!(api.watch(&params, &version).await.expect("a watch"));
    create(&api, "unseen").await;
    for label in ["chosen", "other"] {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"app": label}}}));
        api.patch("a", &PatchParams::default(), &patch).await.expect("exists");
    }
    assert_eq!(next(&mut chosen, 2).await, seen(&[("added", "a"), ("deleted", "a")]));
}

#[tokio::test]
async fn a_watch_of_a_namespace_sees_no_other() {
    let (store, client) = cluster();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}});
    store.create("test", namespace).expect("new");
    let api = config_maps(&client);
    let mut here = pin!(api.watch(&WatchParams::default(), "0").await.expect("a watch"));
    let mut elsewhere = config_map("x", json!({}));
    elsewhere.metadata.namespace = Some("other".to_owned());
    store.create("test", serde_json::to_value(elsewhere).expect("JSON")).expect("new");
    create(&api, "y").await;
    assert_eq!(next(&mut here, 1).await, seen(&[("added", "y")]));
}

/// Changes an object more often than the history keeps.
fn outlive_history(store: &Store) {
    for count in 0..5000 {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": "apps"}, "data": {"count": count.to_string()}});
        store.apply("test", object, Part::Whole).expect("valid");
    }
}

#[tokio::test]
async fn a_version_that_is_too_old_or_unknown_ends_the_watch_with_an_error_event() {
    let (store, client) = cluster();
    let api = config_maps(&client);
    let first = create(&api, "a").await;
    outlive_history(&store);
    for version in [first.as_str(), "999999"] {
        let mut watch = pin!(api.watch(&WatchParams::default(), version).await.expect("a watch"));
        let Some(Ok(WatchEvent::Error(status))) = watch.next().await else {
            panic!("version {version} must end in an error event")
        };
        assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
        assert!(watch.next().await.is_none(), "the watch is over");
    }
    let newest = store.revision().to_string();
    let mut watch = pin!(api.watch(&WatchParams::default(), &newest).await.expect("a watch"));
    create(&api, "b").await;
    assert_eq!(next(&mut watch, 1).await, seen(&[("added", "b")]), "the newest version is fine");
}

#[tokio::test]
async fn a_watch_that_falls_behind_ends_with_an_error_event() {
    let (store, client) = cluster();
    let api = config_maps(&client);
    let version = create(&api, "a").await;
    let mut slow = pin!(api.watch(&WatchParams::default(), &version).await.expect("a watch"));
    outlive_history(&store);
    assert_eq!(next(&mut slow, 1).await, seen(&[("error", "Expired")]));
    assert!(slow.try_next().await.expect("no error").is_none(), "the watch is over");
}

#[tokio::test]
async fn a_watch_ends_after_its_timeout_with_a_bookmark_if_bookmarks_are_wanted() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    create(&api, "a").await;
    for (params, bookmarks) in
        [(WatchParams::default(), 1), (WatchParams::default().disable_bookmarks(), 0)]
    {
        let stream = api.watch(&params.timeout(1), "0").await.expect("a watch");
        let events: Vec<_> = stream.try_collect().await.expect("no error");
        assert!(matches!(events[0], WatchEvent::Added(_)), "{events:?}");
        let rest = &events[1..];
        assert_eq!(rest.len(), bookmarks, "{events:?}");
        assert!(rest.iter().all(|event| matches!(event, WatchEvent::Bookmark(_))), "{events:?}");
    }
}

#[tokio::test]
async fn both_kinds_of_watcher_see_the_initial_objects_and_changes() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    create(&api, "a").await;
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let mut events = pin!(watcher::watcher(api.clone(), config));
        let mut initial = Vec::new();
        loop {
            match events.try_next().await.expect("no error").expect("goes on") {
                Event::Init => {}
                Event::InitApply(object) => initial.push(object.metadata.name.expect("a name")),
                Event::InitDone => break,
                other => panic!("before the initial list is done: {other:?}"),
            }
        }
        assert_eq!(initial, ["a"]);
        let patch = Patch::Merge(json!({"data": {"n": initial.len().to_string()}}));
        api.patch("a", &PatchParams::default(), &patch).await.expect("exists");
        let added = create(&api, "z").await;
        loop {
            match events.try_next().await.expect("no error").expect("goes on") {
                Event::Apply(object)
                    if object.metadata.resource_version.as_ref() == Some(&added) =>
                {
                    break;
                }
                Event::Apply(_) => {}
                other => panic!("only applies are expected: {other:?}"),
            }
        }
        api.delete("z", &kube::api::DeleteParams::default()).await.expect("exists");
    }
}

#[tokio::test]
async fn initial_events_end_with_an_annotated_bookmark() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    create(&api, "a").await;
    let params = WatchParams::default().initial_events();
    let mut stream = pin!(api.watch(&params, "0").await.expect("a watch"));
    let first = stream.next().await.expect("an event").expect("no error");
    assert!(matches!(first, WatchEvent::Added(_)), "{first:?}");
    let Some(Ok(WatchEvent::Bookmark(bookmark))) = stream.next().await else {
        panic!("the initial events end with a bookmark")
    };
    assert_eq!(bookmark.metadata.annotations["k8s.io/initial-events-end"], "true");
    let path = "/api/v1/configmaps?watch=true&sendInitialEvents=true";
    let request = Request::get(path).body(Vec::new()).expect("a request");
    assert_eq!(refused(client.request_text(request).await).code, 400, "the match must be given");
}

#[tokio::test]
async fn thousands_of_objects_are_listed_and_watched_in_one_pass() {
    let (store, client) = cluster();
    let api = config_maps(&client);
    for number in 0..3000 {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("c-{number:04}"), "namespace": "apps"}});
        store.create("test", object).expect("new");
    }
    let list = api.list(&kube::api::ListParams::default()).await.expect("a list");
    assert_eq!(list.items.len(), 3000);
    let stream = api.watch(&WatchParams::default(), "0").await.expect("a watch");
    let names: Vec<_> = pin!(stream)
        .take(3000)
        .map_ok(|event| match event {
            WatchEvent::Added(object) => object.metadata.name,
            other => panic!("only initial objects are expected: {other:?}"),
        })
        .try_collect()
        .await
        .expect("no error");
    assert_eq!(names.last().expect("one").as_deref(), Some("c-2999"));
}
