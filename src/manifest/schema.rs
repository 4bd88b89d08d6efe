//! The format as a JSON Schema, draft-07: what taplo and the YAML and TOML extensions of editors read.
//!
//! `schema/stack.schema.json` is this, printed by `stackctl schema`.

use serde_json::{Map, Value, json};

use super::{
    format::{Key, Others, Presence, ROOT, Rule, Shape, Table, Text, runtimes},
    from_toml,
    tree::{self, Node},
    units::{DURATION_PATTERN, SIZE_PATTERN, show_bytes, show_seconds},
};

/// Where the schema is published; a manifest names it in its first line.
const ID: &str = "https://stackctl.dev/stack.schema.json";
/// What any text may have instead of its own form.
const VARIABLE_PATTERN: &str = "\\$\\{env:";

/// The JSON Schema (draft-07) of a manifest, for editors.
pub fn schema() -> Value {
    let mut schema = of_table(&ROOT, false);
    schema.insert("$schema".to_owned(), "http://json-schema.org/draft-07/schema#".into());
    schema.insert("$id".to_owned(), ID.into());
    schema.insert("title".to_owned(), "stack.toml".into());
    Value::Object(schema)
}

/// `partial` when required keys may be absent, because they are in what this overlays.
fn of_shape(shape: &Shape, partial: bool) -> Map<String, Value> {
    match shape {
        Shape::Bool => object(json!({ "type": "boolean" })),
        Shape::Integer { min, max } => object(json!({ "type": "integer", "minimum": min, "maximum": max })),
        Shape::Fraction { min_percent, max_percent } => {
            let (minimum, maximum) = (f64::from(*min_percent) / 100.0, f64::from(*max_percent) / 100.0);
            object(json!({ "type": "number", "minimum": minimum, "maximum": maximum }))
        }
        Shape::Seconds { .. } => {
            object(json!({ "type": "string", "pattern": DURATION_PATTERN, "examples": ["30s", "5m", "1h30m"] }))
        }
        Shape::Bytes { .. } => {
            object(json!({ "type": "string", "pattern": SIZE_PATTERN, "examples": ["128MiB", "256KiB"] }))
        }
        Shape::OneOf(words) => object(json!({ "enum": words })),
        Shape::Text(text) => of_text(*text),
        Shape::List { item, max } => {
            object(json!({ "type": "array", "items": of_shape(item, false), "maxItems": max }))
        }
        Shape::Table(table) => of_table(table, partial),
        Shape::Partial(table) => of_table(table, true),
        Shape::Choice(table) => {
            let mut schema = of_table(table, false);
            schema.insert("type".to_owned(), "object".into());
            schema.extend(object(json!({ "minProperties": 1, "maxProperties": 1 })));
            schema
        }
        Shape::Json => object(json!({ "type": ["object", "array", "string"] })),
        Shape::Either(shapes) => {
            let shapes: Vec<_> = shapes.iter().map(|shape| of_shape(shape, partial)).collect();
            object(json!({ "anyOf": shapes }))
        }
    }
}

fn of_text(text: Text) -> Map<String, Value> {
    match text {
        Text::Free { max } => object(json!({ "type": "string", "maxLength": max })),
        Text::Path => object(json!({ "type": "string", "minLength": 1 })),
        Text::Template | Text::QueueKey | Text::Layer => object(json!({ "type": "string" })),
        Text::Rule(rule) if rule.noun == "a runtime" => {
            let names: Vec<_> = runtimes().collect();
            object(json!({ "anyOf": [{ "enum": names }, { "type": "string", "pattern": VARIABLE_PATTERN }] }))
        }
        Text::Rule(Rule { pattern: "", .. }) => object(json!({ "type": "string" })),
        Text::Rule(rule) => {
            let pattern = format!("{}|{VARIABLE_PATTERN}", rule.pattern);
            object(json!({ "type": "string", "pattern": pattern }))
        }
    }
}

fn of_table(table: &Table, partial: bool) -> Map<String, Value> {
    let properties: Map<String, Value> =
        table.keys.iter().map(|key| (key.name.to_owned(), Value::Object(of_key(key, partial)))).collect();
    let required: Vec<&str> =
        table.keys.iter().filter(|key| matches!(key.presence, Presence::Required)).map(|key| key.name).collect();
    let mut schema = object(json!({ "type": "object", "description": table.doc, "properties": properties }));
    if !required.is_empty() && !partial {
        schema.insert("required".to_owned(), required.into());
    } else {
        // A key without a value, as YAML has it.
        schema.insert("type".to_owned(), json!(["object", "null"]));
    }
    match table.others {
        Some(others) => add_others(&mut schema, others, partial),
        None => _ = schema.insert("additionalProperties".to_owned(), false.into()),
    }
    schema
}

fn add_others(schema: &mut Map<String, Value>, others: &Others, partial: bool) {
    schema.insert("additionalProperties".to_owned(), of_shape(&others.shape, partial).into());
    if !others.names.pattern.is_empty() {
        schema.insert("propertyNames".to_owned(), json!({ "pattern": others.names.pattern }));
    }
}

fn of_key(key: &Key, partial: bool) -> Map<String, Value> {
    let mut schema = of_shape(&key.shape, partial);
    let mut description = key.doc.to_owned();
    match key.presence {
        Presence::Derived(without) if !without.is_empty() => {
            description.push_str(&format!("\n\nWithout it: {without}."));
        }
        Presence::Default(text) => {
            _ = schema.insert("default".to_owned(), to_json(&from_toml::parse_value(text)));
        }
        Presence::Required | Presence::RequiredWithout(_) | Presence::Derived(_) => {}
    }
    if let Some((min, max)) = range(&key.shape) {
        description.push_str(&format!("\n\nFrom {min} to {max}."));
    }
    if !key.aws.is_empty() {
        description.push_str(&format!("\n\nAWS: {}", key.aws));
    }
    schema.insert("description".to_owned(), description.into());
    schema
}

/// The range that no keyword of JSON Schema can say, because the value is a string.
fn range(shape: &Shape) -> Option<(String, String)> {
    match shape {
        Shape::Seconds { min, max } => Some((show_seconds(*min), show_seconds(*max))),
        Shape::Bytes { min, max, .. } => Some((show_bytes(*min), show_bytes(*max))),
        _ => None,
    }
}

/// A default as JSON.
fn to_json(node: &Node) -> Value {
    match &node.value {
        tree::Value::Text(text) => text.as_str().into(),
        tree::Value::Integer(value) => (*value).into(),
        tree::Value::Float(value) => (*value).into(),
        tree::Value::Bool(value) => (*value).into(),
        tree::Value::List(items) => items.iter().map(to_json).collect(),
        tree::Value::Table(_) | tree::Value::Null | tree::Value::Other(_) => Value::Null,
    }
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_in_the_repository_is_current() {
        let checked_in = include_str!("../../schema/stack.schema.json");
        let checked_in: Value = serde_json::from_str(checked_in).unwrap();
        assert!(checked_in == schema(), "run: cargo run -- schema > schema/stack.schema.json");
    }

    #[test]
    fn every_table_is_closed_and_every_key_is_explained() {
        let mut keys = 0;
        visit(&schema(), &mut |schema| {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
            assert!(schema.contains_key("additionalProperties"), "{schema:?}");
            for (key, property) in properties {
                assert!(
                    property["description"]
                        .as_str()
                        .is_some_and(|text| text.ends_with(['.', ']']) || text.contains("AWS: ")),
                    "{key}"
                );
                keys += 1;
            }
        });
        assert!(keys > 60, "{keys}");
    }

    fn visit(value: &Value, see: &mut impl FnMut(&Map<String, Value>)) {
        match value {
            Value::Object(map) => {
                see(map);
                map.values().for_each(|value| visit(value, see));
            }
            Value::Array(items) => items.iter().for_each(|value| visit(value, see)),
            _ => {}
        }
    }
}
