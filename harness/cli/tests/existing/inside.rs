//! Asking from a pod of the cluster: only when allowed, never in vain, and gone afterwards.

use std::path::Path;

use crate::bed::Bed;
use crate::proxy::{Manners, Proxy};
use crate::support::Run;

/// An image that an embedded cluster's nodes have.
const IMAGE: &str = "gateproof.local/gateproof:1";

fn run(bed: &Bed, arguments: &[&str]) -> Run {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scenario = root.join("scenarios/traffic-policy-local.yaml").display().to_string();
    let all = ["run", &scenario, "--provider", "existing", "--allow-writes", "--any-version"];
    bed.gateproof(&[&all, arguments].concat())
}

fn sessions(proxy: &Proxy) -> u64 {
    proxy.calls().iter().filter(|((_, what), _)| what == "pods/exec").map(|(_, count)| count).sum()
}

#[test]
fn a_run_from_inside_passes_and_leaves_nothing() {
    let bed = Bed::bare("dedicated");
    let before = ["Namespace", "Pod"].map(|kind| bed.names(kind));
    let proxy = bed.proxy(Manners::default());
    let run = run(&bed, &["--vantage", "inside", "--image", IMAGE]);
    assert_eq!(run.code, Some(0), "{}\n{}", run.out, run.err);
    assert!(run.err.contains("asked from a pod in namespace gateproof-prober-"), "{}", run.err);
    assert!(sessions(&proxy) >= 1, "{:?}", proxy.calls());
    assert_eq!(["Namespace", "Pod"].map(|kind| bed.names(kind)), before, "{}", run.out);
    assert_eq!(bed.place.runs_left(), 0);
}

#[test]
fn a_check_makes_its_pod_only_with_leave_and_nothing_else() {
    let bed = Bed::healthy("dedicated");
    let before = ["Namespace", "Pod"].map(|kind| bed.names(kind));
    let proxy = bed.proxy(Manners::default());
    let inside = ["check", "--vantage", "inside", "--image", IMAGE];
    let refused = bed.gateproof(&inside);
    assert_eq!(refused.code, Some(2), "{}\n{}", refused.out, refused.err);
    for part in ["a check only reads", "namespace gateproof-prober-", "--allow-writes"] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    assert_eq!(proxy.writes(), Vec::<String>::new());
    let check = bed.gateproof(&[&inside[..], &["--allow-writes"]].concat());
    assert_eq!(check.code, Some(0), "{}\n{}", check.out, check.err);
    assert!(sessions(&proxy) >= 1, "{:?}", proxy.calls());
    let writes = proxy.writes();
    let ours = |write: &String| write.contains(" namespaces ") || write.contains(" pods ");
    assert!(writes.iter().all(|write| ours(write) || write.contains("pods/exec")), "{writes:?}");
    assert_eq!(["Namespace", "Pod"].map(|kind| bed.names(kind)), before, "{}", check.out);
    assert_eq!(bed.place.runs_left(), 0);
}

#[test]
fn a_pod_that_cannot_start_leaves_all_open_and_is_named_as_the_cause() {
    let bed = Bed::healthy("dedicated");
    let before = bed.names("Namespace");
    let _proxy = bed.proxy(Manners::default());
    let image = "registry.test/no-such-image:1";
    let check =
        bed.gateproof(&["check", "--vantage", "inside", "--allow-writes", "--image", image]);
    assert_eq!(check.code, Some(3), "{}\n{}", check.out, check.err);
    for part in ["ask from a pod", "container prober of pod gateproof-prober-", image] {
        assert!(check.out.contains(part), "{part}: {}", check.out);
    }
    assert_eq!(bed.names("Namespace"), before, "{}", check.out);
}

#[test]
fn backends_that_cannot_start_leave_all_open_and_are_named_as_the_cause() {
    let bed = Bed::bare("dedicated");
    let _proxy = bed.proxy(Manners::default());
    let run = run(&bed, &["--image", "registry.test/no-such-image:1"]);
    assert_eq!(run.code, Some(3), "{}\n{}", run.out, run.err);
    for part in ["backend hello/hello comes up", "container echo of pod hello/hello-"] {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
}

#[test]
fn a_pod_needs_an_image_and_the_right_to_talk_to_it() {
    let bed = Bed::healthy("dedicated");
    let manners = Manners { deny: vec![("create", "pods")], ..Manners::default() };
    let proxy = bed.proxy(manners);
    let without = bed.gateproof(&["check", "--vantage", "inside", "--allow-writes"]);
    assert_eq!(without.code, Some(2), "{}", without.err);
    assert!(without.err.contains("--image"), "{}", without.err);
    let wrong = bed.gateproof(&["check", "--vantage", "pod"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    assert!(wrong.err.contains("expected `auto`, `outside`"), "{}", wrong.err);
    assert!(proxy.calls().is_empty(), "{:?}", proxy.calls());
    let inside = ["check", "--vantage", "inside", "--allow-writes", "--image", IMAGE];
    let denied = bed.gateproof(&inside);
    assert_eq!(denied.code, Some(2), "{}", denied.err);
    for part in ["may not create pods in", "may not create pods/exec in"] {
        assert!(denied.err.contains(part), "{part}: {}", denied.err);
    }
    assert_eq!(proxy.writes(), Vec::<String>::new());
}
