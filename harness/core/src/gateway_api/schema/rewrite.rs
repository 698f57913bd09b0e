//! Fills in defaults and removes unknown fields, as an API server does before it stores an object.
//!
//! Both walk the same tables as the check; neither reports mistakes, and a value of the wrong type
//! is left as it is for the check to find.

use serde_json::Value;

use super::{Presence, Shape};
use crate::gateway_api::FieldPath;

/// Fills in the defaults of a shape, outermost first, so that a default object gets its own
/// defaults. A `null` where a default exists counts as missing, as in an API server.
pub(in crate::gateway_api) fn default(value: &mut Value, shape: &Shape) {
    match (shape, value) {
        (Shape::Object(fields), Value::Object(object)) => {
            for field in *fields {
                if let Presence::Defaulted(json) = field.presence
                    && object.get(field.name).is_none_or(Value::is_null)
                {
                    let filled = serde_json::from_str(json)
                        .expect("every default in the tables is JSON, which a test checks");
                    object.insert(field.name.to_owned(), filled);
                }
                if let Some(inner) = object.get_mut(field.name) {
                    default(inner, field.shape);
                }
            }
        }
        (Shape::List(list), Value::Array(entries)) => {
            for entry in entries {
                default(entry, list.of);
            }
        }
        _ => {}
    }
}

/// Removes the fields a shape does not have and returns where they were.
pub(in crate::gateway_api) fn prune(value: &mut Value, shape: &Shape) -> Vec<FieldPath> {
    let mut removed = Vec::new();
    prune_at(value, shape, &FieldPath::root(), &mut removed);
    removed
}

fn prune_at(value: &mut Value, shape: &Shape, path: &FieldPath, removed: &mut Vec<FieldPath>) {
    match (shape, value) {
        (Shape::Object(fields), Value::Object(object)) => {
            object.retain(|name, _| {
                let known = fields.iter().any(|field| field.name == name);
                if !known {
                    removed.push(path.field(name));
                }
                known
            });
            for field in *fields {
                if let Some(inner) = object.get_mut(field.name) {
                    prune_at(inner, field.shape, &path.field(field.name), removed);
                }
            }
        }
        (Shape::List(list), Value::Array(entries)) => {
            for (index, entry) in entries.iter_mut().enumerate() {
                prune_at(entry, list.of, &path.index(index), removed);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Presence, Shape, class, gateway, grant, http_route};
    use super::{default, prune};

    fn each_default(shape: &Shape, visit: &mut dyn FnMut(&str)) {
        match shape {
            Shape::Object(fields) => {
                for field in *fields {
                    if let Presence::Defaulted(json) = field.presence {
                        visit(json);
                    }
                    each_default(field.shape, visit);
                }
            }
            Shape::List(list) => each_default(list.of, visit),
            _ => {}
        }
    }

    #[test]
    fn every_default_in_the_tables_is_json() {
        let mut defaults = 0;
        for shape in [
            &class::GATEWAY_CLASS,
            &gateway::GATEWAY,
            &http_route::HTTP_ROUTE,
            &grant::REFERENCE_GRANT,
        ] {
            each_default(shape, &mut |json| {
                defaults += 1;
                let parsed = serde_json::from_str::<Value>(json);
                assert!(parsed.is_ok(), "the default {json} must be JSON");
            });
        }
        assert!(defaults > 30, "the walk must reach the defaults, found {defaults}");
    }

    #[test]
    fn default_keeps_what_is_written_and_replaces_null() {
        let mut written = json!({"spec": {"listeners": [
            {"name": "a", "tls": {"mode": "Passthrough"}},
            {"name": "b", "tls": {"mode": null}},
            {"name": "c"},
        ]}});
        default(&mut written, &gateway::GATEWAY);
        let listeners = &written["spec"]["listeners"];
        assert_eq!(listeners[0]["tls"]["mode"], "Passthrough");
        assert_eq!(listeners[1]["tls"]["mode"], "Terminate");
        assert_eq!(listeners[2].get("tls"), None, "an optional object is not invented");
        assert_eq!(listeners[2]["allowedRoutes"]["namespaces"]["from"], "Same");
    }

    #[test]
    fn prune_removes_unknown_fields_and_leaves_free_form_maps_alone() {
        let mut object = json!({"metadata": {"anything": 1}, "spec": {"gatewayClassName": "cilium",
            "listeners": [{"name": "a", "prot": 80}], "infrastructure": {"labels": {"x": "y"}}}});
        let removed = prune(&mut object, &gateway::GATEWAY);
        let removed: Vec<_> = removed.iter().map(ToString::to_string).collect();
        assert_eq!(removed, ["spec.listeners[0].prot"]);
        assert_eq!(object["spec"]["infrastructure"]["labels"]["x"], "y");
        assert_eq!(object["metadata"]["anything"], 1);
    }
}
