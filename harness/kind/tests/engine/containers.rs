//! Containers, their events, and volumes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt;
use gateproof_kind::container::{Phase, PortBinding, Privileges, Protocol};
use gateproof_kind::engine::Cause;
use gateproof_kind::volume::VolumeState;

use super::fixture::{Fixture, LABEL, PATIENCE, labels};

pub(crate) fn lives_and_is_gone(fixture: &Fixture) {
    fixture.run(async {
        let engine = &fixture.engine;
        let mut spec = fixture.spec("life", &["/bin/boot"]);
        spec.privileges = Privileges::Capabilities(vec!["NET_ADMIN".to_owned()]);
        spec.tmpfs = BTreeMap::from([("/run".to_owned(), String::new())]);
        spec.anonymous_volumes = vec!["/var".to_owned()];
        spec.ports = vec![PortBinding {
            container_port: 6443,
            protocol: Protocol::Tcp,
            host_address: IpAddr::from([127, 0, 0, 1]),
            host_port: None,
        }];
        let id = engine.create_container(&spec).await.expect("it is created");
        let created = engine.inspect_container(&spec.name).await.expect("an answer");
        let created = created.expect("it exists");
        assert_eq!((created.id, created.phase), (id, Phase::Created));
        assert_eq!((&created.name, &created.image), (&spec.name, &spec.image));
        assert_eq!(created.labels.get(LABEL), spec.labels.get(LABEL));

        engine.start_container(&spec.name).await.expect("it starts");
        engine.start_container(&spec.name).await.expect("it runs already");
        let running = engine.inspect_container(&spec.name).await.expect("an answer");
        let running = running.expect("it exists");
        assert_eq!(running.phase, Phase::Running);
        let address = running.addresses.get(&fixture.network).expect("it is on the network");
        assert!(address.v4.is_some(), "it has an IPv4 address: {address:?}");
        let [port] = running.ports.as_slice() else { panic!("one port: {:?}", running.ports) };
        assert_eq!(port.container_port, 6443);
        assert!(port.host_port.is_some_and(|port| port > 0), "the engine chose one: {port:?}");

        engine.stop_container(&spec.name, Duration::ZERO).await.expect("it is stopped");
        let code = engine.wait_container(&spec.name, PATIENCE).await.expect("it has ended");
        assert_eq!(code, 137, "it was killed");
        let ended = engine.inspect_container(&spec.name).await.expect("an answer");
        let ended = ended.expect("it exists").phase;
        assert_eq!(ended, Phase::Exited { code: 137, out_of_memory: false });

        engine.remove_container(&spec.name).await.expect("it is removed");
        assert_eq!(engine.inspect_container(&spec.name).await, Ok(None));
        engine.remove_container(&spec.name).await.expect("what is gone is as good as removed");
    });
}

pub(crate) fn removed_by_many(fixture: &Fixture) {
    fixture.run(async {
        let spec = fixture.spec("removed", &["/bin/boot"]);
        let name = fixture.start(spec).await;
        let removals = (0..6).map(|_| fixture.engine.remove_container(&name));
        for removal in futures_util::future::join_all(removals).await {
            removal.expect("whoever comes second also succeeds");
        }
        assert_eq!(fixture.engine.inspect_container(&name).await, Ok(None), "it is really gone");
    });
}

pub(crate) fn refused_creations(fixture: &Fixture) {
    fixture.run(async {
        let mut spec = fixture.spec("refused", &["/bin/boot"]);
        fixture.engine.create_container(&spec).await.expect("it is created");
        let taken = fixture.engine.create_container(&spec).await.expect_err("the name is taken");
        assert!(taken.is_conflict(), "{taken}");
        let words = taken.to_string();
        assert!(words.contains(&spec.name) && words.contains("already in use"), "{words}");

        "gateproof.example.test/nothing:1".clone_into(&mut spec.image);
        spec.name = fixture.name("refused");
        let absent = fixture.engine.create_container(&spec).await.expect_err("no such image");
        assert!(absent.is_not_found(), "{absent}");
        assert!(absent.to_string().contains("gateproof.example.test/nothing:1"), "{absent}");
    });
}

pub(crate) fn failed_start(fixture: &Fixture) {
    fixture.run(async {
        let spec = fixture.spec("failing", &["/bin/nothing"]);
        fixture.engine.create_container(&spec).await.expect("it is created");
        let error = fixture.engine.start_container(&spec.name).await.expect_err("no such program");
        let words = error.to_string();
        assert!(words.starts_with(&format!("failed to start container {}", spec.name)), "{words}");
        assert!(words.contains("/bin/nothing") && words.contains("no such file"), "{words}");
    });
}

pub(crate) fn found_by_labels(fixture: &Fixture) {
    fixture.run(async {
        let mut names = Vec::new();
        for (what, role) in [("two", "worker"), ("one", "control-plane")] {
            let mut spec = fixture.spec(what, &["/bin/boot"]);
            spec.labels.insert("gateproof.dev/suite-cluster".to_owned(), "found".to_owned());
            spec.labels.insert("gateproof.dev/suite-role".to_owned(), role.to_owned());
            fixture.engine.create_container(&spec).await.expect("it is created");
            names.push(spec.name);
        }
        names.sort();
        let mine = std::process::id().to_string();
        let own = (LABEL, Some(mine.as_str()));
        for (labels, expected) in [
            (vec![own, ("gateproof.dev/suite-cluster", Some("found"))], names.clone()),
            (vec![own, ("gateproof.dev/suite-role", None)], names.clone()),
            (vec![own, ("gateproof.dev/suite-role", Some("worker"))], vec![names[1].clone()]),
            (vec![own, ("gateproof.dev/suite-role", Some("load-balancer"))], vec![]),
        ] {
            let found = fixture.engine.list_containers(&labels).await.expect("a list");
            let found: Vec<String> = found.into_iter().map(|container| container.name).collect();
            assert_eq!(found, expected, "{labels:?}");
        }
    });
}

pub(crate) fn events(fixture: &Fixture) {
    fixture.run(async {
        let mut spec = fixture.spec("told", &["/bin/boot"]);
        spec.labels.insert("gateproof.dev/suite-told".to_owned(), spec.name.clone());
        let label = [("gateproof.dev/suite-told", Some(spec.name.as_str()))];
        let mut events = Box::pin(fixture.engine.events(&label));
        // Starting again and again until the stream stands would be a race; the engine tells
        // what happened since a request began, and this one begins with the first poll.
        let told = async {
            while let Some(event) = events.next().await {
                let event = event.expect("an event");
                if event.action == "die" {
                    return event;
                }
            }
            panic!("the stream never ends by itself");
        };
        let life = async {
            loop {
                let name = fixture.start(spec.clone()).await;
                fixture.engine.remove_container(&name).await.expect("it is removed");
                tokio::task::yield_now().await;
            }
        };
        let event = tokio::select! {
            event = told => event,
            () = life => unreachable!("it goes on"),
            () = gateproof_kubernetes::wait::pause(PATIENCE) => panic!("no event"),
        };
        assert_eq!(event.container, spec.name);
        assert_eq!(event.attributes.get("exitCode").map(String::as_str), Some("137"));
        fixture.engine.remove_container(&spec.name).await.expect("whatever was left");
    });
}

pub(crate) fn volumes(fixture: &Fixture) {
    fixture.run(async {
        let engine = &fixture.engine;
        let volume = VolumeState { name: fixture.name("volume"), labels: labels() };
        engine.ensure_volume(&volume).await.expect("it is created");
        engine.ensure_volume(&volume).await.expect("it exists");
        let mine = std::process::id().to_string();
        let found = engine.list_volumes(&[(LABEL, Some(mine.as_str()))]).await.expect("a list");
        assert!(found.contains(&volume), "{found:?}");
        engine.remove_volume(&volume.name).await.expect("it is removed");
        engine.remove_volume(&volume.name).await.expect("what is gone is as good as removed");
        let found = engine.list_volumes(&[(LABEL, Some(mine.as_str()))]).await.expect("a list");
        assert!(!found.contains(&volume), "{found:?}");

        // In use it stays, and the message names the container's volume.
        engine.ensure_volume(&volume).await.expect("it is created");
        let mut spec = fixture.spec("holder", &["/bin/boot"]);
        spec.binds = vec![format!("{}:/data", volume.name)];
        engine.create_container(&spec).await.expect("it is created");
        let error = engine.remove_volume(&volume.name).await.expect_err("it is in use");
        assert!(matches!(error.cause(), Some(Cause::Conflict(_))), "{error}");
        engine.remove_container(&spec.name).await.expect("it is removed");
        engine.remove_volume(&volume.name).await.expect("it is removed");
    });
}
