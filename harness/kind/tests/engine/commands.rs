//! Commands in containers, and the files that are written and read through them.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use gateproof_kind::engine::{Cause, Input, Output};

use super::fixture::{Fixture, PATIENCE, command};

pub(crate) fn streams_and_exit_code(fixture: &Fixture) {
    fixture.run(async {
        let name = fixture.start(fixture.spec("streams", &["/bin/boot"])).await;
        for code in [0, 3, 255] {
            let both = command(&["both", &code.to_string()]);
            let outcome = fixture.engine.exec(&name, &both, PATIENCE).await.expect("an outcome");
            assert_eq!(outcome.exit_code, code);
            assert_eq!(outcome.stdout, b"to standard output\n");
            assert_eq!(outcome.stderr, b"to standard error\n");
        }
        let mut environment = command(&["environment", "KUBECONFIG"]);
        environment.env = vec!["KUBECONFIG=/etc/kubernetes/admin.conf".to_owned()];
        let outcome = fixture.engine.exec(&name, &environment, PATIENCE).await;
        assert_eq!(outcome.expect("an outcome").stdout, b"/etc/kubernetes/admin.conf\n");
    });
}

pub(crate) fn input_ends(fixture: &Fixture) {
    fixture.run(async {
        let name = fixture.start(fixture.spec("input", &["/bin/boot"])).await;
        for stdin in [None, Some(Vec::new()), Some(b"four".to_vec()), Some(vec![0; 100_000])] {
            let length = stdin.as_ref().map_or(0, Vec::len);
            let mut count = command(&["count"]);
            count.stdin = stdin;
            let outcome = fixture.engine.exec(&name, &count, PATIENCE).await.expect("an outcome");
            assert_eq!(outcome.stdout, format!("{length}\n").into_bytes(), "all is read");
            assert_eq!(outcome.exit_code, 0);
        }
        // A program that reads nothing ends all the same.
        let mut both = command(&["both", "0"]);
        both.stdin = Some(vec![0; 1_000_000]);
        let outcome = fixture.engine.exec(&name, &both, PATIENCE).await.expect("an outcome");
        assert_eq!(outcome.exit_code, 0);
    });
}

pub(crate) fn much_both_ways(fixture: &Fixture) {
    fixture.run(async {
        let name = fixture.start(fixture.spec("much", &["/bin/boot"])).await;
        let piece = Bytes::from((0..=255).cycle().take(1 << 20).collect::<Vec<u8>>());
        let pieces = stream::iter((0..16).map({
            let piece = piece.clone();
            move |_| Ok(piece.clone())
        }));
        let mut back: Vec<u8> = Vec::new();
        let sink = |output| match output {
            Output::Standard(bytes) => back.extend_from_slice(&bytes),
            Output::Error(bytes) => panic!("it complains: {bytes:?}"),
        };
        let input = Input::Stream(Box::pin(pieces));
        let cat = command(&["cat"]);
        let code = fixture.engine.exec_streaming(&name, &cat, input, sink, PATIENCE).await;
        assert_eq!(code, Ok(0));
        assert_eq!(back.len(), 16 << 20);
        assert!(back.chunks(1 << 20).all(|chunk| chunk == piece), "and not a byte is changed");
    });
}

pub(crate) fn missing_program(fixture: &Fixture) {
    fixture.run(async {
        let name = fixture.start(fixture.spec("missing", &["/bin/boot"])).await;
        let missing = command(&["kubeadm", "init"]);
        let outcome = fixture.engine.exec(&name, &missing, PATIENCE).await.expect("an outcome");
        assert!([126, 127].contains(&outcome.exit_code), "{outcome:?}");
        let said = String::from_utf8_lossy(&outcome.stdout);
        assert!(said.contains("kubeadm") && said.contains("not found"), "{said}");
    });
}

pub(crate) fn deadline(fixture: &Fixture) {
    fixture.run(async {
        let name = fixture.start(fixture.spec("late", &["/bin/boot"])).await;
        let limit = Duration::from_secs(2);
        let error = fixture.engine.exec(&name, &command(&["hang"]), limit).await.expect_err("late");
        assert!(matches!(error.cause(), Some(Cause::TimedOut { .. })), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "failed to run `hang` in container {name}: timed out after 2 s: the command has \
                 not ended; its last words: about to hang"
            )
        );
    });
}

pub(crate) fn not_running(fixture: &Fixture) {
    fixture.run(async {
        let spec = fixture.spec("ended", &["/bin/end", "0"]);
        fixture.engine.create_container(&spec).await.expect("it is created");
        let error = fixture.engine.exec(&spec.name, &command(&["both", "0"]), PATIENCE).await;
        let error = error.expect_err("it does not run");
        assert!(error.is_conflict(), "{error}");
        assert!(error.to_string().contains("is not running"), "{error}");
        let absent = fixture.engine.exec("gateproof-nothing", &command(&["both"]), PATIENCE).await;
        assert!(absent.expect_err("there is no such container").is_not_found());
    });
}

pub(crate) fn dies_meanwhile(fixture: &Fixture) {
    fixture.run(async {
        let name = fixture.start(fixture.spec("dies", &["/bin/boot"])).await;
        let (said, heard) = tokio::sync::oneshot::channel();
        let mut said = Some(said);
        let hang = command(&["hang"]);
        let run = fixture.engine.exec_streaming(
            &name,
            &hang,
            Input::Nothing,
            |_| {
                if let Some(said) = said.take() {
                    said.send(()).expect("somebody listens");
                }
            },
            PATIENCE,
        );
        let kill = async {
            heard.await.expect("it runs");
            fixture.engine.stop_container(&name, Duration::ZERO).await.expect("it is stopped");
        };
        let (ended, ()) = tokio::join!(run, kill);
        assert_eq!(ended, Ok(137), "the command was killed with its container");
    });
}

pub(crate) fn failing_input(fixture: &Fixture) {
    fixture.run(async {
        let name = fixture.start(fixture.spec("torn", &["/bin/boot"])).await;
        let pieces = [Ok(Bytes::from_static(b"half")), Err(io::Error::other("the disk is gone"))];
        let input = Input::Stream(Box::pin(stream::iter(pieces)));
        let count = command(&["count"]);
        let ended = fixture.engine.exec_streaming(&name, &count, input, |_| (), PATIENCE).await;
        let error = ended.expect_err("half of it must not count as all").to_string();
        assert!(error.contains("the disk is gone"), "{error}");
    });
}

pub(crate) fn files(fixture: &Fixture) {
    fixture.run(async {
        let engine = &fixture.engine;
        let mut spec = fixture.spec("files", &["/bin/boot"]);
        spec.tmpfs.insert("/run".to_owned(), String::new());
        let name = fixture.start(spec).await;
        let content: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        for path in ["/kind/kubeadm.conf", "/run/in/memory", "/etc/with space/a'b", "/top"] {
            engine.write_file(&name, path, &content, PATIENCE).await.expect("it is written");
            let read = engine.read_file(&name, path, PATIENCE).await.expect("it is read");
            assert!(read == content, "{path} holds what was written");
        }
        let absent = engine.read_file(&name, "/kind/version", PATIENCE).await.expect_err("absent");
        let words = absent.to_string();
        assert!(
            words.starts_with(&format!("failed to read /kind/version in container {name}: cat "))
                && words.contains("No such file"),
            "{words}"
        );
        let blocked = engine.write_file(&name, "/top/below", b"", PATIENCE).await;
        let words = blocked.expect_err("a file is no folder").to_string();
        assert!(words.contains("failed to write /top/below"), "{words}");
    });
}

pub(crate) fn download(fixture: &Fixture) {
    fixture.run(async {
        let engine = &fixture.engine;
        let name = fixture.start(fixture.spec("download", &["/bin/boot"])).await;
        for (path, content) in [("/var/log/kubelet.log", "one"), ("/var/log/pods/a/0.log", "two")] {
            let written = engine.write_file(&name, path, content.as_bytes(), PATIENCE).await;
            written.expect("it is written");
        }
        engine.stop_container(&name, Duration::ZERO).await.expect("it is stopped");
        let pieces: Vec<Bytes> =
            engine.download(&name, "/var/log").try_collect().await.expect("an archive");
        let archive = pieces.concat();
        let mut archive = tar::Archive::new(archive.as_slice());
        let mut found: Vec<String> = Vec::new();
        for entry in archive.entries().expect("a tar archive") {
            let entry = entry.expect("an entry");
            found.push(entry.path().expect("a path").to_string_lossy().into_owned());
        }
        for path in ["log/kubelet.log", "log/pods/a/0.log"] {
            assert!(found.contains(&path.to_owned()), "{path} in {found:?}");
        }
        let absent: Result<Vec<Bytes>, _> = engine.download(&name, "/nothing").try_collect().await;
        let error = absent.expect_err("there is no such folder");
        assert!(error.is_not_found(), "{error}");
    });
}
