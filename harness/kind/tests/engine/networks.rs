//! Networks that many create at once.

use std::process::{Command, ExitCode, Stdio};

use gateproof_kind::engine::Engine;
use gateproof_kind::network::{NetworkSpec, NetworkState, ipv6_subnet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::fixture::{Fixture, LABEL, PATIENCE, endpoint, labels};

/// The argument that makes this program a creator of a network, for another process's test.
const CREATE: &str = "--create-network";

fn spec(name: &str) -> NetworkSpec {
    NetworkSpec { name: name.to_owned(), mtu: None, labels: labels() }
}

pub(crate) fn made_once(fixture: &Fixture) {
    fixture.run(async {
        let engine = &fixture.engine;
        let name = fixture.name("network");
        let made = engine.ensure_network(&spec(&name)).await.expect("it is made");
        assert_eq!(made.name, name);
        let [v4, v6] = made.subnets.as_slice() else { panic!("two subnets: {made:?}") };
        assert!(v4.contains('.'), "IPv4 comes first: {made:?}");
        assert_eq!(*v6, ipv6_subnet(&name, 0), "the subnet is kind's");
        assert!(made.gateways.first().is_some_and(std::net::IpAddr::is_ipv4), "{made:?}");
        let again = engine.ensure_network(&spec(&name)).await.expect("it is found");
        assert_eq!(again, made);

        let mut member = fixture.spec("member", &["/bin/boot"]);
        member.network.clone_from(&name);
        let member = fixture.start(member).await;
        let found = engine.inspect_network(&name).await.expect("an answer").expect("it exists");
        let taken = found.taken.get(&member).expect("the member is listed");
        assert_eq!(taken.len(), 2, "an address of each family: {taken:?}");

        let refused = engine.remove_network(&name).await.expect_err("somebody is on it");
        assert!(refused.to_string().contains("active endpoints"), "{refused}");
        engine.remove_container(&member).await.expect("it is removed");
        engine.remove_network(&name).await.expect("it is removed");
        engine.remove_network(&name).await.expect("what is gone is as good as removed");
        assert_eq!(engine.inspect_network(&name).await, Ok(None));
    });
}

pub(crate) fn made_by_many(fixture: &Fixture) {
    for _ in 0..3 {
        let name = fixture.name("raced");
        let processes: Vec<_> = (0..2)
            .map(|_| {
                Command::new(std::env::current_exe().expect("this program"))
                    .args([CREATE, &name, &std::process::id().to_string()])
                    .stdout(Stdio::piped())
                    .spawn()
                    .expect("it starts again")
            })
            .collect();
        let mut ids = fixture.runtime.block_on(create_four(&name, &std::process::id().to_string()));
        for process in processes {
            let output = process.wait_with_output().expect("it ends");
            assert!(output.status.success(), "the other process creates too");
            let said = String::from_utf8(output.stdout).expect("ids");
            ids.extend(said.lines().map(str::to_owned));
        }
        assert_eq!(ids.len(), 12, "everybody has a network");
        fixture.run(async {
            let mine = std::process::id().to_string();
            let found = fixture.engine.list_networks(&[(LABEL, Some(mine.as_str()))]).await;
            let found: Vec<NetworkState> =
                found.expect("a list").into_iter().filter(|network| network.name == name).collect();
            let [only] = found.as_slice() else { panic!("exactly one: {found:?}") };
            assert_eq!(only.subnets.last(), Some(&ipv6_subnet(&name, 0)));
            assert!(ids.iter().all(|id| *id == only.id), "everybody has this one: {ids:?}");
            fixture.engine.remove_network(&only.id).await.expect("it is removed");
        });
    }
}

/// Four tasks, each with an engine of its own, so that nothing but Docker is between them.
async fn create_four(name: &str, owner: &str) -> Vec<String> {
    let creators = (0..4).map(async |_| {
        let engine = Engine::connect(endpoint(), None).await.expect("an engine");
        let labels = std::collections::BTreeMap::from([(LABEL.to_owned(), owner.to_owned())]);
        let spec = NetworkSpec { name: name.to_owned(), mtu: None, labels };
        engine.ensure_network(&spec).await.expect("a network").id
    });
    futures_util::future::join_all(creators).await
}

/// What this program does when another process asks it to create.
pub(crate) fn as_creator() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1).skip_while(|word| word != CREATE).skip(1);
    let (name, owner) = (arguments.next()?, arguments.next()?);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let ids = runtime.block_on(create_four(&name, &owner));
    let said = ids.join("\n");
    std::io::Write::write_all(&mut std::io::stdout(), said.as_bytes()).expect("standard output");
    Some(ExitCode::SUCCESS)
}

pub(crate) fn duplicates(fixture: &Fixture) {
    fixture.run(async {
        let engine = &fixture.engine;
        for _ in 0..2 {
            let name = fixture.name("twice");
            let first = create_raw(&name).await.expect("the first is made");
            // A container cannot start while its network's name is ambiguous, so it starts now.
            let mut member = fixture.spec("twice", &["/bin/boot"]);
            member.network.clone_from(&name);
            let member = fixture.start(member).await;
            if create_raw(&name).await.is_none() {
                // Docker 25 and newer refuse a second network of a name, so there is nothing to
                // converge on.
                return;
            }
            let kept = engine.ensure_network(&spec(&name)).await.expect("one is kept");
            assert_eq!(kept.id, first, "the one with a container");
            let mine = std::process::id().to_string();
            let left = engine.list_networks(&[(LABEL, Some(mine.as_str()))]).await.expect("a list");
            assert_eq!(left.iter().filter(|network| network.name == name).count(), 1);
            engine.remove_container(&member).await.expect("it is removed");
            engine.remove_network(&first).await.expect("it is removed");
        }
    });
}

/// Creates an IPv4 network without looking whether there is one; its id, unless it is refused.
async fn create_raw(name: &str) -> Option<String> {
    let body = serde_json::json!({ "Name": name, "Driver": "bridge", "Labels": labels() });
    let body = body.to_string();
    let request = format!(
        "POST /networks/create HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let talk = async {
        let mut socket = UnixStream::connect("/var/run/docker.sock").await?;
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(PATIENCE, talk).await.expect("in time").expect("an answer");
    let (_, id) = answer.split_once("\"Id\":\"")?;
    Some(id.split('"').next()?.to_owned())
}
