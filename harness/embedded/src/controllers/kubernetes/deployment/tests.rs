use serde_json::{Value, json};

use super::desired;
use crate::controllers::kubernetes::replica_set;
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::Write;

fn deployment(replicas: u64, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "apps", "uid": "d", "generation": 1},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": image}]},
        }},
    })
}

/// What exists: ReplicaSets and pods, kept up by both controllers.
#[derive(Default)]
struct World {
    objects: Vec<Value>,
}

impl World {
    /// Runs both controllers once; new pods have this readiness.
    fn round(&mut self, deployment: &Value, ready: &str) -> Value {
        let mut status = Value::Null;
        for controller in [
            &(|snapshot: &Snapshot| desired(snapshot, "now")) as &dyn Fn(&Snapshot) -> Vec<Write>,
            &replica_set::desired,
        ] {
            let all = self.objects.iter().cloned().chain([deployment.clone()]);
            for write in controller(&Snapshot::from_values(all)) {
                match write {
                    Write::Apply(_, object) if object["kind"] != "Deployment" => {
                        self.put(object, ready);
                    }
                    Write::ApplyStatus(_, object) if object["kind"] == "Deployment" => {
                        status = object["status"].clone();
                    }
                    Write::Delete(object) => self.objects.retain(|one| !is_same(one, &object)),
                    _ => {}
                }
            }
        }
        status
    }

    fn put(&mut self, mut object: Value, ready: &str) {
        object["metadata"]["uid"] = object["metadata"]["name"].clone();
        if let Some(known) = self.objects.iter_mut().find(|one| is_same(one, &object)) {
            known["spec"] = object["spec"].clone();
        } else {
            object["status"] = json!({"conditions": [{"type": "Ready", "status": ready}]});
            self.objects.push(object);
        }
    }

    fn of_kind(&self, kind: &str) -> Vec<&Value> {
        self.objects.iter().filter(|object| object["kind"] == kind).collect()
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    one["kind"] == other["kind"] && one["metadata"]["name"] == other["metadata"]["name"]
}

#[test]
fn a_deployment_owns_a_replica_set_that_owns_the_pods() {
    let mut world = World::default();
    world.round(&deployment(2, "a"), "True");
    let sets = world.of_kind("ReplicaSet");
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0]["metadata"]["ownerReferences"][0]["uid"], "d");
    let hash = &sets[0]["metadata"]["labels"]["pod-template-hash"];
    assert!(hash.is_string());
    assert_eq!(sets[0]["spec"]["selector"]["matchLabels"]["pod-template-hash"], *hash);
    assert_eq!(sets[0]["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
    let pods = world.of_kind("Pod");
    assert_eq!(pods.len(), 2);
    assert_eq!(pods[0]["metadata"]["ownerReferences"][0]["uid"], sets[0]["metadata"]["uid"]);
    assert_eq!(pods[0]["metadata"]["labels"]["pod-template-hash"], *hash);
}

#[test]
fn the_old_set_keeps_its_pods_until_those_of_the_new_one_are_ready() {
    let mut world = World::default();
    world.round(&deployment(2, "a"), "True");
    let changed = deployment(2, "b");
    for _ in 0..3 {
        world.round(&changed, "False");
    }
    assert_eq!(world.of_kind("Pod").len(), 4, "the new ones are not ready");
    for pod in world.objects.iter_mut().filter(|object| object["kind"] == "Pod") {
        pod["status"]["conditions"][0]["status"] = "True".into();
    }
    let unfinished = world.round(&changed, "True");
    assert_eq!(unfinished["conditions"][1]["reason"], "ReplicaSetUpdated");
    let status = world.round(&changed, "True");
    assert_eq!(world.of_kind("Pod").len(), 2);
    assert_eq!(status["conditions"][1]["reason"], "NewReplicaSetAvailable");
    let revisions: Vec<&Value> = world
        .of_kind("ReplicaSet")
        .iter()
        .map(|set| &set["metadata"]["annotations"]["deployment.kubernetes.io/revision"])
        .collect();
    assert_eq!(revisions, ["1", "2"], "the old one stays, for a way back");
}

#[test]
fn a_deployment_is_available_when_every_pod_is_ready() {
    let mut world = World::default();
    let web = deployment(2, "a");
    world.round(&web, "False");
    let status = world.round(&web, "False");
    assert_eq!(status["conditions"][0]["status"], "False");
    assert_eq!(status["unavailableReplicas"], 2);
    for pod in world.objects.iter_mut().filter(|object| object["kind"] == "Pod") {
        pod["status"]["conditions"][0]["status"] = "True".into();
    }
    assert_eq!(world.round(&web, "True")["conditions"][0]["status"], "True");
}

#[test]
fn sets_of_an_earlier_deployment_of_the_same_name_are_not_counted() {
    let mut world = World::default();
    world.round(&deployment(1, "a"), "True");
    for set in &mut world.objects {
        set["metadata"]["ownerReferences"][0]["uid"] = "another".into();
    }
    let all = world.objects.iter().cloned().chain([deployment(1, "a")]);
    let writes = desired(&Snapshot::from_values(all), "now");
    let Some(Write::ApplyStatus(_, object)) = writes.last() else { panic!("a status") };
    assert_eq!(object["status"]["readyReplicas"], 0);
}
