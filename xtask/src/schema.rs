//! `cargo xtask schema`: the JSON schemas that editors and readers of events use, made from the readers themselves.

use serde_json::Value;

use crate::checkout::Checkout;
use crate::failure::Failure;

/// A file, and where what it says comes from.
type Schema = (&'static str, fn() -> Value);

const SCHEMAS: [Schema; 2] =
    [("pipelines/schema.json", sealock_pipeline::schema), ("docs/events.schema.json", sealock_events::schema)];

/// Writes the files, or with `is_check` compares them.
///
/// # Errors
///
/// When a file cannot be written, or is not what it would be written as.
pub(crate) fn run(checkout: &Checkout, is_check: bool) -> Result<(), Failure> {
    let mut stale = Vec::new();
    for (file, make) in SCHEMAS {
        let text = format!("{:#}\n", make());
        if !is_check {
            checkout.write(file, &text)?;
        } else if let Some(line) = first_difference(&checkout.read(file).unwrap_or_default(), &text) {
            stale.push(format!("{file}:{line}"));
        }
        println!("{file}: {} lines", text.lines().count());
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!("{} says something else than the readers: run `cargo xtask schema`", stale.join(", "))))
}

/// The first line, counted from 1, in which they differ.
fn first_difference(found: &str, expected: &str) -> Option<usize> {
    if found == expected {
        return None;
    }
    let same = found.lines().zip(expected.lines()).take_while(|(one, other)| one == other).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_named_with_its_first_wrong_line() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nx\n", "a\nb\n"), Some(2));
        assert_eq!(first_difference("", "a\n"), Some(1));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
    }

    #[test]
    fn both_schemas_are_whole() {
        for (file, make) in SCHEMAS {
            assert!(make()["$schema"].is_string(), "{file}");
        }
    }
}
