//! Each rule of the checker with a value that breaks it and a look-alike that does not.

use serde_json::{Value, json};

use super::{Format, FormatError, check, unsupported};
use crate::source::parse::parse;
use crate::source::tree::{Place, Source};

const FORMATS: &[Format] = &[Format {
    name: "upper",
    check: |text| {
        if text.to_uppercase() == text {
            Ok(())
        } else {
            Err(FormatError { expected: "capital letters".to_owned(), note: None })
        }
    },
}];

fn problems(yaml: &str, schema: &Value) -> Vec<String> {
    assert_eq!(unsupported(schema), Vec::<String>::new(), "a schema that the checker can check");
    let source = Source { path: "a.yaml".to_owned(), text: yaml.to_owned() };
    let mut problems = Vec::new();
    let documents = parse(&source, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    check(Place::document(&source, &documents[0]), schema, FORMATS, &mut problems);
    problems
        .into_iter()
        .map(|problem| {
            format!(
                "{}:{} {} | {} | {} | {}",
                problem.line,
                problem.column,
                problem.what,
                problem.found.unwrap_or_default(),
                problem.expected.unwrap_or_default(),
                problem.nearest.unwrap_or_default()
            )
        })
        .collect()
}

fn accepts(yaml: &str, schema: &Value) {
    assert_eq!(problems(yaml, schema), Vec::<String>::new(), "{yaml}");
}

fn refuses(yaml: &str, schema: &Value, expected: &[&str]) {
    assert_eq!(problems(yaml, schema), expected, "{yaml}");
}

#[test]
fn unknown_and_missing_keys_are_all_found_at_once() {
    let schema = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
        "required": ["name"],
        "additionalProperties": false,
    });
    accepts("name: a\nport: 1\n", &schema);
    refuses(
        "nmae: a\nport: x\n",
        &schema,
        &[
            "1:1 unknown key `nmae` |  | one of `name`, `port` | name",
            "2:7 this value has the wrong type | the text `x` | a whole number | ",
        ],
    );
    refuses(
        "prt: 1\n",
        &schema,
        &[
            "1:1 unknown key `prt` |  | one of `name`, `port` | port",
            "1:1 the key `name` is missing here |  | `name:` with a value | ",
        ],
    );
}

#[test]
fn words_are_checked_with_the_nearest_named() {
    let schema = json!({"type": "object", "properties": {
        "a": {"oneOf": [{"type": "string", "const": "node"}, {"type": "string", "const": "loadBalancer"}]},
        "b": {"anyOf": [{"enum": ["all"]}, {"type": "object"}]},
    }});
    accepts("a: node\nb: all\n", &schema);
    accepts("b: {}\n", &schema);
    refuses(
        "a: nodes\nb: al\n",
        &schema,
        &[
            "1:4 this value is not one of the accepted ones | the text `nodes` | one of `node`, `loadBalancer` | node",
            "2:4 this value is not one of the accepted ones | the text `al` | `all` or a mapping | all",
        ],
    );
    refuses(
        "b: 3\n",
        &schema,
        &[
            "1:4 this value is not one of the accepted ones | the number `3` | `all` or a mapping | ",
        ],
    );
}

#[test]
fn numbers_have_limits_and_whole_numbers_no_fraction() {
    let schema = json!({"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 9}});
    accepts("[1, 9]\n", &schema);
    refuses(
        "[0, 1.5]\n",
        &schema,
        &[
            "1:2 this number is out of range | 0 | a number from 1 to 9 | ",
            "1:5 this value has the wrong type | the number `1.5` | a whole number | ",
        ],
    );
    let positive = json!({"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0}});
    accepts("a: 0.1\n", &positive);
    refuses("a: 0\n", &positive, &["1:4 this number is out of range | 0 | more than 0 | "]);
}

#[test]
fn exactly_one_of_some_keys_must_be_there() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {}, "b": {}, "c": {}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        "additionalProperties": false,
    });
    accepts("a: 1\nc: 2\n", &schema);
    refuses("c: 2\n", &schema, &["1:1 a key is missing here |  | exactly one of `a`, `b` | "]);
    refuses(
        "b: 1\na: 2\n",
        &schema,
        &["1:1 `a` and `b` exclude each other |  | exactly one of `a`, `b` | "],
    );
}

#[test]
fn forms_of_text_are_checked_in_values_and_in_keys() {
    let schema = json!({"type": "object", "propertyNames": {"format": "upper"},
        "additionalProperties": {"type": "string", "format": "upper", "minLength": 1}});
    accepts("A: B\n", &schema);
    refuses(
        "a: B\nC: d\nE: ''\n",
        &schema,
        &[
            "1:1 this text does not have the right form | `a` | capital letters | ",
            "2:4 this text does not have the right form | `d` | capital letters | ",
            "3:4 this text is empty |  | some text | ",
        ],
    );
}

#[test]
fn empty_lists_and_mappings_are_refused_where_something_is_needed() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "array", "minItems": 1}, "b": {"type": "object", "minProperties": 1}}});
    accepts("a: [1]\nb: {c: 1}\n", &schema);
    refuses(
        "a: []\nb: {}\n",
        &schema,
        &[
            "1:1 this list is too short | 0 items | at least 1 | ",
            "2:1 this mapping is empty |  | at least 1 entry | ",
        ],
    );
}

#[test]
fn references_are_followed() {
    let schema = json!({"$defs": {"Name": {"type": "string"}}, "type": "object",
        "properties": {"name": {"$ref": "#/$defs/Name", "description": "x"}}});
    accepts("name: a\n", &schema);
    refuses(
        "name: 5\n",
        &schema,
        &["1:7 this value has the wrong type | the number `5` | a text | "],
    );
}
