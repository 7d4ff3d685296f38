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
    let object = object(shape, Value::Bool(false), definitions);
    match shape.short {
        Some(short) => json!({"anyOf": [of(short, definitions), object]}),
        None => object,
    }
}

/// A map with the keys of `shape` and, behind all others, `others`.
fn object(shape: &'static Shape, others: Value, definitions: &mut Map<String, Value>) -> Value {
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
            object(shape, others, definitions)
        }
        Form::Either(forms) => {
            let forms: Vec<Value> = forms.iter().map(|form| of(*form, definitions)).collect();
            json!({"anyOf": forms})
        }
        Form::Late(form) => json!({"anyOf": [of(*form, definitions), {"$ref": "#/$defs/expression"}]}),
    }
}
