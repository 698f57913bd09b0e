use std::cell::Cell;

use serde_json::json;

use super::*;
use crate::memory_api::{MemoryApi, status};

const LONG: Duration = Duration::from_mins(10);
const BRIEF: Duration = Duration::from_millis(30);
const OFTEN: Duration = Duration::from_millis(1);
const PATH: &str = "/api/v1/namespaces/apps/services/web";

fn web() -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Service".to_owned(),
        namespace: Some("apps".to_owned()),
        name: "web".to_owned(),
    }
}

fn service(version: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": "apps", "name": "web", "labels": {"version": version}}})
}

/// Satisfied with version 2.
fn second_version(found: Option<&Value>) -> Poll<()> {
    match found.and_then(|found| found.pointer("/metadata/labels/version")) {
        Some(version) if version == "2" => Poll::Ready(()),
        Some(version) => Poll::NotYet { missing: format!("version 2, seen {version}") },
        None => Poll::NotYet { missing: "the Service does not exist".to_owned() },
    }
}

fn not_yet<T>(missing: &str) -> Poll<T> {
    Poll::NotYet { missing: missing.to_owned() }
}

#[tokio::test]
async fn wait_ends_with_what_the_look_found() {
    let looks = Cell::new(0_u32);
    let found = until(
        LONG,
        OFTEN,
        |_| (),
        || async {
            looks.set(looks.get() + 1);
            if looks.get() < 3 { not_yet("more looks") } else { Poll::Ready(looks.get()) }
        },
    )
    .await;
    assert_eq!(found, Ok(3));
}

#[tokio::test]
async fn deadline_tells_what_was_missing_last() {
    let looks = Cell::new(0_u32);
    let error = until::<(), _>(
        BRIEF,
        OFTEN,
        |_| (),
        || async {
            looks.set(looks.get() + 1);
            not_yet(if looks.get() == 1 { "an address" } else { "listener http" })
        },
    )
    .await
    .unwrap_err();
    let WaitError::TimedOut { deadline, missing, looks: told } = &error else { panic!("{error}") };
    assert_eq!((*deadline, missing.as_str(), *told), (BRIEF, "listener http", looks.get()));
    assert_eq!(
        error.to_string(),
        format!("timed out after 30 ms, {} looks: listener http", looks.get())
    );
}

#[tokio::test]
async fn never_ends_a_wait_long_before_its_deadline() {
    let error =
        until::<(), _>(LONG, OFTEN, |_| (), || async { Poll::Never { why: "refused".into() } })
            .await
            .unwrap_err();
    assert_eq!(error, WaitError::Never { why: "refused".to_owned() });
}

#[tokio::test]
async fn wait_without_time_still_looks_once_and_takes_what_it_sees() {
    let found = until(
        Duration::ZERO,
        LONG,
        |_| (),
        || async {
            tokio::task::yield_now().await;
            Poll::Ready(7)
        },
    )
    .await;
    assert_eq!(found, Ok(7));
    let error =
        until::<(), _>(Duration::ZERO, LONG, |_| (), || async { not_yet("x") }).await.unwrap_err();
    assert!(matches!(error, WaitError::TimedOut { looks: 1, .. }), "{error}");
}

#[tokio::test]
async fn last_look_is_at_the_deadline_however_rare_looks_are() {
    let looks = Cell::new(0_u32);
    let found = until(
        BRIEF,
        LONG,
        |_| (),
        || async {
            looks.set(looks.get() + 1);
            if looks.get() == 1 { not_yet("a second look") } else { Poll::Ready(()) }
        },
    )
    .await;
    assert_eq!(found, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn look_that_hangs_does_not_hold_the_wait_beyond_its_deadline() {
    let looks = Cell::new(0_u32);
    let error = until::<(), _>(
        BRIEF,
        OFTEN,
        |_| (),
        || async {
            looks.set(looks.get() + 1);
            if looks.get() > 1 {
                std::future::pending::<()>().await;
            }
            not_yet("an address")
        },
    )
    .await
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "timed out after 30 ms, one look: an address (and the last look had no answer)"
    );
}

#[tokio::test]
async fn progress_is_told_once_for_each_change() {
    let mut told = Vec::new();
    let looks = Cell::new(0_u32);
    let found = until(
        LONG,
        OFTEN,
        |missing: &str| told.push(missing.to_owned()),
        || async {
            looks.set(looks.get() + 1);
            match looks.get() {
                1 | 2 => not_yet("a"),
                3 => not_yet("b"),
                _ => Poll::Ready(()),
            }
        },
    )
    .await;
    assert_eq!(found, Ok(()));
    assert_eq!(told, ["a", "b"]);
}

#[tokio::test]
async fn change_of_a_watched_object_wakes_the_wait() {
    let api = MemoryApi::new();
    let client = api.client();
    api.put(PATH, service("1"));
    let object = web();
    // Without the event only the re-list would look again; time stands still, so it never does.
    tokio::time::pause();
    let before = Instant::now();
    let (found, ()) =
        tokio::join!(until_object(&client, &object, LONG, |_| (), second_version), async {
            while api.watchers() == 0 {
                tokio::task::yield_now().await;
            }
            api.put(PATH, service("2"));
        });
    assert_eq!(found, Ok(()));
    assert!(before.elapsed() < RELIST_EVERY, "the wait was woken, and not by its re-list");
}

#[tokio::test(start_paused = true)]
async fn lost_event_is_made_up_for_by_the_next_relist() {
    let api = MemoryApi::new();
    let client = api.client();
    api.put(PATH, service("1"));
    let object = web();
    let (found, ()) =
        tokio::join!(until_object(&client, &object, LONG, |_| (), second_version), async {
            while api.watchers() == 0 {
                tokio::task::yield_now().await;
            }
            api.put_silently(PATH, service("2"));
        });
    assert_eq!(found, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn kind_that_is_served_only_later_is_waited_for() {
    let api = MemoryApi::empty();
    let client = api.client();
    let object = web();
    let mut told = Vec::new();
    let (found, ()) = tokio::join!(
        until_object(&client, &object, LONG, |m: &str| told.push(m.to_owned()), second_version),
        async {
            tokio::time::timeout(RELIST_EVERY * 3, std::future::pending::<()>()).await.unwrap_err();
            api.serve("v1", "Service", "services", true);
            api.put(PATH, service("2"));
        }
    );
    assert_eq!(found, Ok(()));
    assert!(told[0].contains("serves no kind Service"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn watch_that_breaks_off_at_once_does_not_make_the_wait_spin() {
    let api = MemoryApi::new();
    let client = api.client();
    // The list of the watch has this path too, and has no resource version.
    api.answer("GET /api/v1/namespaces/apps/services", 410, status(410, "Expired", "old", &[]));
    let object = web();
    let error = until_object(&client, &object, Duration::from_secs(10), |_| (), second_version)
        .await
        .unwrap_err();
    let WaitError::TimedOut { looks, .. } = error else { panic!("{error}") };
    assert!((10..=12).contains(&looks), "one look for each re-list, not {looks}");
}

#[tokio::test]
async fn refused_read_is_not_waited_out_and_an_overloaded_server_is() {
    let api = MemoryApi::new();
    let line = format!("GET {PATH}");
    api.answer(&line, 503, status(503, "ServiceUnavailable", "starting", &[]));
    api.answer(&line, 403, status(403, "Forbidden", "not yours", &[]));
    let mut told = Vec::new();
    let object = web();
    let error = until_object(
        &api.client(),
        &object,
        LONG,
        |missing: &str| told.push(missing.to_owned()),
        second_version,
    )
    .await
    .unwrap_err();
    assert!(told[0].contains("starting"), "{told:?}");
    assert!(matches!(&error, WaitError::Never { why } if why.contains("not yours")), "{error}");
}

#[tokio::test]
async fn gone_is_told_from_being_held_by_a_finalizer() {
    let api = MemoryApi::new();
    let client = api.client();
    assert_eq!(until_gone(&client, &web(), BRIEF, |_| ()).await, Ok(()));
    let mut held = service("1");
    held["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    held["metadata"]["finalizers"] = json!(["example.test/keep"]);
    api.put(PATH, held);
    let error = until_gone(&client, &web(), BRIEF, |_| ()).await.unwrap_err();
    assert!(
        error.to_string().ends_with(
            "Service apps/web still exists: its deletion waits for finalizers example.test/keep"
        ),
        "{error}"
    );
}

#[test]
fn a_namespace_that_stays_says_what_it_still_holds() {
    let message = "Some content in the namespace has finalizers remaining: a.test/b in 1 resource";
    let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace",
    "metadata": {"name": "apps", "deletionTimestamp": "2026-01-01T00:00:00Z"},
    "status": {"conditions": [
        {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "fine"},
        {"type": "NamespaceFinalizersRemaining", "status": "True", "message": message},
    ]}});
    let reference = crate::object::reference(&namespace).expect("it has a name");
    let told = super::still_there(&reference, &namespace);
    assert!(told.ends_with(&format!("it is being deleted, and {message}")), "{told}");
    namespace["status"] = json!({"conditions": []});
    let told = super::still_there(&reference, &namespace);
    assert!(told.ends_with("it is being deleted"), "{told}");
}

#[tokio::test]
async fn removal_of_a_watched_object_wakes_the_wait() {
    let api = MemoryApi::new();
    let client = api.client();
    api.put(PATH, service("1"));
    let object = web();
    let (gone, ()) = tokio::join!(until_gone(&client, &object, LONG, |_| ()), async {
        while api.watchers() == 0 {
            tokio::task::yield_now().await;
        }
        api.remove(PATH);
    });
    assert_eq!(gone, Ok(()));
}

#[tokio::test]
async fn wait_can_run_in_a_task_of_its_own() {
    let api = MemoryApi::new();
    api.put(PATH, service("2"));
    let client = api.client();
    let task = tokio::spawn(async move {
        let object = web();
        until(
            LONG,
            OFTEN,
            |_| (),
            || async {
                match client.get(&object).await {
                    Ok(found) => second_version(found.as_ref()),
                    Err(error) => unreadable(&error),
                }
            },
        )
        .await?;
        until_object(&client, &object, LONG, |_| (), second_version).await
    });
    assert_eq!(task.await.unwrap(), Ok(()));
}
