//! The charts of Cilium and cert-manager: which objects their values make, as far as a cluster
//! whose components are a model looks at them, and what the charts refuse.
//!
//! Names, labels, containers and namespaces as in cilium/charts 1.16 to 1.20 `templates/` and
//! cert-manager 1.21 `deploy/charts/cert-manager/templates`; everything else of the pods is left out.

use gateproof_core::cilium::chart::{KeyProblem, key_problem};
use gateproof_core::cilium::{CiliumVersion, values};
use gateproof_embedded::machines::cilium_config;
use serde_json::{Value, json};

use crate::Failure;

/// A chart in a version.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    /// Its name.
    pub(super) name: &'static str,
    /// Its version, as the chart writes it.
    pub(super) version: String,
}

impl Chart {
    /// Finds a chart by the name that it is asked for by: alone, at the end of an address or path.
    pub(super) fn find(asked: &str, version: Option<&str>) -> Result<Self, Failure> {
        let last = asked.rsplit('/').next().unwrap_or_default().trim_end_matches(".tgz");
        let name = ["cilium", "cert-manager"]
            .into_iter()
            .find(|name| last == *name || last.starts_with(&format!("{name}-")))
            .ok_or_else(|| {
                Failure::new(format!("chart {asked:?} not found in the stand-in's charts"))
            })?;
        let of_archive = last.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        let version = version.or(of_archive).ok_or_else(|| {
            Failure::new(format!("stand-in: which version of {name}? give --version"))
        })?;
        Ok(Self { name, version: version.to_owned() })
    }

    /// What `values.yaml` of the chart amounts to here: a few keys; the rest is known elsewhere.
    pub(super) fn default_values(&self) -> &'static str {
        match self.name {
            "cilium" => {
                "# -- Values of the stand-in for Cilium's chart.\nkubeProxyReplacement: \
                 \"false\"\nl7Proxy: true\nipam: {mode: cluster-pool}\noperator: {replicas: \
                 2}\nhubble: {enabled: true}\nk8sServiceHost: \"\"\nk8sServicePort: \
                 \"\"\ngatewayAPI: {}\nenvoy: {}\nimage: {}\nl2announcements: {enabled: \
                 false}\n"
            }
            _ => "crds: {enabled: false, keep: true}\nconfig: {}\nstartupapicheck: {}\n",
        }
    }

    /// What the chart, or Helm by the chart's schema, refuses.
    pub(super) fn check(&self, given: &Value) -> Result<(), Failure> {
        if self.name != "cilium" {
            return Ok(());
        }
        let version = self.cilium_version()?;
        let mut wrong = Vec::new();
        types(&version, given, &mut Vec::new(), &mut wrong);
        if !wrong.is_empty() {
            return Err(Failure::new(format!(
                "values don't meet the specifications of the schema(s) in the following \
                 chart(s):\ncilium:\n{}",
                wrong.join("\n")
            )));
        }
        let flag = |pointer: &str| given.pointer(pointer) == Some(&Value::Bool(true));
        let failed = |template: &str, words: &str| {
            Err(Failure::new(format!("execution error at (cilium/templates/{template}): {words}")))
        };
        if flag("/gatewayAPI/enabled") {
            if given.pointer("/l7Proxy") == Some(&Value::Bool(false)) {
                return failed("validate.yaml:1:1", "Gateway API requires l7Proxy to be enabled");
            }
            let policy = given.pointer("/gatewayAPI/externalTrafficPolicy");
            if policy.is_some_and(|policy| policy != "Cluster" && policy != "Local") {
                return failed(
                    "cilium-configmap.yaml:1:1",
                    "externalTrafficPolicy must be either Cluster or Local",
                );
            }
        }
        Ok(())
    }

    /// The objects that it makes, in the order in which they are applied.
    pub(super) fn objects(&self, namespace: &str, given: &Value) -> Result<Vec<Value>, Failure> {
        if self.name == "cilium" {
            self.cilium(namespace, given)
        } else {
            Ok(self.cert_manager(namespace))
        }
    }

    fn cilium_version(&self) -> Result<CiliumVersion, Failure> {
        self.version.parse().map_err(|_| {
            Failure::new(format!(
                "chart \"cilium\" matching {} not found in https://helm.cilium.io index",
                self.version
            ))
        })
    }

    fn cilium(&self, namespace: &str, given: &Value) -> Result<Vec<Value>, Failure> {
        let version = self.cilium_version()?;
        let config = values::config(&version, given);
        let tag = format!("v{version}");
        let config_map = |name: &str, data: Value| {
            json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": namespace}, "data": data})
        };
        let mut objects = Vec::new();
        if config.gateway_api {
            objects.push(json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": config.secrets_namespace}}));
        }
        objects.push(config_map("cilium-config", json!(cilium_config(&config, &version))));
        let labels = |app: &str, name: &str| json!({"k8s-app": app, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "cilium"});
        let checksum = json!({"data": objects.last().map(|map| map["data"].clone())});
        let rolls = |pointer: &str| given.pointer(pointer) == Some(&Value::Bool(true));
        let mut agents = workload(&Workload {
            kind: "DaemonSet",
            namespace,
            name: "cilium",
            labels: labels("cilium", "cilium-agent"),
            selector: json!({"k8s-app": "cilium"}),
            container: "cilium-agent",
            image: format!("quay.io/cilium/cilium:{tag}"),
        });
        if rolls("/rollOutCiliumPods") {
            annotate(&mut agents, &checksum);
        }
        objects.push(agents);
        if config.external_envoy_proxy {
            objects.push(config_map("cilium-envoy-config", json!({"bootstrap-config.json": "{}"})));
            let mut envoys = workload(&Workload {
                kind: "DaemonSet",
                namespace,
                name: "cilium-envoy",
                labels: labels("cilium-envoy", "cilium-envoy"),
                selector: json!({"k8s-app": "cilium-envoy"}),
                container: "cilium-envoy",
                image: format!("quay.io/cilium/cilium-envoy:{tag}"),
            });
            let capabilities = given.pointer("/envoy/securityContext/capabilities/envoy");
            let added = capabilities.cloned().unwrap_or_else(|| json!(["NET_ADMIN", "SYS_ADMIN"]));
            envoys["spec"]["template"]["spec"]["containers"][0]["securityContext"] =
                json!({"capabilities": {"add": added, "drop": ["ALL"]}});
            objects.push(envoys);
        }
        let mut operator = workload(&Workload {
            kind: "Deployment",
            namespace,
            name: "cilium-operator",
            labels: json!({"io.cilium/app": "operator", "name": "cilium-operator",
                "app.kubernetes.io/name": "cilium-operator"}),
            selector: json!({"io.cilium/app": "operator", "name": "cilium-operator"}),
            container: "cilium-operator",
            image: format!("quay.io/cilium/operator-generic:{tag}"),
        });
        let replicas = given.pointer("/operator/replicas").cloned().unwrap_or_else(|| 2.into());
        operator["spec"]["replicas"] = replicas;
        if rolls("/operator/rollOutPods") {
            annotate(&mut operator, &checksum);
        }
        objects.push(operator);
        let create = given.pointer("/gatewayAPI/gatewayClass/create");
        let refused = create.is_some_and(|create| create == "false" || create == false);
        if config.gateway_api && !refused {
            objects.push(json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
                "metadata": {"name": "cilium"},
                "spec": {
                    "controllerName": "io.cilium/gateway-controller",
                    "description": "The default Cilium GatewayClass",
                },
            }));
        }
        Ok(objects)
    }

    fn cert_manager(&self, namespace: &str) -> Vec<Value> {
        [
            ("cert-manager", "controller", "cert-manager-controller"),
            ("cert-manager-cainjector", "cainjector", "cert-manager-cainjector"),
            ("cert-manager-webhook", "webhook", "cert-manager-webhook"),
        ]
        .into_iter()
        .map(|(name, component, image)| {
            let labels = json!({"app.kubernetes.io/name": component_name(component),
                "app.kubernetes.io/instance": "cert-manager",
                "app.kubernetes.io/component": component});
            let mut object = workload(&Workload {
                kind: "Deployment",
                namespace,
                name,
                selector: labels.clone(),
                labels,
                container: image,
                image: format!("quay.io/jetstack/{image}:{}", self.version),
            });
            object["spec"]["replicas"] = 1.into();
            let spec = &mut object["spec"]["template"]["spec"];
            spec["hostNetwork"] = false.into();
            spec["tolerations"] = json!([]);
            object
        })
        .collect()
    }
}

fn component_name(component: &str) -> &str {
    match component {
        "controller" => "cert-manager",
        other => other,
    }
}

struct Workload<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    labels: Value,
    selector: Value,
    container: &'a str,
    image: String,
}

fn workload(it: &Workload<'_>) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": it.kind,
        "metadata": {"name": it.name, "namespace": it.namespace, "labels": it.labels},
        "spec": {
            "selector": {"matchLabels": it.selector},
            "template": {
                "metadata": {"labels": it.labels},
                "spec": {
                    "hostNetwork": true,
                    "tolerations": [{"operator": "Exists"}],
                    "containers": [{"name": it.container, "image": it.image}],
                },
            },
        },
    })
}

/// Makes pods be replaced when the configuration changes.
fn annotate(workload: &mut Value, of: &Value) {
    let text = of.to_string();
    let sum = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    workload["spec"]["template"]["metadata"]["annotations"] =
        json!({"cilium.io/cilium-configmap-checksum": format!("{sum:016x}")});
}

/// Values whose type the chart's schema refuses.
fn types<'v>(
    version: &CiliumVersion,
    given: &'v Value,
    path: &mut Vec<&'v str>,
    wrong: &mut Vec<String>,
) {
    let Value::Object(fields) = given else { return };
    for (key, value) in fields {
        path.push(key);
        if let Some(KeyProblem::WrongType { expected, .. }) = key_problem(version, path, value) {
            wrong.push(format!("- at '/{}': got {}, want {expected}", path.join("/"), kind(value)));
        }
        types(version, value, path, wrong);
        path.pop();
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Chart;

    fn cilium() -> Chart {
        Chart::find("oci://charts.test/cilium", Some("1.20.2")).expect("a chart")
    }

    fn names(values: &Value) -> Vec<String> {
        let objects = cilium().objects("kube-system", values).expect("a version");
        objects
            .iter()
            .map(|object| {
                let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or("");
                format!("{} {}", text("/kind"), text("/metadata/name"))
            })
            .collect()
    }

    #[test]
    fn the_class_and_envoy_are_there_when_the_values_ask_for_them() {
        let on = json!({"gatewayAPI": {"enabled": true}});
        assert!(names(&on).contains(&"GatewayClass cilium".to_owned()));
        assert!(!names(&json!({})).iter().any(|name| name.starts_with("GatewayClass")));
        let inside = json!({"envoy": {"enabled": false}});
        assert!(!names(&inside).contains(&"DaemonSet cilium-envoy".to_owned()));
        let create = json!({"gatewayAPI": {"enabled": true, "gatewayClass": {"create": "false"}}});
        assert!(!names(&create).contains(&"GatewayClass cilium".to_owned()));
    }

    #[test]
    fn what_the_chart_refuses_is_refused_in_its_words() {
        for (values, expected) in [
            (json!({"gatewayAPI": {"enabled": "yes"}}), "values don't meet the specifications"),
            (json!({"gatewayAPI": {"enabled": true}, "l7Proxy": false}), "requires l7Proxy"),
            (
                json!({"gatewayAPI": {"enabled": true, "externalTrafficPolicy": "All"}}),
                "must be either Cluster or Local",
            ),
        ] {
            let words = cilium().check(&values).expect_err("wrong").words;
            assert!(words.contains(expected), "{words}");
        }
        cilium().check(&json!({"gatewayAPI": {"enabled": true}})).expect("right");
    }

    #[test]
    fn an_unknown_chart_is_not_found() {
        let words = Chart::find("traefik", Some("1.0.0")).expect_err("unknown").words;
        assert!(words.contains("not found"), "{words}");
    }
}
