//! The columns of built-in kinds (kubernetes/kubernetes v1.33:
//! `pkg/printers/internalversion/printers.go`).

use serde_json::{Value, json};

use super::{Column, age, since};
use crate::api::object::metadata_text;

/// Title, and `*` in front when only `-o wide` shows it.
fn titles(kind: &str) -> &'static [&'static str] {
    match kind {
        "Pod" => &[
            "Name",
            "Ready",
            "Status",
            "Restarts",
            "Age",
            "*IP",
            "*Node",
            "*Nominated Node",
            "*Readiness Gates",
        ],
        "Service" => &["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "*Selector"],
        "Node" => &[
            "Name",
            "Status",
            "Roles",
            "Age",
            "Version",
            "*Internal-IP",
            "*External-IP",
            "*OS-Image",
            "*Kernel-Version",
            "*Container-Runtime",
        ],
        "Namespace" => &["Name", "Status", "Age"],
        "Secret" => &["Name", "Type", "Data", "Age"],
        "ConfigMap" => &["Name", "Data", "Age"],
        "ServiceAccount" => &["Name", "Secrets", "Age"],
        "Event" => &[
            "Last Seen",
            "Type",
            "Reason",
            "Object",
            "*Subobject",
            "*Source",
            "Message",
            "*First Seen",
            "*Count",
            "*Name",
        ],
        "Deployment" => &[
            "Name",
            "Ready",
            "Up-to-date",
            "Available",
            "Age",
            "*Containers",
            "*Images",
            "*Selector",
        ],
        "ReplicaSet" => {
            &["Name", "Desired", "Current", "Ready", "Age", "*Containers", "*Images", "*Selector"]
        }
        "DaemonSet" => &[
            "Name",
            "Desired",
            "Current",
            "Ready",
            "Up-to-date",
            "Available",
            "Node Selector",
            "Age",
            "*Containers",
            "*Images",
            "*Selector",
        ],
        "EndpointSlice" => &["Name", "AddressType", "Ports", "Endpoints", "Age"],
        "Endpoints" => &["Name", "Endpoints", "Age"],
        "Lease" => &["Name", "Holder", "Age"],
        "CustomResourceDefinition" => &["Name", "Created At"],
        _ => &["Name", "Age"],
    }
}

/// The columns of a kind.
pub(super) fn columns(kind: &str) -> Vec<Column> {
    let column = |title: &&str| Column {
        title: title.trim_start_matches('*').to_owned(),
        priority: u8::from(title.starts_with('*')),
        cells: "string",
    };
    titles(kind).iter().map(column).collect()
}

/// The cells of an object, one for each column.
pub(super) fn cells(kind: &str, object: &Value, now: &str) -> Vec<Value> {
    let name = json!(metadata_text(object, "name").unwrap_or_default());
    let age = age(object, now);
    let (spec, status) = (&object["spec"], &object["status"]);
    let plain = |value: &Value| match value {
        Value::Null => json!("<none>"),
        value => value.clone(),
    };
    match kind {
        "Pod" => pod(object, name, age),
        "Service" => vec![
            name,
            plain(&spec["type"]),
            plain(&spec["clusterIP"]),
            external_ip(object),
            service_ports(spec),
            age,
            labels(&spec["selector"]),
        ],
        "Node" => node(object, name, age),
        "Namespace" => vec![name, plain(&status["phase"]), age],
        "Secret" => vec![name, plain(&object["type"]), count(&object["data"]), age],
        "ConfigMap" => {
            let number = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
            vec![name, json!(number("data") + number("binaryData")), age]
        }
        "ServiceAccount" => vec![name, count(&object["secrets"]), age],
        "Event" => event(object, name, now),
        "Deployment" => {
            let ready = status["readyReplicas"].as_u64().unwrap_or_default();
            let desired = spec["replicas"].as_u64().unwrap_or(1);
            let mut cells = vec![
                name,
                json!(format!("{ready}/{desired}")),
                number(&status["updatedReplicas"]),
                number(&status["availableReplicas"]),
                age,
            ];
            cells.extend(workload(spec));
            cells
        }
        "ReplicaSet" => {
            let mut cells = vec![
                name,
                number(&spec["replicas"]),
                number(&status["replicas"]),
                number(&status["readyReplicas"]),
                age,
            ];
            cells.extend(workload(spec));
            cells
        }
        "DaemonSet" => {
            let mut cells = vec![name];
            cells.extend(
                [
                    "desiredNumberScheduled",
                    "currentNumberScheduled",
                    "numberReady",
                    "updatedNumberScheduled",
                    "numberAvailable",
                ]
                .map(|field| number(&status[field])),
            );
            cells.extend([labels(&spec["template"]["spec"]["nodeSelector"]), age]);
            cells.extend(workload(spec));
            cells
        }
        "EndpointSlice" => vec![
            name,
            plain(&object["addressType"]),
            some_of(&each(&object["ports"], |port| port["port"].to_string()), 3, "<unset>"),
            some_of(&endpoints(&object["endpoints"]), 3, "<unset>"),
            age,
        ],
        "Endpoints" => vec![name, some_of(&subsets(&object["subsets"]), 3, "<none>"), age],
        "Lease" => vec![name, plain(&spec["holderIdentity"]), age],
        "CustomResourceDefinition" => {
            vec![name, plain(&object["metadata"]["creationTimestamp"])]
        }
        _ => vec![name, age],
    }
}

fn pod(object: &Value, name: Value, age: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let containers = status["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted = spec["containers"].as_array().map_or(0, Vec::len);
    let ready = containers.iter().filter(|container| container["ready"] == true).count();
    let restarts: u64 =
        containers.iter().filter_map(|container| container["restartCount"].as_u64()).sum();
    let reason = containers.iter().find_map(|container| {
        let state = &container["state"];
        state["waiting"]["reason"].as_str().or(state["terminated"]["reason"].as_str())
    });
    let phase = status["phase"].as_str().unwrap_or("Unknown");
    let shown = match metadata_text(object, "deletionTimestamp") {
        Some(_) => "Terminating",
        None => reason.unwrap_or(phase),
    };
    let or_none = |value: &Value| json!(value.as_str().unwrap_or("<none>"));
    vec![
        name,
        json!(format!("{ready}/{wanted}")),
        json!(shown),
        json!(restarts.to_string()),
        age,
        or_none(&status["podIP"]),
        or_none(&spec["nodeName"]),
        json!("<none>"),
        json!("<none>"),
    ]
}

fn node(object: &Value, name: Value, age: Value) -> Vec<Value> {
    const ROLE: &str = "node-role.kubernetes.io/";
    let ready = each(&object["status"]["conditions"], Value::clone)
        .into_iter()
        .find(|condition| condition["type"] == "Ready")
        .is_some_and(|condition| condition["status"] == "True");
    let mut shown = (if ready { "Ready" } else { "NotReady" }).to_owned();
    if object["spec"]["unschedulable"] == true {
        shown.push_str(",SchedulingDisabled");
    }
    let labels = object["metadata"]["labels"].as_object();
    let roles: Vec<&str> =
        labels.into_iter().flatten().filter_map(|(key, _)| key.strip_prefix(ROLE)).collect();
    let roles = if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") };
    let address = |kind: &str| {
        each(&object["status"]["addresses"], Value::clone)
            .into_iter()
            .find(|address| address["type"] == kind)
            .map_or_else(|| json!("<none>"), |address| address["address"].clone())
    };
    let info = |field: &str| match &object["status"]["nodeInfo"][field] {
        Value::Null => json!("<unknown>"),
        value => value.clone(),
    };
    vec![
        name,
        json!(shown),
        json!(roles),
        age,
        match &object["status"]["nodeInfo"]["kubeletVersion"] {
            Value::Null => json!(""),
            version => version.clone(),
        },
        address("InternalIP"),
        address("ExternalIP"),
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ]
}

fn event(object: &Value, name: Value, now: &str) -> Vec<Value> {
    let text = |value: &Value| json!(value.as_str().unwrap_or_default());
    let time = |fields: &[&str]| {
        let found = fields.iter().find_map(|field| object[*field].as_str());
        json!(since(found.unwrap_or_default(), now))
    };
    let regarding = &object["involvedObject"];
    let kind = regarding["kind"].as_str().unwrap_or_default().to_lowercase();
    let about = format!("{kind}/{}", regarding["name"].as_str().unwrap_or_default());
    vec![
        time(&["lastTimestamp", "eventTime", "firstTimestamp"]),
        text(&object["type"]),
        text(&object["reason"]),
        json!(about),
        text(&regarding["fieldPath"]),
        text(&object["source"]["component"]),
        text(&object["message"]),
        time(&["firstTimestamp", "eventTime"]),
        json!(object["count"].as_u64().unwrap_or(1).to_string()),
        name,
    ]
}

/// Containers, images and selector, which every workload shows when asked for more.
fn workload(spec: &Value) -> [Value; 3] {
    let containers = &spec["template"]["spec"]["containers"];
    let of = |field: &str| {
        each(containers, |one| one[field].as_str().unwrap_or_default().to_owned()).join(",")
    };
    [json!(of("name")), json!(of("image")), labels(&spec["selector"]["matchLabels"])]
}

fn external_ip(service: &Value) -> Value {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut found: Vec<String> =
        each(&service["spec"]["externalIPs"], text).into_iter().flatten().collect();
    let given = |entry: &Value| text(&entry["ip"]).or_else(|| text(&entry["hostname"]));
    match service["spec"]["type"].as_str() {
        Some("LoadBalancer") => {
            let ingress = each(&service["status"]["loadBalancer"]["ingress"], given);
            found.extend(ingress.into_iter().flatten());
            if found.is_empty() {
                return json!("<pending>");
            }
        }
        Some("ExternalName") => found.extend(text(&service["spec"]["externalName"])),
        _ => {}
    }
    if found.is_empty() { json!("<none>") } else { json!(found.join(",")) }
}

fn service_ports(spec: &Value) -> Value {
    let port = |port: &Value| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        match port["nodePort"].as_u64() {
            Some(node_port) if node_port > 0 => {
                format!("{}:{node_port}/{protocol}", port["port"])
            }
            _ => format!("{}/{protocol}", port["port"]),
        }
    };
    let ports = each(&spec["ports"], port);
    if ports.is_empty() { json!("<none>") } else { json!(ports.join(",")) }
}

fn endpoints(list: &Value) -> Vec<String> {
    let addresses = |endpoint: &Value| {
        each(&endpoint["addresses"], |address| address.as_str().unwrap_or_default().to_owned())
    };
    each(list, addresses).into_iter().flatten().collect()
}

fn subsets(list: &Value) -> Vec<String> {
    let subset = |subset: &Value| {
        let ports = each(&subset["ports"], |port| port["port"].to_string());
        let address = |entry: &Value| {
            let ip = entry["ip"].as_str().unwrap_or_default();
            ports.iter().map(|port| format!("{ip}:{port}")).collect::<Vec<_>>()
        };
        each(&subset["addresses"], address).into_iter().flatten().collect::<Vec<_>>()
    };
    each(list, subset).into_iter().flatten().collect()
}

/// The first of a list and how many more there are.
fn some_of(list: &[String], most: usize, none: &str) -> Value {
    match list.len() {
        0 => json!(none),
        count if count > most => {
            json!(format!("{} + {} more...", list[..most].join(","), count - most))
        }
        _ => json!(list.join(",")),
    }
}

fn labels(map: &Value) -> Value {
    let pairs: Vec<String> = map
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if pairs.is_empty() { json!("<none>") } else { json!(pairs.join(",")) }
}

fn number(value: &Value) -> Value {
    json!(value.as_u64().unwrap_or_default())
}

fn count(value: &Value) -> Value {
    json!(match value {
        Value::Object(map) => map.len(),
        Value::Array(list) => list.len(),
        _ => 0,
    })
}

fn each<T>(list: &Value, make: impl Fn(&Value) -> T) -> Vec<T> {
    list.as_array().into_iter().flatten().map(make).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{cells, columns, titles};

    fn row(kind: &str, object: &Value) -> Vec<String> {
        let cells = cells(kind, object, "2026-01-10T12:00:00Z");
        assert_eq!(cells.len(), columns(kind).len(), "{kind} has a cell for each column");
        let shown = cells.into_iter().zip(columns(kind)).filter(|(_, column)| column.priority == 0);
        shown.map(|(cell, _)| cell.as_str().map_or(cell.to_string(), str::to_owned)).collect()
    }

    #[test]
    fn every_kind_has_a_cell_for_each_column_even_when_the_object_is_empty() {
        for kind in [
            "Pod",
            "Service",
            "Node",
            "Namespace",
            "Secret",
            "ConfigMap",
            "ServiceAccount",
            "Event",
            "Deployment",
            "ReplicaSet",
            "DaemonSet",
            "EndpointSlice",
            "Endpoints",
            "Lease",
            "CustomResourceDefinition",
            "Other",
        ] {
            row(kind, &json!({}));
            assert!(titles(kind).len() > 1);
        }
    }

    #[test]
    fn rows_read_as_kubectl_prints_them() {
        let meta = json!({"name": "a", "creationTimestamp": "2026-01-10T11:59:00Z"});
        let service = json!({"metadata": meta, "spec": {"type": "LoadBalancer",
            "clusterIP": "10.96.0.2", "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"},
            {"port": 53, "protocol": "UDP"}]}});
        assert_eq!(
            row("Service", &service),
            ["a", "LoadBalancer", "10.96.0.2", "<pending>", "80:30080/TCP,53/UDP", "60s"]
        );
        let waiting = json!({"metadata": meta, "spec": {"containers": [{}, {}]}, "status": {
            "phase": "Pending", "containerStatuses": [
                {"ready": true, "restartCount": 2},
                {"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}});
        assert_eq!(row("Pod", &waiting), ["a", "1/2", "ImagePullBackOff", "2", "60s"]);
        let deployment = json!({"metadata": meta, "spec": {"replicas": 2},
            "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}});
        assert_eq!(row("Deployment", &deployment), ["a", "1/2", "2", "1", "60s"]);
        let node = json!({"metadata": {"name": "a", "creationTimestamp": "2026-01-10T11:59:00Z",
            "labels": {"node-role.kubernetes.io/control-plane": ""}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {"kubeletVersion": "v1.33.0"}}});
        assert_eq!(row("Node", &node), ["a", "Ready", "control-plane", "60s", "v1.33.0"]);
    }
}
