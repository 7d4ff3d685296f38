//! `inputs`.

use sealock_diagnostics::Diagnostic;

use super::reader::{Field, Keys, Reader};
use super::shape::{INPUT, INPUT_TYPES};
use crate::model::{Entries, Input, InputKind, InputValue, Spanned};
use crate::yaml::{Kind, NodeId, Style};

impl Reader<'_> {
    pub(super) fn inputs(&mut self, node: NodeId) -> Entries<Input> {
        self.entries(
            node,
            "`inputs`",
            |reader, key| {
                reader.check_id(key, "the input");
            },
            |reader, key, node| reader.input(&key.value, node),
        )
    }

    fn input(&mut self, name: &str, node: NodeId) -> Option<Input> {
        let subject = format!("input `{name}`");
        let keys = self.keys(node, &subject, &INPUT)?;
        let kind = self.input_kind(&keys, &subject);
        let default = keys.get("default").and_then(|field| self.input_default(field, &kind, &subject));
        let required =
            keys.get("required").and_then(|field| self.boolean(field.node, &format!("`required` of {subject}")));
        let description =
            keys.get("description").and_then(|field| self.text(field.node, &format!("`description` of {subject}")));
        Some(Input { kind, default, required: required.unwrap_or(false), description })
    }

    fn input_kind(&mut self, keys: &Keys, subject: &str) -> InputKind {
        let options = keys.get("options").map(|field| {
            let nodes = self.full_list(field.node, &format!("`options` of {subject}"), "a list of text");
            self.unique(nodes, "`options`", |reader, node| reader.text(node, "an option"), String::clone)
        });
        let of = format!("`type` of {subject}");
        let kinds = ["string", "number", "boolean", "choice"];
        let kind = keys.get("type").and_then(|field| self.choice(field.node, &of, INPUT_TYPES, &kinds));
        match (kind.map_or("string", |kind| kind.value), options) {
            ("choice", Some(options)) => InputKind::Choice(options),
            ("choice", None) => {
                let span = kind.map_or(keys.span(), |kind| kind.span);
                let found =
                    Diagnostic::error("E-KEY-MISSING", format!("{subject} is a choice without `options`"), span)
                        .help("list what it takes: `options: [small, large]`");
                self.report(found);
                InputKind::Choice(Vec::new())
            }
            (word, options) => {
                if let (Some(_), Some(field)) = (options, keys.get("options")) {
                    let message = format!("{subject} has `options` and is a {word}");
                    self.report(Diagnostic::error("E-KEY-CONFLICT", message, field.key).help("write `type: choice`"));
                }
                match word {
                    "number" => InputKind::Number,
                    "boolean" => InputKind::Boolean,
                    _ => InputKind::String,
                }
            }
        }
    }

    /// The default must fit the type, in the form that YAML has for it.
    fn input_default(&mut self, field: Field, kind: &InputKind, subject: &str) -> Option<Spanned<InputValue>> {
        let of = format!("`default` of {subject}");
        let text = self.text(field.node, &of)?;
        let is_quoted =
            !matches!(&self.tree.node(field.node).kind, Kind::Scalar(scalar) if scalar.style == Style::Plain);
        let read = match kind {
            InputKind::Choice(options) if options.is_empty() => return None,
            InputKind::Number if is_quoted => Err("expected a number, found text in quotes".to_owned()),
            InputKind::Boolean if is_quoted => Err("expected `true` or `false`, found text in quotes".to_owned()),
            kind => kind.read(&text).map_err(|error| error.to_string()),
        };
        match read {
            Ok(value) => Some(Spanned::new(value, text.span)),
            Err(error) => {
                self.report(Diagnostic::error("E-TYPE", format!("{of}: {error}"), text.span));
                None
            }
        }
    }
}
