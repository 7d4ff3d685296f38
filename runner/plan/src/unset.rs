//! What rests on a value that nobody has given: it has no value either, and that is no second mistake.

use sealock_expression::{PathPart, Reference, Template};
use serde_json::Value as Json;

use crate::WithValue;
use crate::planner::Planner;
use crate::request::Unset;

/// Contexts whose values are known before the run.
const PLAN_TIME: [&str; 6] = ["github", "inputs", "vars", "env", "matrix", "strategy"];

impl Planner<'_> {
    /// Whether `written` reads what is not given.
    pub(crate) fn rests_on_unset(&self, written: &str) -> bool {
        references(written).iter().any(|reference| self.is_unset(reference))
    }

    /// Whether a text anywhere in `value` reads what is not given.
    pub(crate) fn value_rests_on_unset(&self, value: &WithValue) -> bool {
        any_text(value, &|text| self.rests_on_unset(text))
    }

    /// Whether `value` reads what is known only during the run.
    pub(crate) fn is_late(&self, value: &WithValue) -> bool {
        any_text(value, &|text| {
            reads_files(text) || references(text).iter().any(|reference| self.comes_late(reference))
        })
    }

    fn comes_late(&self, reference: &Reference) -> bool {
        let context = reference.context.to_ascii_lowercase();
        match (context.as_str(), reference.path.first()) {
            ("secrets", _) => false,
            ("matrix", _) => self.known.get("matrix").is_none(),
            ("env", Some(PathPart::Key(key))) => !self.has("env", key),
            (name, _) => !PLAN_TIME.contains(&name),
        }
    }

    fn is_unset(&self, reference: &Reference) -> bool {
        let may_come = self.request.unset == Unset::Unknown;
        let context = reference.context.to_ascii_lowercase();
        match (context.as_str(), reference.path.first()) {
            ("github" | "vars" | "inputs", Some(PathPart::Key(key))) => !self.has(&context, key),
            ("github" | "vars" | "inputs", _) => may_come,
            ("env", Some(PathPart::Key(key))) => self.unset_env.contains(&key.to_ascii_lowercase()),
            ("env", _) => !self.unset_env.is_empty(),
            ("matrix", _) => self.unset_matrix,
            _ => false,
        }
    }

    /// Whether `context` has `key`, in any case.
    fn has(&self, context: &str, key: &str) -> bool {
        let object = self.known.get(context).and_then(Json::as_object);
        object.is_some_and(|object| object.contains_key(key) || object.keys().any(|own| own.eq_ignore_ascii_case(key)))
    }
}

fn references(written: &str) -> Vec<Reference> {
    let template = if written.contains("${{") { Template::parse(written).ok() } else { None };
    template.iter().flat_map(Template::expressions).flat_map(sealock_expression::Expression::references).collect()
}

/// Files are there only during the run.
fn reads_files(written: &str) -> bool {
    let template = if written.contains("${{") { Template::parse(written).ok() } else { None };
    let mut calls =
        template.iter().flat_map(Template::expressions).flat_map(sealock_expression::Expression::functions_called);
    calls.any(|call| call.function == "hashFiles")
}

fn any_text(value: &WithValue, holds: &dyn Fn(&str) -> bool) -> bool {
    match value {
        WithValue::Null => false,
        WithValue::Scalar { text, .. } => holds(text),
        WithValue::List(items) => items.iter().any(|item| any_text(item, holds)),
        WithValue::Map(entries) => entries.iter().any(|(_, entry)| any_text(entry, holds)),
    }
}
