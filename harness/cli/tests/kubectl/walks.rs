//! The walks: commands of a user and the essential parts of what they print.

use super::cluster::{Cluster, TIMEOUT, answers};

/// A walk through a fresh cluster.
type Walk = fn(&Cluster);

/// All walks, each with its claim.
pub(crate) const ALL: &[(&str, Walk)] = &[
    ("applied_objects_become_a_gateway_that_carries_traffic", applied),
    ("describe_and_explain_show_spec_status_and_fields", described),
    ("server_side_apply_names_the_manager_it_conflicts_with", conflicting),
    ("patches_and_scaling_change_what_they_name", changed),
    ("rollouts_restart_and_go_back_through_replica_sets", rolled_out),
    ("address_pools_tell_what_is_left_and_what_overlaps", pooled),
    ("deletion_takes_dependants_along_or_leaves_them_behind", deleted),
    ("bad_objects_are_refused_with_the_field_and_the_reason", refused),
];

const APP: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: gcr.io/k8s-staging-gateway-api/echo-basic:v20240412-v1.0.0-394-g40c666fd
        ports: [{containerPort: 3000}]
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 3000}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec:
  gatewayClassName: cilium
  listeners: [{name: http, port: 8080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: public}]
  hostnames: [web.example.test]
  rules: [{backendRefs: [{name: web, port: 80}]}]
";

/// Applies the application and waits until it is there.
fn with_app(cluster: &Cluster) {
    cluster.write("app.yaml", APP);
    cluster.prints(
        &["apply", "-f", "app.yaml"],
        &[
            "namespace/shop created",
            "deployment.apps/web created",
            "service/web created",
            "gateway.gateway.networking.k8s.io/public created",
            "httproute.gateway.networking.k8s.io/web created",
        ],
    );
    for (condition, object) in [
        ("condition=Programmed", "gateway/public"),
        ("condition=Available", "deployment/web"),
        ("jsonpath={.status.parents[0].conditions[0].status}=True", "httproute/web"),
    ] {
        let wait = format!("--for={condition}");
        cluster.prints(&["wait", "-n", "shop", &wait, object, TIMEOUT], &["condition met"]);
    }
}

fn address(cluster: &Cluster) -> String {
    let path = "-ojsonpath={.status.addresses[0].value}";
    let said = cluster.prints(&["get", "-n", "shop", "gateway", "public", path], &[]);
    format!("{}:8080", said.out)
}

fn applied(cluster: &Cluster) {
    with_app(cluster);
    let address = address(cluster);
    answers(&address, "web.example.test", 200);
    answers(&address, "other.example.test", 404);
    cluster.prints(&["logs", "-n", "shop", "-l", "app=web", "--tail=-1"], &["request made to /"]);

    cluster.prints(
        &["get", "-n", "shop", "gateways,httproutes"],
        &[
            "NAME CLASS ADDRESS PROGRAMMED AGE",
            "gateway.gateway.networking.k8s.io/public cilium 127.",
            "True",
            "NAME HOSTNAMES AGE",
            "httproute.gateway.networking.k8s.io/web [\"web.example.test\"]",
        ],
    );
    cluster.prints(
        &["get", "-n", "shop", "all"],
        &[
            "NAME READY STATUS RESTARTS AGE",
            "pod/web-",
            "1/1 Running 0",
            "pod/web-",
            "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE",
            "service/cilium-gateway-public LoadBalancer",
            "service/web ClusterIP",
            "NAME READY UP-TO-DATE AVAILABLE AGE",
            "deployment.apps/web 2/2 2 2",
            "NAME DESIRED CURRENT READY AGE",
            "replicaset.apps/web-",
            "2 2 2",
        ],
    );
    cluster.prints(&["get", "pods", "-A", "-owide"], &["IP NODE", "shop web-", "control-plane"]);
    let all = cluster.prints(&["get", "pods", "-A", "-oname"], &[]);
    let pages = cluster.prints(&["get", "pods", "-A", "-oname", "--chunk-size=2"], &[]);
    assert_eq!(pages.out, all.out);
    // kubectl itself finds the same difference each time where the Gateway API has defaults inside
    // of lists, so only the built-in kinds are unchanged.
    let again = ["namespace/shop unchanged", "deployment.apps/web unchanged", "web unchanged"];
    cluster.prints(&["apply", "-f", "app.yaml"], &again);
}

fn described(cluster: &Cluster) {
    with_app(cluster);
    cluster.prints(
        &["describe", "-n", "shop", "gateway", "public"],
        &[
            "Kind: Gateway",
            "Gateway Class Name: cilium",
            "Status:",
            "Reason: Accepted Status: True Type: Accepted",
            "Reason: Programmed Status: True Type: Programmed",
            "Attached Routes: 1",
        ],
    );
    cluster.prints(
        &["describe", "-n", "shop", "deployment", "web"],
        &[
            "Selector: app=web",
            "Replicas: 2 desired | 2 updated | 2 total | 2 available | 0 unavailable",
            "StrategyType: RollingUpdate",
            "RollingUpdateStrategy: 25% max unavailable, 25% max surge",
            "Port: 3000/TCP",
            "Available True MinimumReplicasAvailable",
        ],
    );
    cluster.prints(&["describe", "-n", "shop", "service", "web"], &["Port: <unset> 80/TCP"]);
    cluster.prints(&["describe", "nodes"], &["Allocatable: cpu: 4", "cpu 0 (0%) 0 (0%)"]);
    let authority = ["get", "-n", "shop", "configmap", "kube-root-ca.crt", "-oyaml"];
    cluster.prints(&authority, &["ca.crt: | -----BEGIN CERTIFICATE-----"]);
    cluster.prints(
        &["explain", "gateway.spec.listeners"],
        &[
            "GROUP: gateway.networking.k8s.io KIND: Gateway VERSION: v1",
            "FIELD: listeners <[]Object>",
            "allowedRoutes <Object>",
            "port <integer> -required-",
        ],
    );
    cluster.refuses(&["explain", "gateway.spec.listener"], &[r#"field "listener" does not exist"#]);
    cluster.prints(
        &["explain", "deployment.spec.strategy"],
        &["FIELD: strategy <DeploymentStrategy>", "rollingUpdate"],
    );
}

fn conflicting(cluster: &Cluster) {
    let gateway = |class: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
             spec: {{gatewayClassName: {class}, listeners: [{{name: http, port: 8080, protocol: \
             HTTP}}]}}\n"
        )
    };
    cluster.write("mine.yaml", &gateway("cilium"));
    cluster.write("theirs.yaml", &gateway("other"));
    let apply = |manager, file, more: &[&'static str]| {
        [&["apply", "--server-side", "--field-manager", manager, "-f", file], more].concat()
    };
    cluster.prints(&apply("alice", "mine.yaml", &[]), &["public serverside-applied"]);
    cluster.refuses(
        &apply("bob", "theirs.yaml", &[]),
        &[
            "Apply failed with 1 conflict: conflict with \"alice\"",
            ".spec.gatewayClassName",
            "--force-conflicts",
        ],
    );
    let class = "-ojsonpath={.spec.gatewayClassName}";
    assert_eq!(cluster.prints(&["get", "gateway", "public", class], &[]).out, "cilium");
    cluster.prints(
        &apply("bob", "theirs.yaml", &["--force-conflicts"]),
        &["public serverside-applied"],
    );
    assert_eq!(cluster.prints(&["get", "gateway", "public", class], &[]).out, "other");
    cluster.prints(
        &["get", "gateway", "public", "-oyaml", "--show-managed-fields"],
        &["f:gatewayClassName", "manager: bob operation: Apply"],
    );
}

fn changed(cluster: &Cluster) {
    with_app(cluster);
    let hosts = r#"{"spec":{"hostnames":["new.example.test"]}}"#;
    let patch = ["patch", "-n", "shop", "httproute", "web", "--type=merge", "-p", hosts];
    cluster.watches(
        &["get", "httproutes", "-A", "-w"],
        || {
            cluster.prints(&patch, &["httproute.gateway.networking.k8s.io/web patched"]);
        },
        &["shop", "web", r#"["new.example.test"]"#],
    );
    let address = address(cluster);
    answers(&address, "new.example.test", 200);
    answers(&address, "web.example.test", 404);

    let env = r#"{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"1"}]}]}}}}"#;
    let patch = ["patch", "-n", "shop", "deployment", "web", "-p", env];
    cluster.prints(&patch, &["deployment.apps/web patched"]);
    let names = "-ojsonpath={.spec.template.spec.containers[*].env[*].name}";
    let said = cluster.prints(&["get", "-n", "shop", "deployment", "web", names], &[]);
    let mut names: Vec<_> = said.out.split(' ').collect();
    names.sort_unstable();
    assert_eq!(names, ["A", "POD_NAME"], "entries of other names stay");

    cluster.prints(&["scale", "-n", "shop", "deployment/web", "--replicas=3"], &["scaled"]);
    cluster.prints(
        &["rollout", "status", "-n", "shop", "deployment/web", TIMEOUT],
        &["successfully rolled out"],
    );
    cluster.prints(&["get", "-n", "shop", "deployment", "web"], &["web 3/3 3 3"]);
    cluster.prints(&["label", "-n", "shop", "gateway", "public", "team=a"], &["public labeled"]);
    cluster.prints(&["get", "gateway", "-A", "-l", "team=a", "-oname"], &["/public"]);
    let none = cluster.prints(&["get", "gateway", "-A", "-l", "team=b", "-oname"], &[]);
    assert_eq!(none.out, "");
}

fn rolled_out(cluster: &Cluster) {
    with_app(cluster);
    let status = ["rollout", "status", "-n", "shop", "deployment/web", TIMEOUT];
    let images =
        ["get", "-n", "shop", "rs", "-l", "app=web", "-ojsonpath={.items[*].spec.replicas}"];
    let owners = "-ojsonpath={.items[*].metadata.ownerReferences[*].kind}";
    let pods = ["get", "-n", "shop", "pods", "-l", "app=web", owners];
    assert_eq!(cluster.prints(&pods, &[]).out, "ReplicaSet ReplicaSet");
    let restart = ["rollout", "restart", "-n", "shop", "deployment/web"];
    cluster.prints(&restart, &["deployment.apps/web restarted"]);
    cluster.prints(&status, &["successfully rolled out"]);
    let mut replicas: Vec<_> =
        cluster.prints(&images, &[]).out.split(' ').map(str::to_owned).collect();
    replicas.sort_unstable();
    assert_eq!(replicas, ["0", "2"], "the old ReplicaSet is empty");
    let history = ["rollout", "history", "-n", "shop", "deployment/web"];
    cluster.prints(&history, &["REVISION CHANGE-CAUSE", "1 <none>", "2 <none>"]);
    let undo = ["rollout", "undo", "-n", "shop", "deployment/web"];
    cluster.prints(&undo, &["deployment.apps/web rolled back"]);
    cluster.prints(&status, &["successfully rolled out"]);
    cluster.prints(&history, &["REVISION CHANGE-CAUSE", "2 <none>", "3 <none>"]);
    cluster.prints(
        &["describe", "-n", "shop", "deployment", "web"],
        &[
            "OldReplicaSets: web-",
            "(0/0 replicas created)",
            "NewReplicaSet: web-",
            "(2/2 replicas created)",
        ],
    );
    cluster.prints(&["get", "-n", "shop", "pods", "-l", "pod-template-hash"], &["web-", "web-"]);
    let address = address(cluster);
    answers(&address, "web.example.test", 200);
}

fn pooled(cluster: &Cluster) {
    cluster.write(
        "pools.yaml",
        "apiVersion: cilium.io/v2\nkind: CiliumLoadBalancerIPPool\nmetadata: {name: twice}\n\
         spec: {blocks: [{cidr: 192.0.2.0/30}, {start: 192.0.2.3, stop: 192.0.2.4}]}\n",
    );
    cluster.prints(&["apply", "-f", "pools.yaml"], &["twice created"]);
    let conflict = "--for=condition=cilium.io/PoolConflict";
    cluster.prints(&["wait", conflict, "ippool/twice", TIMEOUT], &["condition met"]);
    let told = "-ojsonpath={.status.conditions[*].message}";
    cluster.prints(
        &["get", "ippool", "twice", told],
        &[
            "Pool conflicts since range '192.0.2.0 - 192.0.2.3' overlaps range \
             '192.0.2.3 - 192.0.2.4' from IP Pool 'twice'",
            "6 6 0",
        ],
    );
    let pools = ["get", "ippools"];
    cluster.prints(&pools, &["NAME DISABLED CONFLICTING IPS AVAILABLE AGE", "twice false True 6"]);
}

fn deleted(cluster: &Cluster) {
    with_app(cluster);
    let delete = ["delete", "-n", "shop", "deployment", "web"];
    cluster.prints(&[&delete[..], &["--cascade=orphan"]].concat(), &["\"web\" deleted"]);
    let pods = ["get", "-n", "shop", "pods", "-oname"];
    let sets = ["get", "-n", "shop", "rs", "-oname"];
    assert_eq!(cluster.prints(&sets, &[]).out.lines().count(), 1, "orphans stay");
    assert_eq!(cluster.prints(&pods, &[]).out.lines().count(), 2, "orphans stay");
    let foreground = ["delete", "-n", "shop", "rs", "-l", "app=web", "--cascade=foreground"];
    cluster.prints(&foreground, &["replicaset.apps \"web-", "deleted"]);
    assert_eq!(cluster.prints(&pods, &[]).out, "", "they are gone before their owner");

    cluster.prints(&["apply", "-f", "app.yaml"], &["deployment.apps/web created"]);
    cluster.prints(&["wait", "-n", "shop", "--for=create", "pod", "-l", "app=web", TIMEOUT], &[]);
    cluster.prints(&delete, &["\"web\" deleted"]);
    cluster.prints(&["wait", "-n", "shop", "--for=delete", "pod", "-l", "app=web", TIMEOUT], &[]);
    assert_eq!(cluster.prints(&pods, &[]).out, "", "pods go with their owner");

    cluster.prints(&["delete", "-n", "shop", "gateway", "public", TIMEOUT], &["deleted"]);
    let service = ["wait", "-n", "shop", "--for=delete", "service/cilium-gateway-public", TIMEOUT];
    cluster.prints(&service, &[]);
    cluster.prints(&["delete", "namespace", "shop", TIMEOUT], &["namespace \"shop\" deleted"]);
    cluster.refuses(
        &["get", "namespace", "shop"],
        &["Error from server (NotFound): namespaces \"shop\" not found"],
    );
    assert_eq!(cluster.prints(&["get", "httproutes", "-A", "-oname"], &[]).out, "");
}

fn refused(cluster: &Cluster) {
    let gateway = |listener: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: bad}}\n\
             spec: {{gatewayClassName: cilium, listeners: [{listener}]}}\n"
        )
    };
    cluster.write("port.yaml", &gateway("{name: http, port: 99999, protocol: HTTP}"));
    cluster.write("typo.yaml", &gateway("{name: http, prot: 80, port: 80, protocol: HTTP}"));
    cluster.refuses(
        &["apply", "-f", "port.yaml"],
        &["Gateway", "\"bad\" is invalid", "spec.listeners[0].port", "99999"],
    );
    cluster.refuses(
        &["apply", "-f", "typo.yaml"],
        &["strict decoding error: unknown field \"spec.listeners[0].prot\""],
    );
    cluster.refuses(
        &["create", "configmap", "a", "-n", "nowhere"],
        &["namespaces \"nowhere\" not found"],
    );
    cluster.refuses(&["get", "nothings"], &["doesn't have a resource type \"nothings\""]);
    cluster.refuses(
        &["get", "gateway", "bad"],
        &["gateways.gateway.networking.k8s.io \"bad\" not found"],
    );
}
