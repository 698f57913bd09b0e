//! Logs, with and without a terminal.

use futures_util::StreamExt;

use super::fixture::{Fixture, PATIENCE};

pub(crate) fn followed(fixture: &Fixture) {
    fixture.run(async {
        for tty in [true, false] {
            let mut spec = fixture.spec("followed", &["/bin/boot"]);
            spec.tty = tty;
            let name = fixture.start(spec).await;
            let mut lines = fixture.engine.follow_log(&name);
            let ready = async {
                while let Some(line) = lines.next().await {
                    let line = line.expect("a line");
                    if line.contains("Reached target") {
                        return line;
                    }
                }
                panic!("the log ended before the line came");
            };
            let line = tokio::time::timeout(PATIENCE, ready).await.expect("the line comes");
            assert_eq!(line, "[  OK  ] Reached target Multi-User System.", "terminal: {tty}");
            // The log ends with the container, and so does whoever follows it.
            fixture.engine.remove_container(&name).await.expect("it is removed");
            let rest = tokio::time::timeout(PATIENCE, lines.next()).await.expect("it ends");
            assert!(rest.is_none(), "nothing more: {rest:?}");
        }
    });
}

pub(crate) fn whole(fixture: &Fixture) {
    fixture.run(async {
        for tty in [true, false] {
            let mut spec = fixture.spec("whole", &["/bin/end", "0"]);
            spec.tty = tty;
            let name = fixture.start(spec).await;
            fixture.engine.wait_container(&name, PATIENCE).await.expect("it ends");
            let mut lines = fixture.engine.log(&name).await.expect("a log");
            lines.sort();
            assert_eq!(lines, ["another line", "no line break", "one line"], "terminal: {tty}");
        }
        let absent = fixture.engine.log("gateproof-nothing").await.expect_err("no container");
        assert!(absent.is_not_found(), "{absent}");
    });
}
