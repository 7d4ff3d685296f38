//! `toJSON(value)`: two spaces a level, as GitHub writes it.

use crate::budget::{Exceeded, TextBuilder};
use crate::value::Value;

/// `value` as JSON text. Numbers are written as everywhere in the language, `NaN` included.
pub(crate) fn write(value: &Value) -> Result<String, Exceeded> {
    let mut text = TextBuilder::default();
    write_value(&mut text, value, 0)?;
    Ok(text.finish())
}

fn write_value(text: &mut TextBuilder, value: &Value, level: usize) -> Result<(), Exceeded> {
    match value {
        Value::Null => text.push("null"),
        Value::Boolean(_) | Value::Number(_) => text.push(&value.to_text()),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            let items = items.iter().map(|item| (None, item));
            write_items(text, items, ["[", "]"], level)
        }
        Value::Object(object) => {
            let items = object.iter().map(|(key, value)| (Some(key), value));
            write_items(text, items, ["{", "}"], level)
        }
    }
}

fn write_items<'a>(
    text: &mut TextBuilder,
    items: impl ExactSizeIterator<Item = (Option<&'a str>, &'a Value)>,
    [open, close]: [&str; 2],
    level: usize,
) -> Result<(), Exceeded> {
    text.push(open)?;
    let is_empty = items.len() == 0;
    for (place, (key, value)) in items.enumerate() {
        text.push(if place == 0 { "\n" } else { ",\n" })?;
        text.push(&"  ".repeat(level + 1))?;
        if let Some(key) = key {
            write_string(text, key)?;
            text.push(": ")?;
        }
        write_value(text, value, level + 1)?;
    }
    if !is_empty {
        text.push("\n")?;
        text.push(&"  ".repeat(level))?;
    }
    text.push(close)
}

fn write_string(text: &mut TextBuilder, string: &str) -> Result<(), Exceeded> {
    text.push("\"")?;
    let mut rest = string;
    while let Some(place) = rest.find(is_escaped) {
        text.push(&rest[..place])?;
        let character = rest[place..].chars().next().expect("`find` gives the place of a character");
        text.push(&escape(character))?;
        rest = &rest[place + character.len_utf8()..];
    }
    text.push(rest)?;
    text.push("\"")
}

fn is_escaped(character: char) -> bool {
    matches!(character, '"' | '\\' | '\0'..='\u{1f}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn escape(character: char) -> String {
    match character {
        '"' | '\\' => format!("\\{character}"),
        '\u{8}' => "\\b".to_owned(),
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\r' => "\\r".to_owned(),
        _ => format!("\\u{:04x}", u32::from(character)),
    }
}
