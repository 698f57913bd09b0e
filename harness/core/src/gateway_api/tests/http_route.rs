//! The rules of HTTPRoutes.

#![expect(clippy::needless_pass_by_value, reason = "objects are written in place with json!")]

use serde_json::{Value, json};

use super::check;
use crate::gateway_api::{Problem, default};

fn route(spec: Value) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "r", "namespace": "apps"}, "spec": spec})
}

fn with_rule(rule: Value) -> Value {
    route(json!({"parentRefs": [{"name": "gw"}], "rules": [rule]}))
}

fn with_path(kind: &str, value: &str) -> Value {
    with_rule(json!({"matches": [{"path": {"type": kind, "value": value}}]}))
}

fn with_filters(filters: Value) -> Value {
    with_rule(json!({"filters": filters}))
}

#[test]
fn parents_must_be_told_apart() {
    let refs = |list: Value| route(json!({"parentRefs": list}));
    let one = json!({"name": "gw"});
    let a = json!({"name": "gw", "sectionName": "a"});
    let b = json!({"name": "gw", "sectionName": "b"});
    check("once", &refs(json!([one])), &[]);
    check(
        "twice the same",
        &refs(json!([one, one])),
        &[("spec.parentRefs[1]", Problem::Duplicate)],
    );
    check("two sections", &refs(json!([a, b])), &[]);
    check(
        "the same section",
        &refs(json!([a, b, a])),
        &[("spec.parentRefs[2]", Problem::Duplicate)],
    );
    check("a section and all", &refs(json!([a, one])), &[("spec.parentRefs[1]", Problem::Invalid)]);
    check(
        "written out and defaulted are the same parent",
        &refs(
            json!([one, {"name": "gw", "kind": "Gateway", "group": "gateway.networking.k8s.io"}]),
        ),
        &[("spec.parentRefs[1]", Problem::Duplicate)],
    );
    check("other namespace", &refs(json!([one, {"name": "gw", "namespace": "x"}])), &[]);
    check("other kind", &refs(json!([one, {"name": "gw", "kind": "Service", "group": ""}])), &[]);
    let many: Vec<_> = (0..33).map(|n| json!({"name": format!("gw{n}")})).collect();
    check("33 parents", &refs(json!(many)), &[("spec.parentRefs", Problem::TooMany)]);
}

#[test]
fn paths_must_be_plain() {
    let at = "spec.rules[0].matches[0].path.value";
    for bad in [
        "a", "", "/a//b", "/a/./b", "/a/../b", "/a%2fb", "/a%2Fb", "/a#b", "/a/..", "/a/.", "/a b",
        "/é", "/%zz", "/a?b",
    ] {
        for kind in ["Exact", "PathPrefix"] {
            check(&format!("{kind} {bad}"), &with_path(kind, bad), &[(at, Problem::Invalid)]);
        }
        check(&format!("regular expression {bad}"), &with_path("RegularExpression", bad), &[]);
    }
    for good in ["/", "/a/b/", "/a..b", "/.a", "/%20", "/a~!$&'()*+,;=:@b"] {
        check(good, &with_path("Exact", good), &[]);
    }
    check(
        "1025 characters",
        &with_path("Exact", &format!("/{}", "a".repeat(1024))),
        &[(at, Problem::TooLong)],
    );
    check(
        "unknown type",
        &with_path("Prefix", "/"),
        &[("spec.rules[0].matches[0].path.type", Problem::NotSupported)],
    );
}

#[test]
fn matches_are_limited_and_their_names_unique() {
    let header = |name: &str| json!({"name": name, "value": "1"});
    let matching = |field: &str, list: Value| with_rule(json!({"matches": [{field: list}]}));
    for field in ["headers", "queryParams"] {
        let at = format!("spec.rules[0].matches[0].{field}");
        check(
            "twice",
            &matching(field, json!([header("a"), header("a")])),
            &[(&format!("{at}[1].name"), Problem::Duplicate)],
        );
        check("case differs", &matching(field, json!([header("a"), header("A")])), &[]);
        check(
            "bad name",
            &matching(field, json!([header("a b")])),
            &[(&format!("{at}[0].name"), Problem::Invalid)],
        );
        check(
            "empty value",
            &matching(field, json!([{"name": "a", "value": ""}])),
            &[(&format!("{at}[0].value"), Problem::Invalid)],
        );
        let many: Vec<_> = (0..17).map(|n| header(&format!("h{n}"))).collect();
        check("17", &matching(field, json!(many)), &[(&at, Problem::TooMany)]);
        check("16", &matching(field, json!(many[..16])), &[]);
    }
    check(
        "method",
        &with_rule(json!({"matches": [{"method": "get"}]})),
        &[("spec.rules[0].matches[0].method", Problem::NotSupported)],
    );
    let rule = |matches: usize| json!({"matches": vec![json!({}); matches]});
    let rules = |sizes: &[usize]| {
        route(json!({"rules": sizes.iter().map(|size| rule(*size)).collect::<Vec<_>>()}))
    };
    check("65 in a rule", &rules(&[65]), &[("spec.rules[0].matches", Problem::TooMany)]);
    check("128 in all", &rules(&[64, 64]), &[]);
    check("129 in all", &rules(&[64, 64, 1]), &[("spec.rules", Problem::TooMany)]);
    check(
        "a rule without matches counts as one",
        &route(json!({"rules": [rule(64), rule(64), {}]})),
        &[("spec.rules", Problem::TooMany)],
    );
    check("17 rules", &rules(&[1; 17]), &[("spec.rules", Problem::TooMany)]);
    check("no rules", &route(json!({"rules": []})), &[("spec.rules", Problem::Invalid)]);
    check(
        "17 hostnames",
        &route(json!({"hostnames": vec!["a.test"; 17]})),
        &[("spec.hostnames", Problem::TooMany)],
    );
}

#[test]
fn filters_need_the_field_of_their_type() {
    let at = |rest: &str| format!("spec.rules[0].filters[0]{rest}");
    check(
        "nothing",
        &with_filters(json!([{"type": "URLRewrite"}])),
        &[(&at(".urlRewrite"), Problem::Required)],
    );
    check(
        "another field",
        &with_filters(json!([{"type": "URLRewrite", "requestRedirect": {}}])),
        &[(&at(".requestRedirect"), Problem::Invalid), (&at(".urlRewrite"), Problem::Required)],
    );
    check(
        "an empty rewrite",
        &with_filters(json!([{"type": "URLRewrite", "urlRewrite": {}}])),
        &[],
    );
    check("no type", &with_filters(json!([{}])), &[(&at(".type"), Problem::Required)]);
    check(
        "type in other letters",
        &with_filters(json!([{"type": "UrlRewrite", "urlRewrite": {}}])),
        &[(&at(".type"), Problem::NotSupported), (&at(".urlRewrite"), Problem::Invalid)],
    );
}

#[test]
fn filters_exclude_each_other() {
    let redirect = json!({"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}});
    let rewrite = json!({"type": "URLRewrite", "urlRewrite": {"hostname": "a.test"}});
    let mirror = json!({"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80}}});
    let headers =
        json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a"]}});
    let second = "spec.rules[0].filters[1]";
    check(
        "redirect and rewrite",
        &with_filters(json!([redirect, rewrite])),
        &[(second, Problem::Invalid)],
    );
    check("rewrite and headers", &with_filters(json!([rewrite, headers])), &[]);
    check(
        "twice the headers",
        &with_filters(json!([headers, headers])),
        &[(second, Problem::Duplicate)],
    );
    check("two mirrors", &with_filters(json!([mirror, mirror])), &[]);
    let backends = json!([{"name": "b", "port": 80}]);
    check(
        "redirect and backends",
        &with_rule(json!({"filters": [redirect], "backendRefs": backends})),
        &[("spec.rules[0].backendRefs", Problem::Invalid)],
    );
    check(
        "redirect and an empty list",
        &with_rule(json!({"filters": [redirect], "backendRefs": []})),
        &[],
    );
    check(
        "rewrite and backends",
        &with_rule(json!({"filters": [rewrite], "backendRefs": backends})),
        &[],
    );
    check(
        "in a backend as well",
        &with_rule(
            json!({"backendRefs": [{"name": "b", "port": 80, "filters": [headers, headers]}]}),
        ),
        &[("spec.rules[0].backendRefs[0].filters[1]", Problem::Duplicate)],
    );
}

#[test]
fn replacing_a_prefix_needs_one_prefix_match() {
    let replace = |kind: &str, field: &str| json!([{"type": kind, field: {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}}]);
    let prefix = json!({"path": {"type": "PathPrefix", "value": "/a"}});
    let exact = json!({"path": {"type": "Exact", "value": "/a"}});
    for (kind, field) in [("RequestRedirect", "requestRedirect"), ("URLRewrite", "urlRewrite")] {
        let at = format!("spec.rules[0].filters[0].{field}.path.replacePrefixMatch");
        let rule = |matches: Value| {
            with_rule(json!({"matches": matches, "filters": replace(kind, field)}))
        };
        check("one prefix", &rule(json!([prefix])), &[]);
        check(
            "the default match is a prefix",
            &with_rule(json!({"filters": replace(kind, field)})),
            &[],
        );
        check("exact", &rule(json!([exact])), &[(&at, Problem::Invalid)]);
        check("two", &rule(json!([prefix, prefix])), &[(&at, Problem::Invalid)]);
        let full = json!([{"type": kind, field: {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/x"}}}]);
        check("the full path", &with_rule(json!({"matches": [exact], "filters": full})), &[]);
        let in_backend = json!([{"name": "b", "port": 80, "filters": replace(kind, field)}]);
        let at = format!("spec.rules[0].backendRefs[0].filters[0].{field}.path.replacePrefixMatch");
        check(
            "backend",
            &with_rule(json!({"matches": [exact], "backendRefs": in_backend})),
            &[(&at, Problem::Invalid)],
        );
    }
    let at = "spec.rules[0].filters[0].urlRewrite.path";
    let modifier =
        |path: Value| with_filters(json!([{"type": "URLRewrite", "urlRewrite": {"path": path}}]));
    check(
        "no replacement",
        &modifier(json!({"type": "ReplaceFullPath"})),
        &[(&format!("{at}.replaceFullPath"), Problem::Required)],
    );
    check(
        "the other replacement",
        &modifier(
            json!({"type": "ReplaceFullPath", "replaceFullPath": "/a", "replacePrefixMatch": "/b"}),
        ),
        &[(&format!("{at}.replacePrefixMatch"), Problem::Invalid)],
    );
}

#[test]
fn backends_need_what_their_kind_needs() {
    let backend = |backend: Value| with_rule(json!({"backendRefs": [backend]}));
    let at = |rest: &str| format!("spec.rules[0].backendRefs[0].{rest}");
    check(
        "a Service without port",
        &backend(json!({"name": "b"})),
        &[(&at("port"), Problem::Required)],
    );
    check(
        "another kind without port",
        &backend(json!({"name": "b", "group": "example.com", "kind": "Bucket"})),
        &[],
    );
    check(
        "group with version",
        &backend(json!({"name": "b", "port": 80, "group": "example.com/v1"})),
        &[(&at("group"), Problem::Invalid)],
    );
    check(
        "negative weight",
        &backend(json!({"name": "b", "port": 80, "weight": -1})),
        &[(&at("weight"), Problem::Invalid)],
    );
    check("zero weight", &backend(json!({"name": "b", "port": 80, "weight": 0})), &[]);
    check(
        "a million and one",
        &backend(json!({"name": "b", "port": 80, "weight": 1_000_001})),
        &[(&at("weight"), Problem::Invalid)],
    );
    let mirror = |extra: Value| {
        let mut mirror = json!({"backendRef": {"name": "b", "port": 80}});
        for (name, value) in extra.as_object().expect("an object") {
            mirror[name] = value.clone();
        }
        with_filters(json!([{"type": "RequestMirror", "requestMirror": mirror}]))
    };
    let at = |rest: &str| format!("spec.rules[0].filters[0].requestMirror.{rest}");
    check("percent", &mirror(json!({"percent": 100})), &[]);
    check(
        "too many percent",
        &mirror(json!({"percent": 101})),
        &[(&at("percent"), Problem::Invalid)],
    );
    check(
        "both",
        &mirror(json!({"percent": 1, "fraction": {"numerator": 1}})),
        &[(&at("fraction"), Problem::Invalid)],
    );
    check("a part", &mirror(json!({"fraction": {"numerator": 100}})), &[]);
    check(
        "more than all",
        &mirror(json!({"fraction": {"numerator": 101}})),
        &[(&at("fraction.numerator"), Problem::Invalid)],
    );
    check(
        "a mirror without port",
        &mirror(json!({"backendRef": {"name": "b"}})),
        &[(&at("backendRef.port"), Problem::Required)],
    );
}

#[test]
fn timeouts_redirects_cors_and_sessions_are_checked() {
    let timeouts = |request: &str, backend: &str| {
        with_rule(json!({"timeouts": {"request": request, "backendRequest": backend}}))
    };
    let at = "spec.rules[0].timeouts.backendRequest";
    check("longer", &timeouts("1s", "1001ms"), &[(at, Problem::Invalid)]);
    check("equal", &timeouts("1s", "1000ms"), &[]);
    check("no limit", &timeouts("0s", "1h"), &[]);
    check("no duration", &timeouts("1s", "1"), &[(at, Problem::Invalid)]);
    let redirect =
        |value: Value| with_filters(json!([{"type": "RequestRedirect", "requestRedirect": value}]));
    let at = |rest: &str| format!("spec.rules[0].filters[0].requestRedirect.{rest}");
    check(
        "status",
        &redirect(json!({"statusCode": 304})),
        &[(&at("statusCode"), Problem::NotSupported)],
    );
    check("303", &redirect(json!({"statusCode": 303})), &[]);
    check("scheme", &redirect(json!({"scheme": "ftp"})), &[(&at("scheme"), Problem::NotSupported)]);
    check(
        "wildcard",
        &redirect(json!({"hostname": "*.a.test"})),
        &[(&at("hostname"), Problem::Invalid)],
    );
    let cors = |value: Value| with_filters(json!([{"type": "CORS", "cors": value}]));
    let at = |rest: &str| format!("spec.rules[0].filters[0].cors.{rest}");
    check("a lone star", &cors(json!({"allowOrigins": ["*"], "allowMethods": ["*"]})), &[]);
    check(
        "a star in company",
        &cors(json!({"allowMethods": ["GET", "*"]})),
        &[(&at("allowMethods"), Problem::Invalid)],
    );
    check(
        "twice",
        &cors(json!({"allowMethods": ["GET", "GET"]})),
        &[(&at("allowMethods[1]"), Problem::Duplicate)],
    );
    let session = |value: Value| with_rule(json!({"sessionPersistence": value}));
    let at = |rest: &str| format!("spec.rules[0].sessionPersistence.{rest}");
    check("cookie missing", &session(json!({})), &[(&at("cookie"), Problem::Required)]);
    check(
        "permanent",
        &session(json!({"cookie": {"lifetimeType": "Permanent"}})),
        &[(&at("absoluteTimeout"), Problem::Required)],
    );
    check("session", &session(json!({"cookie": {}})), &[]);
    check(
        "retry code",
        &with_rule(json!({"retry": {"codes": [399, 500]}})),
        &[("spec.rules[0].retry.codes[0]", Problem::Invalid)],
    );
}

#[test]
fn defaults_of_a_route_are_filled_in() {
    let mut object = route(json!({"parentRefs": [{"name": "gw"}]}));
    default(&mut object);
    assert_eq!(
        object["spec"],
        json!({
            "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}],
            "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}],
        })
    );
    let mut object = with_rule(json!({"matches": [{"headers": [{"name": "a", "value": "b"}]}],
        "filters": [{"type": "RequestRedirect", "requestRedirect": {}}],
        "backendRefs": [{"name": "b", "port": 80}]}));
    default(&mut object);
    assert_eq!(
        object["spec"]["rules"],
        json!([{
            "matches": [{"path": {"type": "PathPrefix", "value": "/"},
                "headers": [{"type": "Exact", "name": "a", "value": "b"}]}],
            "filters": [{"type": "RequestRedirect", "requestRedirect": {"statusCode": 302}}],
            "backendRefs": [{"group": "", "kind": "Service", "name": "b", "port": 80, "weight": 1}],
        }])
    );
}
