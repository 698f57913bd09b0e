//! Whose clusters are: what is listed, cleaned and taken down.

use gateproof_runner::process;

use super::engine::{Docker, dead_owner, place};
use super::support::Place;

/// Clusters of every kind of owner.
struct Clusters {
    bystander: String,
    kept: String,
    living: String,
    dead: String,
}

impl Clusters {
    fn of(docker: &Docker) -> Self {
        let name = |what: &str| docker.name(what);
        let all = Self {
            bystander: name("bystander"),
            kept: name("kept"),
            living: name("living"),
            dead: name("dead"),
        };
        let (alive, dead) = (process::owner(), dead_owner());
        docker.container(&all.bystander, None);
        docker.container(&all.kept, Some((&all.kept, &dead)));
        docker.keep(&all.kept, &all.kept, &dead);
        docker.container(&all.living, Some((&all.living, &alive)));
        docker.container(&all.dead, Some((&all.dead, &dead)));
        all
    }
}

/// The line of `cluster list` about a cluster.
fn line(place: &Place, name: &str) -> String {
    let list = place.run(&["cluster", "list"]);
    assert_eq!(list.code, Some(0), "{list:?}");
    let found = list.out.lines().find(|line| line.starts_with(&format!("{name} ")));
    found.unwrap_or_else(|| panic!("{name} is listed: {}", list.out)).to_owned()
}

pub(crate) fn listed(docker: &Docker) {
    let (place, clusters) = (place(), Clusters::of(docker));
    for (name, owner) in [
        (&clusters.bystander, "kind program".to_owned()),
        (&clusters.kept, "you".to_owned()),
        (&clusters.living, format!("run {}", clusters.living)),
    ] {
        let line = line(&place, name);
        for part in ["kind", &owner, "stopped", "1 node"] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}

pub(crate) fn cleaned(docker: &Docker) {
    let (place, clusters) = (place(), Clusters::of(docker));
    let gone_mark = docker.name("gone");
    docker.keep(&gone_mark, &gone_mark, &dead_owner());
    let told = place.run(&["clean", "--dry-run"]);
    // Another suite's start may have cleaned up in between; then there is nothing to tell.
    if !docker.containers(&clusters.dead).is_empty() {
        let line = format!("would remove container {}-control-plane", clusters.dead);
        assert!(told.out.contains(&line), "{line}: {told:?}");
    }
    let clean = place.run(&["clean"]);
    assert_eq!(clean.code, Some(0), "{clean:?}");
    assert!(docker.containers(&clusters.dead).is_empty(), "{clean:?}");
    for name in [&clusters.bystander, &clusters.kept, &clusters.living] {
        assert_eq!(docker.containers(name).len(), 1, "{name} is left alone: {clean:?}");
    }
    assert!(docker.is_kept(&clusters.kept), "its mark stays with it");
    assert!(!docker.is_kept(&gone_mark), "a mark without its cluster goes: {clean:?}");
}

pub(crate) fn taken_name(docker: &Docker) {
    let place = place();
    let bystander = docker.name("taken");
    let container = docker.container(&bystander, None);
    let engine = place.engine();
    let entry = format!(
        r#"{{"noted":{{"thing":{{"kind":"container","engine":"{engine}","name":"{container}"}}}}}}"#
    );
    place.write("state/runs/killed/journal", &format!("{entry}\n"));
    let clean = place.run(&["clean"]);
    assert_eq!((clean.code, place.runs_left()), (Some(0), 0), "{clean:?}");
    assert_eq!(docker.containers(&bystander).len(), 1, "{clean:?}");
}

pub(crate) fn taken_down(docker: &Docker) {
    let (place, clusters) = (place(), Clusters::of(docker));
    for (name, why) in [
        (&clusters.bystander, format!("`kind delete cluster --name {}`", clusters.bystander)),
        (&clusters.living, "which goes on".to_owned()),
    ] {
        let down = place.run(&["cluster", "down", name]);
        assert_eq!(down.code, Some(2), "{down:?}");
        assert!(down.err.contains(&why) && down.err.contains("--force"), "{why}: {down:?}");
        assert_eq!(docker.containers(name).len(), 1);
    }
    for arguments in [
        vec!["cluster", "down", &clusters.kept],
        vec!["cluster", "down", "--force", &clusters.living],
    ] {
        let down = place.run(&arguments);
        assert_eq!(down.code, Some(0), "{down:?}");
    }
    assert!(docker.containers(&clusters.kept).is_empty() && !docker.is_kept(&clusters.kept));
    assert!(docker.containers(&clusters.living).is_empty());
    let wrong = place.run(&["cluster", "down", &clusters.kept]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains(&clusters.bystander), "what is up is told: {wrong:?}");
}
