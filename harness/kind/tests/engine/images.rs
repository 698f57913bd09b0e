//! Images: made here, moved through archives, pulled from a registry of this suite.

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use gateproof_kind::docker_config::DockerEnvironment;
use gateproof_kind::engine::Pull;
use gateproof_kind::image::Credentials;

use super::fixture::{Fixture, LABEL, PATIENCE, labels};
use super::registry::{Access, Registry};

pub(crate) fn round_trip(fixture: &Fixture) {
    fixture.run(async {
        let engine = &fixture.engine;
        let name = fixture.name("trip");
        let tags = [format!("{name}:1"), format!("{name}:2")];
        let changes = [
            "ENTRYPOINT [\"/bin/boot\"]".to_owned(),
            "ENV container=docker".to_owned(),
            format!("LABEL {LABEL}={} trip={name}", std::process::id()),
        ];
        let root = stream::iter([Ok(fixture.root_archive.clone())]);
        let id = engine.import_image(&tags[0], root, &changes, PATIENCE).await.expect("an image");
        engine.tag_image(&tags[0], &tags[1]).await.expect("it is named");
        let image = engine.inspect_image(&tags[1]).await.expect("an answer").expect("it exists");
        assert_eq!(image.id, id);
        assert_eq!(image.tags, tags);
        assert_eq!(image.platform.os, "linux");
        assert_eq!(image.labels.get("trip"), Some(&name));
        assert!(image.size > 100_000, "it holds the program: {image:?}");

        let names: Vec<&str> = tags.iter().map(String::as_str).collect();
        let saved: Vec<Bytes> = engine
            .save_images(&names, Some(&image.platform))
            .try_collect()
            .await
            .expect("an archive");
        for tag in &tags {
            engine.remove_image(tag).await.expect("it is removed");
            engine.remove_image(tag).await.expect("what is gone is as good as removed");
        }
        assert_eq!(engine.inspect_image(&id).await, Ok(None), "it went with its last name");
        let saved = stream::iter(saved.into_iter().map(Ok));
        let mut loaded = engine.load_images("the archive", saved, PATIENCE).await.expect("loaded");
        loaded.sort();
        assert_eq!(loaded, tags);
        let again = engine.inspect_image(&tags[0]).await.expect("an answer").expect("it exists");
        assert_eq!(again, image, "the very same");

        let found = engine.list_images(&[("trip", Some(name.as_str()))]).await.expect("a list");
        assert_eq!(found, [again]);
        let absent: Result<Vec<Bytes>, _> =
            engine.save_images(&["gateproof-nothing:1"], None).try_collect().await;
        let error = absent.expect_err("there is no such image");
        assert!(
            error.to_string().starts_with("failed to save image gateproof-nothing:1"),
            "{error}"
        );
    });
}

pub(crate) fn built(fixture: &Fixture) {
    fixture.run(async {
        let engine = &fixture.engine;
        let context = |dockerfile: &str| {
            let mut archive = tar::Builder::new(Vec::new());
            for (path, content) in [("Dockerfile", dockerfile), ("hello", "hello")] {
                let mut header = tar::Header::new_gnu();
                header.set_mode(0o644);
                header.set_size(content.len() as u64);
                archive.append_data(&mut header, path, content.as_bytes()).expect("in memory");
            }
            Bytes::from(archive.into_inner().expect("in memory"))
        };
        let name = format!("{}:1", fixture.name("built"));
        let good = context("FROM scratch\nCOPY hello /hello\nCMD [\"/hello\"]\n");
        let id = engine.build_image(&name, good, &labels(), PATIENCE).await.expect("an image");
        let image = engine.inspect_image(&id).await.expect("an answer").expect("it exists");
        assert_eq!(image.tags, std::slice::from_ref(&name));
        assert_eq!(image.labels, labels());

        let bad = context("FROM scratch\nCOPY nothing /hello\n");
        let error = engine.build_image(&name, bad, &labels(), PATIENCE).await.expect_err("bad");
        let words = error.to_string();
        assert!(words.contains("failed to build image") && words.contains("nothing"), "{words}");
    });
}

pub(crate) fn refused_archives(fixture: &Fixture) {
    fixture.run(async {
        let engine = &fixture.engine;
        let garbage = || stream::iter([Ok(Bytes::from_static(&[7; 2000]))]);
        let error = engine.load_images("bundle.tar", garbage(), PATIENCE).await;
        let words = error.expect_err("no archive").to_string();
        assert!(words.starts_with("failed to load image bundle.tar: "), "{words}");
        let name = format!("{}:1", fixture.name("garbage"));
        let error = engine.import_image(&name, garbage(), &[], PATIENCE).await;
        let words = error.expect_err("no archive").to_string();
        assert!(words.starts_with(&format!("failed to import image {name}: ")), "{words}");
        assert_eq!(engine.inspect_image(&name).await, Ok(None), "nothing came of it");
    });
}

pub(crate) fn pulled_in_the_end(fixture: &Fixture) {
    fixture.run(async {
        let registry = Registry::start(Access::Open, &labels()).await;
        let name = format!("{}/busy:1", registry.host);
        let pull = Pull { reference: &name, platform: None, credentials: None, deadline: PATIENCE };
        let mut told = Vec::new();
        let pulled = fixture.engine.pull_image(&pull, |progress| told.push(progress.clone())).await;
        pulled.expect("it is pulled in the end");
        assert!(registry.asked("busy") >= 3, "it was busy twice");
        let image = fixture.engine.inspect_image(&name).await.expect("an answer");
        let image = image.expect("it is there");
        assert_eq!(image.tags, std::slice::from_ref(&name));
        assert_eq!(image.labels, labels());
        let last = told.last().expect("progress was told");
        assert!(last.attempt > 1, "{last:?}");
        // By digest, which is what the engine knows it by now.
        let digest = image.digests.first().expect("it has one").clone();
        fixture.engine.remove_image(&name).await.expect("it is removed");
        let pull = Pull { reference: &digest, ..pull };
        fixture.engine.pull_image(&pull, |_| ()).await.expect("it is pulled by digest");
        assert!(fixture.engine.inspect_image(&digest).await.expect("an answer").is_some());
    });
}

pub(crate) fn pull_is_final(fixture: &Fixture) {
    fixture.run(async {
        let open = Registry::start(Access::Open, &labels()).await;
        for (repository, remedy) in [
            ("absent", "see that name, tag and digest are right"),
            ("limited", "limits pulls"),
            ("denied", "with an account that may pull it"),
        ] {
            let name = format!("{}/{repository}:1", open.host);
            let pull =
                Pull { reference: &name, platform: None, credentials: None, deadline: PATIENCE };
            let error = fixture.engine.pull_image(&pull, |_| ()).await.expect_err(repository);
            let words = error.to_string();
            assert!(words.starts_with(&format!("failed to pull image {name}: ")), "{words}");
            assert!(words.contains(remedy), "{words}");
            assert!(!words.contains(" tries"), "not repeated: {words}");
        }
        let private = Registry::start(Access::With("Basic bWU6c2VjcmV0"), &labels()).await;
        let name = format!("{}/good:1", private.host);
        let pull = Pull { reference: &name, platform: None, credentials: None, deadline: PATIENCE };
        let error = fixture.engine.pull_image(&pull, |_| ()).await.expect_err("who are we");
        assert!(error.to_string().contains("docker login"), "{error}");
        let password = |password: &str| Credentials::Password {
            user: "me".to_owned(),
            password: password.to_owned(),
        };
        let wrong = password("guess");
        let refused = Pull { credentials: Some(&wrong), ..pull.clone() };
        let error = fixture.engine.pull_image(&refused, |_| ()).await.expect_err("wrong");
        assert!(!error.to_string().contains("guess"), "no secret in a message: {error}");
        let right = password("secret");
        let allowed = Pull { credentials: Some(&right), ..pull };
        fixture.engine.pull_image(&allowed, |_| ()).await.expect("we may");
        fixture.engine.remove_image(&name).await.expect("it is removed");
    });
}

pub(crate) fn credentials_of_settings(fixture: &Fixture) {
    fixture.run(async {
        let private = Registry::start(Access::With("Basic bWU6c2VjcmV0"), &labels()).await;
        let folder = tempfile::tempdir().expect("a folder");
        let settings =
            serde_json::json!({ "auths": { private.host.clone(): { "auth": "bWU6c2VjcmV0" } } });
        std::fs::write(folder.path().join("config.json"), settings.to_string()).expect("written");
        let environment =
            DockerEnvironment { config: Some(folder.path().to_owned()), ..Default::default() };
        let name = format!("{}/good:1", private.host);
        let pull = Pull { reference: &name, platform: None, credentials: None, deadline: PATIENCE };
        let engine = fixture.engine.clone().with_docker_settings(environment.clone());
        engine.pull_image(&pull, |_| ()).await.expect("Docker's settings know us");
        engine.remove_image(&name).await.expect("it is removed");

        // A helper that does not work is no reason not to try, and is named when that fails.
        let settings = serde_json::json!({ "credsStore": "gateproof-nothing" });
        std::fs::write(folder.path().join("config.json"), settings.to_string()).expect("written");
        let error = engine.pull_image(&pull, |_| ()).await.expect_err("who are we");
        let words = error.to_string();
        assert!(words.contains("docker-credential-gateproof-nothing"), "{words}");
        let open = Registry::start(Access::Open, &labels()).await;
        let name = format!("{}/good:1", open.host);
        let pull = Pull { reference: &name, ..pull };
        engine.pull_image(&pull, |_| ()).await.expect("it is for everybody");
        engine.remove_image(&name).await.expect("it is removed");
    });
}
