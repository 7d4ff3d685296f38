//! Scalars: what is written is what is meant.

use std::fmt::Display;
use std::str::FromStr;

use sealock_contract::Id;
use sealock_diagnostics::{Diagnostic, Span};
use sealock_expression::{ErrorKind, Expression, ExpressionError, Template};

use super::kind::shortened;
use super::reader::{Reader, Written, WrittenSource, first_line};
use super::slot::Slot;
use crate::model::{Condition, Env, Late, Scalar, Spanned, Text};
use crate::yaml::{Kind, Layout, NodeId, Style};

const OPENING: &str = "${{";

impl Reader<'_> {
    /// The scalar at `node`; nothing at all is none.
    pub(super) fn scalar(&mut self, node: NodeId, subject: &str, expected: &str) -> Option<Spanned<String>> {
        let found = self.tree.node(node);
        match &found.kind {
            Kind::Scalar(scalar) if !(scalar.text.is_empty() && scalar.style == Style::Plain) => {
                Some(Spanned::new(scalar.text.clone(), found.span))
            }
            _ => {
                self.mismatch(node, subject, expected);
                None
            }
        }
    }

    /// Text in which no expression may stand.
    pub(super) fn text(&mut self, node: NodeId, subject: &str) -> Option<Spanned<String>> {
        let text = self.scalar(node, subject, "text")?;
        self.refuse_expression(&text, subject).then_some(text)
    }

    /// Whether `text` is without expressions; one that is there is reported.
    pub(super) fn refuse_expression(&mut self, text: &Spanned<String>, subject: &str) -> bool {
        let Some(at) = text.find(OPENING) else {
            return true;
        };
        let layout = Layout::new(&text.value, self.file, text.span);
        let end = text[at..].find("}}").map_or(text.len(), |length| at + length + 2);
        let message = format!("{subject} holds an expression");
        let found = Diagnostic::error("E-EXPR-PLACE", message, layout.locate(at..end))
            .label("no expression may stand here")
            .help("write it out: what decides what a pipeline is must be seen in the file");
        self.report(found);
        false
    }

    /// Text that may hold expressions.
    pub(super) fn template(&mut self, node: NodeId, subject: &str, slot: Slot) -> Option<Spanned<Text>> {
        let raw = self.scalar(node, subject, "text")?;
        self.template_of(&raw, slot).map(|text| Spanned::new(text, raw.span))
    }

    /// The text `raw`, read for its expressions.
    pub(super) fn template_of(&mut self, raw: &Spanned<String>, slot: Slot) -> Option<Text> {
        if !raw.contains(OPENING) {
            return Some(Text::plain(raw));
        }
        let layout = Layout::new(&raw.value, self.file, raw.span);
        match Template::parse_in(raw, &self.scope) {
            Ok(template) => {
                let text = Text::with_template(raw, template, layout);
                let source = WrittenSource::Text(text.clone());
                self.written.push(Written { source, slot, owner: self.owner });
                Some(text)
            }
            Err(error) => {
                let found = self.wrong_expression(raw, &error, &layout);
                self.report(found);
                None
            }
        }
    }

    /// What stands behind `if`.
    pub(super) fn condition(&mut self, node: NodeId, subject: &str, slot: Slot) -> Option<Spanned<Condition>> {
        let raw = self.scalar(node, subject, "an expression")?;
        let layout = Layout::new(&raw.value, self.file, raw.span);
        match Expression::parse_condition_in(&raw, &self.scope) {
            Ok(expression) => {
                let condition = Condition::new(&raw, expression, layout);
                let source = WrittenSource::Condition(condition.clone());
                self.written.push(Written { source, slot, owner: self.owner });
                Some(Spanned::new(condition, raw.span))
            }
            Err(error) => {
                let found = self.wrong_expression(&raw, &error, &layout);
                self.report(found);
                None
            }
        }
    }

    /// A folder or a pattern below the workspace.
    pub(super) fn below_workspace(&mut self, node: NodeId, subject: &str, slot: Slot) -> Option<Spanned<Text>> {
        let path = self.template(node, subject, slot)?;
        let text = path.raw();
        if text.starts_with('/') || text.split(['/', '\\']).any(|part| part == "..") {
            let message = format!("{subject} leaves the workspace: `{}`", shortened(text));
            let found = Diagnostic::error("E-PATH-LEAVES", message, first_line(self.file, path.span))
                .help("write it relative to the workspace, such as `backend` or `target/**`");
            self.report(found);
        }
        Some(path)
    }

    /// A map of variables.
    pub(super) fn env(&mut self, node: NodeId, subject: &str, slot: Slot) -> Env {
        self.entries(node, subject, Self::check_variable_name, |reader, key, node| {
            let raw = reader.scalar(node, &format!("`{}` of {subject}", key.value), "text")?;
            reader.template_of(&raw, slot).map(|text| Spanned::new(text, raw.span))
        })
    }

    fn check_variable_name(&mut self, name: &Spanned<String>) {
        /// The longest name; nobody's is longer, and tables of names stay readable.
        const NAME_BYTES_MAX: usize = 200;
        let is_name_char = |c: char| c.is_ascii_graphic() && c != '=' && c != '$';
        let problem = match name.chars().find(|&c| !is_name_char(c)) {
            _ if name.is_empty() => "it is empty".to_owned(),
            Some(odd) => format!("it holds U+{:04X}", odd as u32),
            None if name.len() > NAME_BYTES_MAX => format!("it is longer than {NAME_BYTES_MAX} bytes"),
            None => return,
        };
        let message = format!("`{}` is not the name of a variable: {problem}", shortened(name));
        self.report(Diagnostic::error("E-ID", message, name.span));
    }

    /// An id: a name that other parts of the file use.
    pub(super) fn id(&mut self, node: NodeId, subject: &str) -> Option<Spanned<String>> {
        let text = self.text(node, subject)?;
        self.check_id(&text, subject).then_some(text)
    }

    /// Whether `text` is an id; what is wrong with it is reported with code points.
    pub(super) fn check_id(&mut self, text: &Spanned<String>, subject: &str) -> bool {
        let Err(error) = Id::from_str(text) else {
            return true;
        };
        let message = format!("{subject} `{}` is not an id: {error}", shortened(text));
        let found = Diagnostic::error("E-ID", message, first_line(self.file, text.span))
            .help("use a letter or `_`, then letters, digits, `_`, `-`: at most 100 characters, ASCII");
        self.report(found);
        self.unread.insert(text.value.clone());
        false
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, node: NodeId, subject: &str) -> Option<bool> {
        let text = self.scalar(node, subject, "`true` or `false`")?;
        let value = self.as_scalar(node, &text).boolean();
        if value.is_none() {
            self.mismatch(node, subject, "`true` or `false`");
        }
        value
    }

    /// `true`, `false`, or an expression.
    pub(super) fn late_boolean(&mut self, node: NodeId, subject: &str, slot: Slot) -> Option<Late<bool>> {
        if let Some(text) = self.written_at(node) {
            return self.template_of(&text, slot).map(Late::Written);
        }
        self.boolean(node, subject).map(Late::Known)
    }

    /// A whole number from `least` to `most`.
    pub(super) fn count(&mut self, node: NodeId, subject: &str, least: u32, most: u32) -> Option<Spanned<u32>> {
        let text = self.scalar(node, subject, "a whole number")?;
        let Some(found) = self.as_scalar(node, &text).integer() else {
            if self.as_scalar(node, &text).number().is_some() || text.parse::<f64>().is_ok() {
                self.out_of_range(subject, &text, &format!("a whole number from {least} to {most}"));
            } else {
                self.mismatch(node, subject, "a whole number");
            }
            return None;
        };
        match u32::try_from(found) {
            Ok(count) if (least..=most).contains(&count) => Some(Spanned::new(count, text.span)),
            _ => {
                self.out_of_range(subject, &text, &format!("a whole number from {least} to {most}"));
                None
            }
        }
    }

    fn out_of_range(&mut self, subject: &str, text: &Spanned<String>, expected: &str) {
        let message = format!("{subject} is `{}`, expected {expected}", shortened(text));
        self.report(Diagnostic::error("E-CFG-RANGE", message, text.span).label(format!("expected {expected}")));
    }

    /// A whole number, or an expression.
    pub(super) fn late_count(
        &mut self,
        node: NodeId,
        subject: &str,
        most: u32,
        slot: Slot,
    ) -> Option<Spanned<Late<u32>>> {
        if let Some(text) = self.written_at(node) {
            return self.template_of(&text, slot).map(|written| Spanned::new(Late::Written(written), text.span));
        }
        self.count(node, subject, 1, most).map(|count| count.map(Late::Known))
    }

    /// A duration, a size, or whatever else is read from text, or an expression that gives it.
    pub(super) fn late<T: FromStr<Err: Display>>(
        &mut self,
        node: NodeId,
        subject: &str,
        slot: Slot,
        code: &'static str,
        help: &str,
    ) -> Option<Spanned<Late<T>>> {
        let text = self.scalar(node, subject, "text")?;
        if text.contains(OPENING) {
            return self.template_of(&text, slot).map(|written| Spanned::new(Late::Written(written), text.span));
        }
        match text.parse() {
            Ok(value) => Some(Spanned::new(Late::Known(value), text.span)),
            Err(error) => {
                let message = format!("{subject}: {error}");
                self.report(Diagnostic::error(code, message, first_line(self.file, text.span)).help(help));
                None
            }
        }
    }

    /// A duration or an expression that gives one.
    pub(super) fn duration<T: FromStr<Err: Display>>(
        &mut self,
        node: NodeId,
        subject: &str,
        slot: Slot,
    ) -> Option<Spanned<Late<T>>> {
        self.late(node, subject, slot, "E-CFG-RANGE", "write a number with its unit, such as `10s`, `5m`, `1h30m`")
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        node: NodeId,
        subject: &str,
        words: &[&str],
        values: &[T],
    ) -> Option<Spanned<T>> {
        let text = self.text(node, subject)?;
        if let Some(place) = words.iter().position(|word| *word == text.value) {
            return Some(Spanned::new(values[place], text.span));
        }
        let message = format!("{subject} is `{}`", shortened(&text));
        let found = Diagnostic::error("E-CHOICE", message, first_line(self.file, text.span))
            .label("not one of the words that stand here")
            .maybe_help(self.offers.offer(&text, words.iter().copied()));
        self.report(found);
        None
    }

    /// The text at `node`, when there is an expression in it.
    pub(super) fn written_at(&self, node: NodeId) -> Option<Spanned<String>> {
        let found = self.tree.node(node);
        match &found.kind {
            Kind::Scalar(scalar) if scalar.text.contains(OPENING) => {
                Some(Spanned::new(scalar.text.clone(), found.span))
            }
            _ => None,
        }
    }

    fn as_scalar(&self, node: NodeId, text: &str) -> Scalar {
        let plain = matches!(&self.tree.node(node).kind, Kind::Scalar(scalar) if scalar.style == Style::Plain);
        Scalar { text: Text::plain(text), plain }
    }

    /// What is wrong with an expression, at its place.
    fn wrong_expression(&self, text: &str, error: &ExpressionError, layout: &Layout) -> Diagnostic {
        let span = place_of(error, layout);
        let name = text.get(error.at.clone()).unwrap_or_default();
        match error.kind {
            ErrorKind::UnknownContext => {
                Diagnostic::error("E-EXPR-CONTEXT", format!("there is no context `{name}`"), span)
                    .label("not a context")
                    .maybe_help(self.offers.offer(name, self.scope.context_names()))
            }
            ErrorKind::UnknownFunction => {
                Diagnostic::error("E-EXPR-FUNCTION", format!("there is no function `{name}`"), span)
                    .label("not a function")
                    .maybe_help(
                        self.offers.nearest(name, self.scope.function_names()).map(|near| format!("there is `{near}`")),
                    )
            }
            ErrorKind::Limit => Diagnostic::error("E-EXPR-LIMIT", error.message.clone(), span),
            _ => Diagnostic::error("E-EXPR-SYNTAX", error.message.clone(), span),
        }
    }
}

fn place_of(error: &ExpressionError, layout: &Layout) -> Span {
    if error.at.is_empty() {
        layout.locate(error.at.start..error.at.start + 1)
    } else {
        layout.locate(error.at.clone())
    }
}
