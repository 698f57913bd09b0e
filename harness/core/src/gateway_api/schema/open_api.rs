//! The tables as OpenAPI v3 schemas, for `kubectl explain` and for editors.
//!
//! The words are ours: a sentence for each field name, and the form a text must have. Rules that
//! look at two fields are not in the schemas.

use serde_json::{Map, Value, json};

use super::{Field, Presence, Shape, Unique};

/// The schema of a shape.
pub(in crate::gateway_api) fn schema_of(shape: &Shape) -> Value {
    match shape {
        Shape::Object(fields) => object(fields),
        Shape::List(list) => {
            let (least, most) = list.size;
            let mut schema = json!({"type": "array", "items": schema_of(list.of)});
            limit(&mut schema, "maxItems", most);
            if least > 0 {
                schema["minItems"] = json!(least);
            }
            match list.unique {
                Unique::Nothing => schema["x-kubernetes-list-type"] = json!("atomic"),
                Unique::Entry => schema["x-kubernetes-list-type"] = json!("set"),
                Unique::Key(key) => {
                    schema["x-kubernetes-list-type"] = json!("map");
                    schema["x-kubernetes-list-map-keys"] = json!([key]);
                }
            }
            schema
        }
        Shape::Map(map) => {
            let values = schema_of(map.values);
            let mut schema = json!({"type": "object", "additionalProperties": values});
            limit(&mut schema, "maxProperties", map.size);
            schema
        }
        Shape::Text { length: (least, most), form } => {
            let mut schema = json!({"type": "string"});
            limit(&mut schema, "maxLength", *most);
            if *least > 0 {
                schema["minLength"] = json!(least);
            }
            let expected = form.expected();
            if expected != "text" {
                schema["description"] = json!(format!("Form: {expected}."));
            }
            schema
        }
        Shape::Choice(names) => json!({"type": "string", "enum": names}),
        Shape::Integer(least, most) => {
            json!({"type": "integer", "format": "int64", "minimum": least, "maximum": most})
        }
        Shape::Code(codes) => json!({"type": "integer", "format": "int64", "enum": codes}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Opaque => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
    }
}

/// A table without a limit has the largest number there.
fn limit(schema: &mut Value, name: &str, most: usize) {
    if most < usize::MAX {
        schema[name] = json!(most);
    }
}

fn object(fields: &[Field]) -> Value {
    let mut properties = Map::new();
    let mut needed = Vec::new();
    for field in fields {
        let mut schema = schema_of(field.shape);
        let form = schema["description"].as_str().unwrap_or_default();
        let words = [description(field.name), form].map(str::trim);
        let words: Vec<&str> = words.into_iter().filter(|text| !text.is_empty()).collect();
        if !words.is_empty() {
            schema["description"] = json!(words.join(" "));
        }
        match field.presence {
            Presence::Required => needed.push(field.name),
            Presence::Optional => {}
            Presence::Defaulted(default) => {
                let default: Value =
                    serde_json::from_str(default).expect("defaults in the tables are JSON");
                schema["default"] = default;
            }
        }
        properties.insert(field.name.to_owned(), schema);
    }
    let mut schema = json!({"type": "object", "properties": properties});
    if !needed.is_empty() {
        schema["required"] = json!(needed);
    }
    schema
}

/// What a field of this name is, wherever it stands.
fn description(field: &str) -> &'static str {
    match field {
        "apiVersion" => "The group and version of this object's form.",
        "kind" => "The kind of object.",
        "metadata" => "Name, namespace, labels, annotations and what the API server keeps.",
        "spec" => "What is asked for.",
        "status" => "What controllers report.",
        "addresses" => "Addresses asked for the Gateway.",
        "allowedListeners" => "Which ListenerSets may add listeners.",
        "allowedRoutes" => "Which routes may attach to the listener.",
        "backendRef" => "The backend a copy of the request goes to.",
        "backendRefs" => "Where requests go; weights share them out.",
        "caCertificateRefs" => "Where the certificates of trusted authorities are.",
        "certificateRefs" => "The Secrets with the listener's certificates.",
        "controllerName" => "The controller that acts for this class.",
        "default" => "What holds where nothing else is said.",
        "exact" => "The whole value.",
        "filters" => "What is done to the request or the response on the way.",
        "from" => "Where from.",
        "frontend" => "How clients are authenticated.",
        "gatewayClassName" => "The GatewayClass, and through it the controller, of this Gateway.",
        "group" => "The API group; empty for the core group.",
        "headers" => "Conditions on headers; all must hold.",
        "hostname" => "The host this is about; without one, every host.",
        "hostnames" => "The hosts the route is for; they must meet those of the listener.",
        "infrastructure" => "What is passed on to the objects made for the Gateway.",
        "kinds" => "The kinds of routes.",
        "listeners" => "The ports, protocols and hosts that accept traffic.",
        "matches" => "When the rule applies: one of the entries must match.",
        "method" => "The HTTP method.",
        "mode" => "How TLS is treated.",
        "name" => "The name.",
        "namespace" => "The namespace; without one, that of this object.",
        "namespaces" => "The namespaces.",
        "parametersRef" => "An object with settings of the controller's own.",
        "parentRefs" => "The Gateways, and their listeners, that the route attaches to.",
        "path" => "A condition on, or a change of, the path.",
        "port" => "The port.",
        "protocol" => "The protocol the listener speaks.",
        "queryParams" => "Conditions on query parameters; all must hold.",
        "requestHeaderModifier" => "Changes of the request's headers.",
        "requestMirror" => "Sends a copy of the request to another backend.",
        "requestRedirect" => "Answers with a redirect.",
        "responseHeaderModifier" => "Changes of the response's headers.",
        "rules" => "Conditions and where matching requests go; the most specific match wins.",
        "scheme" => "The scheme of the redirect.",
        "sectionName" => "One listener, by its name; without it, all.",
        "selector" => "Which namespaces, by their labels.",
        "statusCode" => "The HTTP status of the answer.",
        "timeouts" => "How long a request may take.",
        "tls" => "TLS settings.",
        "to" => "What may be referred to.",
        "type" => "Which variant this is.",
        "urlRewrite" => "Changes host or path before the request goes on.",
        "value" => "The value.",
        "weight" => "The share of requests; 0 means none.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::gateway_api::open_api_schema;

    #[test]
    fn the_schema_of_a_gateway_tells_types_limits_defaults_and_keys() {
        let schema = open_api_schema("Gateway").expect("a covered kind");
        let spec = &schema["properties"]["spec"];
        assert_eq!(spec["required"], json!(["gatewayClassName", "listeners"]));
        let listeners = &spec["properties"]["listeners"];
        assert_eq!(listeners["maxItems"], 64);
        assert_eq!(listeners["x-kubernetes-list-map-keys"], json!(["name"]));
        let listener = &listeners["items"]["properties"];
        assert_eq!(
            listener["tls"]["properties"]["mode"]["enum"],
            json!(["Terminate", "Passthrough"])
        );
        assert_eq!(
            listener["allowedRoutes"]["properties"]["namespaces"]["properties"]["from"]["default"],
            "Same"
        );
        let hostname = listener["hostname"]["description"].as_str().expect("words");
        assert!(
            hostname.contains("every host") && hostname.contains("`*.example.com`"),
            "{hostname}"
        );
        assert_eq!(open_api_schema("Pod"), None);
    }
}
