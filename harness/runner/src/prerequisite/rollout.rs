//! Whether a Deployment runs what was asked for, and nothing older beside it.

use serde_json::Value;

/// What is missing, in words; `None` when every pod is new and available. `what` names it.
pub(crate) fn missing(what: &str, deployment: &Value) -> Option<String> {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let status = &deployment["status"];
    let wanted = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
    if number(&status["observedGeneration"]) < number(&deployment["metadata"]["generation"]) {
        return Some(format!("the Deployment of {what} is not looked at yet"));
    }
    let (all, new) = (number(&status["replicas"]), number(&status["updatedReplicas"]));
    let ready = number(&status["availableReplicas"]);
    if new >= wanted && ready >= wanted && all <= wanted {
        return None;
    }
    let conditions = status["conditions"].as_array();
    let said = conditions.into_iter().flatten().find(|it| it["status"] == "False");
    let said = said.and_then(|it| it["message"].as_str());
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    Some(format!("{what} has {new} of {wanted} new pods, {ready} of {all} are available{said}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn missing(status: &Value) -> Option<String> {
        let deployment =
            json!({"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status});
        super::missing("CoreDNS", &deployment)
    }

    #[test]
    fn every_old_pod_is_gone_before_what_was_asked_for_runs() {
        let done = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2,
            "availableReplicas": 2});
        assert_eq!(missing(&done), None);
        for (key, value) in [
            ("observedGeneration", 1),
            ("replicas", 3),
            ("updatedReplicas", 1),
            ("availableReplicas", 1),
        ] {
            let mut status = done.clone();
            status[key] = value.into();
            assert!(missing(&status).is_some(), "{key}");
        }
    }

    #[test]
    fn what_the_deployment_says_of_itself_is_told() {
        let status = json!({"observedGeneration": 2, "replicas": 1, "conditions": [
            {"type": "Available", "status": "False", "message": "no image"}]});
        let told = missing(&status).expect("something is missing");
        assert_eq!(told, "CoreDNS has 0 of 2 new pods, 0 of 1 are available: no image");
    }
}
