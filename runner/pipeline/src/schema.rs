//! The JSON schema that editors read, made from the same tables as the readers.

use serde_json::{Map, Value, json};

use crate::read::shape::{self, Form, Shape};

/// The JSON schema (draft 2020-12) of a pipeline file.
pub fn schema() -> Value {
    let mut definitions = Map::new();
    let root = reference(&shape::PIPELINE, &mut definitions);
    definitions.insert("expression".to_owned(), json!({"type": "string", "pattern": "\\$\\{\\{"}));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sealock pipeline",
        "description": "A delivery pipeline: stages of steps, each of which touches only what it was allowed.",
        "$ref": root["$ref"],
        "$defs": definitions,
    })
}

fn reference(shape: &'static Shape, definitions: &mut Map<String, Value>) -> Value {
    let name = definition_name(shape);
    if !definitions.contains_key(&name) {
        definitions.insert(name.clone(), Value::Null);
        let definition = define(shape, definitions);
        definitions.insert(name.clone(), definition);
    }
    json!({"$ref": format!("#/$defs/{name}")})
}

/// `a network entry` becomes `network-entry`.
fn definition_name(shape: &Shape) -> String {
    let name = shape.what.trim_start_matches("an ").trim_start_matches("a ").replace(' ', "-");
    name.replace('`', "")
}

fn define(shape: &'static Shape, definitions: &mut Map<String, Value>) -> Value {
    let object = object(shape, &Value::Bool(false), definitions);
    match shape.short {
        Some(short) => json!({"anyOf": [of(short, definitions), object]}),
        None => object,
    }
}

/// A map with the keys of `shape` and, behind all others, `others`.
fn object(shape: &'static Shape, others: &Value, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for key in shape.keys {
        let mut property = of(key.form, definitions);
        property["description"] = Value::String(sentence(key.about));
        properties.insert(key.name.to_owned(), property);
    }
    let required: Vec<&str> = shape.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut object = json!({"type": "object", "properties": properties, "additionalProperties": others});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// `makes this stage a deployment` becomes a sentence.
fn sentence(about: &str) -> String {
    let mut letters = about.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// Text is what is written, so numbers and booleans without quotes are text too.
fn text() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

fn of(form: Form, definitions: &mut Map<String, Value>) -> Value {
    match form {
        Form::Text | Form::Template | Form::Scalar | Form::Condition => text(),
        Form::Id => json!({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$", "maxLength": 100}),
        Form::Boolean => json!({"type": "boolean"}),
        Form::Count(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Form::Duration => {
            json!({"type": "string", "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$", "minLength": 2})
        }
        Form::Size => json!({"type": "string", "pattern": "^[0-9]+([KMGT]iB|[kKMG]?B)$"}),
        Form::Choice(words) => json!({"enum": words}),
        Form::Null => json!({"type": "null"}),
        Form::Any => json!({}),
        Form::List(item) => json!({"type": "array", "items": of(*item, definitions)}),
        Form::Several(item) => {
            let item = of(*item, definitions);
            json!({"anyOf": [item, {"type": "array", "items": item}]})
        }
        Form::MapOf(value) => json!({"type": "object", "additionalProperties": of(*value, definitions)}),
        Form::Object(shape) => reference(shape, definitions),
        Form::Open(shape, others) => {
            let others = of(*others, definitions);
            object(shape, &others, definitions)
        }
        Form::Either(forms) => {
            let forms: Vec<Value> = forms.iter().map(|form| of(*form, definitions)).collect();
            json!({"anyOf": forms})
        }
        Form::Late(form) => json!({"anyOf": [of(*form, definitions), {"$ref": "#/$defs/expression"}]}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Kind, NodeId, Style, Tree};

    /// The node as an editor's YAML plugin hands it to the schema.
    fn value(tree: &Tree, id: NodeId) -> Value {
        match &tree.node(id).kind {
            Kind::Broken => Value::Null,
            Kind::List(items) => items.iter().map(|&item| value(tree, item)).collect(),
            Kind::Map(map) => {
                map.pairs.iter().map(|pair| (tree.key_text(pair.key).to_owned(), value(tree, pair.value))).collect()
            }
            Kind::Scalar(scalar) if scalar.is_null() => Value::Null,
            Kind::Scalar(scalar) if scalar.style == Style::Plain => {
                serde_json::from_str(&scalar.text).unwrap_or_else(|_| scalar.text.clone().into())
            }
            Kind::Scalar(scalar) => scalar.text.clone().into(),
        }
    }

    /// As much of draft 2020-12 as the schema uses, without patterns but the one of expressions.
    fn is_valid(root: &Value, schema: &Value, value: &Value) -> bool {
        let Some(schema) = schema.as_object() else {
            return schema.as_bool().expect("a schema is an object or a boolean");
        };
        schema.iter().all(|(keyword, wanted)| match keyword.as_str() {
            "$ref" => {
                let name = wanted.as_str().and_then(|name| name.strip_prefix("#/$defs/")).expect("a local reference");
                is_valid(root, &root["$defs"][name], value)
            }
            "anyOf" => wanted.as_array().expect("a list").iter().any(|one| is_valid(root, one, value)),
            "enum" => wanted.as_array().expect("a list").contains(value),
            "type" => match wanted {
                Value::String(kind) => is_kind(kind, value),
                kinds => {
                    kinds.as_array().expect("a list").iter().any(|kind| is_kind(kind.as_str().expect("text"), value))
                }
            },
            "pattern" if wanted == "\\$\\{\\{" => value.as_str().is_some_and(|text| text.contains("${{")),
            "required" => {
                wanted.as_array().expect("a list").iter().all(|key| value.get(key.as_str().expect("text")).is_some())
            }
            "items" => value.as_array().is_none_or(|items| items.iter().all(|item| is_valid(root, wanted, item))),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().expect("a number")),
            "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().expect("a number")),
            "properties" => value.as_object().is_none_or(|object| {
                object.iter().all(|(key, own)| wanted.get(key).is_none_or(|one| is_valid(root, one, own)))
            }),
            "additionalProperties" => value.as_object().is_none_or(|object| {
                let known = schema.get("properties").and_then(Value::as_object);
                let mut others = object.iter().filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key)));
                others.all(|(_, own)| is_valid(root, wanted, own))
            }),
            _ => true,
        })
    }

    fn is_kind(kind: &str, value: &Value) -> bool {
        match kind {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("`{other}` is no kind of JSON"),
        }
    }

    fn fits(file: &str) -> bool {
        let document = crate::yaml::read(file);
        let tree = document.tree.expect("the file is YAML");
        let schema = schema();
        is_valid(&schema, &schema, &value(&tree, tree.root().expect("a root")))
    }

    const WHOLE: &str = include_str!("../tests/files/whole.yml");

    #[test]
    fn the_whole_example_fits_the_schema() {
        assert!(fits(WHOLE));
        assert!(fits(
            include_str!("../../../pipelines/README.md")
                .split("```")
                .nth(1)
                .expect("a block")
                .trim_start_matches("yaml")
        ));
    }

    #[test]
    fn what_the_parser_refuses_by_key_or_kind_the_schema_refuses_too() {
        for (from, to) in [
            ("needs: [build]", "neds: [build]"),
            ("approvals: 1", "approvals: some"),
            ("strategy: rolling\n", "strategy: rolling\n    cache: off\n"),
            ("steps:\n      - run: ruff", "stps:\n      - run: ruff"),
            ("timeout: 10m", "timeout: 10"),
        ] {
            let changed = WHOLE.replacen(from, to, 1);
            assert_ne!(changed, WHOLE, "{from}");
            assert!(!fits(&changed), "{to}");
        }
    }

    #[test]
    fn every_reference_of_the_schema_leads_somewhere() {
        let schema = schema();
        let text = schema.to_string();
        for name in text.split("#/$defs/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(schema["$defs"][name].is_object(), "{name}");
        }
    }
}
