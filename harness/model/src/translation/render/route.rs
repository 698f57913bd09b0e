//! Route tables as Envoy's JSON. Values that are the default of their Protobuf field are left out,
//! as the operator's encoding leaves them out.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::translation::envoy::{
    Action, Cors, Credentials, Forward, HeaderEdits, HeaderMatch, Mirror, PathMatch, PathRewrite,
    Redirect, RedirectPath, Retry, RetryOn, Route, RouteMatch, RouteTable, ValueMatch,
};

/// One route table.
pub(super) fn route_table(name: &str, table: &RouteTable) -> Value {
    let mut value = json!({
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": name,
    });
    if !table.virtual_hosts.is_empty() {
        let hosts = table.virtual_hosts.iter().map(|host| {
            json!({
                "name": host.name,
                "domains": host.domains,
                "routes": host.routes.iter().map(route).collect::<Vec<_>>(),
            })
        });
        value["virtualHosts"] = json!(hosts.collect::<Vec<_>>());
    }
    value
}

fn route(route: &Route) -> Value {
    let mut value = json!({"match": matcher(&route.matcher)});
    match &route.action {
        Action::Forward(forward) => value["route"] = forward_action(forward),
        Action::Redirect(redirect) => value["redirect"] = redirect_action(redirect),
        Action::Respond { status } => {
            value["directResponse"] = json!({"status": status, "body": {"inlineString": ""}});
        }
    }
    header_edits(&mut value, &route.request_headers, &route.response_headers);
    if let Some(policy) = &route.cors {
        value["typedPerFilterConfig"] = json!({"envoy.filters.http.cors": cors(policy)});
    }
    value
}

fn cors(policy: &Cors) -> Value {
    let mut value = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allowCredentials": policy.credentials == Credentials::Allowed,
        "forwardNotMatchingPreflights": false,
        "maxAge": policy.max_age,
    });
    if !policy.origins.is_empty() {
        let origins = policy.origins.iter().map(string_match);
        value["allowOriginStringMatch"] = json!(origins.collect::<Vec<_>>());
    }
    for (key, text) in [
        ("allowMethods", &policy.methods),
        ("allowHeaders", &policy.headers),
        ("exposeHeaders", &policy.expose_headers),
    ] {
        if !text.is_empty() {
            value[key] = json!(text);
        }
    }
    value
}

fn matcher(matcher: &RouteMatch) -> Value {
    let mut value = match &matcher.path {
        PathMatch::Exact(path) => json!({"path": path}),
        PathMatch::Prefix(prefix) => json!({"prefix": prefix}),
        PathMatch::SeparatedPrefix(prefix) => json!({"pathSeparatedPrefix": prefix}),
        PathMatch::Regex(pattern) => json!({"safeRegex": {"regex": pattern}}),
    };
    let mut headers: Vec<Value> = matcher.headers.iter().map(header_match).collect();
    if let Some(method) = &matcher.method {
        headers.push(json!({"name": ":method", "stringMatch": {"exact": method}}));
    }
    if !headers.is_empty() {
        value["headers"] = json!(headers);
    }
    if !matcher.query.is_empty() {
        let query = matcher
            .query
            .iter()
            .map(|query| json!({"name": query.name, "stringMatch": string_match(&query.value)}));
        value["queryParameters"] = json!(query.collect::<Vec<_>>());
    }
    value
}

fn header_match(header: &HeaderMatch) -> Value {
    let mut value = json!({"name": header.name, "stringMatch": string_match(&header.value)});
    if header.invert {
        value["invertMatch"] = json!(true);
    }
    value
}

fn string_match(value: &ValueMatch) -> Value {
    match value {
        ValueMatch::Exact(text) => json!({"exact": text}),
        ValueMatch::ExactIgnoreCase(text) => json!({"exact": text, "ignoreCase": true}),
        ValueMatch::Regex(pattern) => json!({"safeRegex": {"regex": pattern}}),
    }
}

fn forward_action(forward: &Forward) -> Value {
    let mut value = match &forward.clusters[..] {
        [only] => json!({"cluster": only.cluster}),
        several => {
            let clusters = several.iter().map(|cluster| {
                let mut value = json!({"name": cluster.cluster, "weight": cluster.weight});
                header_edits(&mut value, &cluster.request_headers, &cluster.response_headers);
                value
            });
            json!({"weightedClusters": {"clusters": clusters.collect::<Vec<_>>()}})
        }
    };
    match forward.timeout {
        Some(timeout) => value["timeout"] = json!(duration(timeout)),
        None => value["maxStreamDuration"] = json!({"maxStreamDuration": "0s"}),
    }
    if let Some(host) = &forward.host_rewrite {
        value["hostRewriteLiteral"] = json!(host);
    }
    match &forward.path_rewrite {
        Some(PathRewrite::Prefix(prefix)) => value["prefixRewrite"] = json!(prefix),
        Some(PathRewrite::Regex { pattern, substitution }) => {
            value["regexRewrite"] = regex_rewrite(pattern, substitution);
        }
        None => {}
    }
    if !forward.mirrors.is_empty() {
        value["requestMirrorPolicies"] =
            json!(forward.mirrors.iter().map(mirror).collect::<Vec<_>>());
    }
    if let Some(policy) = &forward.retry {
        value["retryPolicy"] = retry(policy);
    }
    value
}

fn regex_rewrite(pattern: &str, substitution: &str) -> Value {
    json!({"pattern": {"regex": pattern}, "substitution": substitution})
}

fn mirror(mirror: &Mirror) -> Value {
    let mut share = Map::new();
    if mirror.numerator > 0 {
        share.insert("numerator".to_owned(), json!(mirror.numerator));
    }
    match mirror.denominator {
        10_000 => share.insert("denominator".to_owned(), json!("TEN_THOUSAND")),
        1_000_000 => share.insert("denominator".to_owned(), json!("MILLION")),
        _ => None,
    };
    json!({"cluster": mirror.cluster, "runtimeFraction": {"defaultValue": share}})
}

fn retry(retry: &Retry) -> Value {
    let mut value = json!({});
    if retry.on == RetryOn::CodesAndConnection {
        value["retryOn"] = json!("retriable-status-codes,connect-failure,reset,refused-stream");
    }
    if let Some(attempts) = retry.attempts {
        value["numRetries"] = json!(attempts);
    }
    if !retry.codes.is_empty() {
        value["retriableStatusCodes"] = json!(retry.codes);
    }
    if let Some(base) = retry.backoff {
        value["retryBackOff"] =
            json!({"baseInterval": duration(base), "maxInterval": duration(base * 2)});
    }
    value
}

fn redirect_action(redirect: &Redirect) -> Value {
    let mut value = Map::new();
    let mut set = |key: &str, part: Value| value.insert(key.to_owned(), part);
    if let Some(scheme) = &redirect.scheme {
        set("schemeRedirect", json!(scheme));
    }
    if let Some(host) = &redirect.host {
        set("hostRedirect", json!(host));
    }
    if let Some(port) = redirect.port {
        set("portRedirect", json!(port));
    }
    match &redirect.path {
        Some(RedirectPath::Full(path)) => {
            set("pathRedirect", json!(path));
        }
        Some(RedirectPath::Prefix(prefix)) => {
            set("prefixRewrite", json!(prefix));
        }
        Some(RedirectPath::Regex { pattern, substitution }) => {
            set("regexRewrite", regex_rewrite(pattern, substitution));
        }
        None => {}
    }
    let code = match redirect.status {
        302 => Some("FOUND"),
        303 => Some("SEE_OTHER"),
        307 => Some("TEMPORARY_REDIRECT"),
        308 => Some("PERMANENT_REDIRECT"),
        _ => None,
    };
    if let Some(code) = code {
        set("responseCode", json!(code));
    }
    Value::Object(value)
}

/// Adds header edits to a route or weighted cluster.
fn header_edits(value: &mut Value, request: &HeaderEdits, response: &HeaderEdits) {
    for (side, edits) in [("request", request), ("response", response)] {
        let mut added: Vec<Value> = edits
            .add
            .iter()
            .map(|(name, content)| json!({"header": {"key": name, "value": content}}))
            .collect();
        added.extend(edits.set.iter().map(|(name, content)| {
            json!({
                "appendAction": "OVERWRITE_IF_EXISTS_OR_ADD",
                "header": {"key": name, "value": content},
            })
        }));
        if !added.is_empty() {
            value[format!("{side}HeadersToAdd")] = json!(added);
        }
        if !edits.remove.is_empty() {
            value[format!("{side}HeadersToRemove")] = json!(edits.remove);
        }
    }
}

/// A duration in Protobuf's JSON.
fn duration(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        millis => format!("{}.{millis:03}s", duration.as_secs()),
    }
}
