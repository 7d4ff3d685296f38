//! The state of one reading, and the combinators that every reader is made of.
//!
//! A combinator takes a node and what it is called in messages, reports what does not fit, and gives
//! what does; readers go on whatever happens, so that one pass finds everything.

use std::collections::HashSet;

use sealock_diagnostics::{Diagnostic, Span, near};
use sealock_expression::Scope;

use super::kind::{found, shortened};
use super::shape::{FOREIGN_KEYS, Shape};
use super::slot::Slot;
use crate::model::{Condition, Entries, Spanned, Text};
use crate::problems::{Offers, Problems};
use crate::yaml::{Kind, NodeId, Tree};

/// Reads the nodes of one file.
pub(crate) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) tree: &'a Tree,
    damaged: &'a [Span],
    pub(super) scope: Scope,
    pub(crate) problems: Problems,
    /// Near names.
    pub(crate) offers: Offers,
    /// Every expression of the file, for the checks that need the whole of it.
    pub(crate) written: Vec<Written>,
    /// Whose text is being read.
    pub(super) owner: Owner,
    /// Where a reader must see what is granted, and merge keys are refused.
    pub(super) granting: Option<&'static str>,
    /// Steps so far.
    pub(super) steps: usize,
    /// Names whose value could not be read: they are there, and nothing more is known of them.
    pub(crate) unread: HashSet<String>,
}

/// Text or a condition, and where it stands.
pub(crate) struct Written {
    pub(crate) source: WrittenSource,
    pub(crate) slot: Slot,
    pub(crate) owner: Owner,
}

/// What holds expressions.
pub(crate) enum WrittenSource {
    Text(Text),
    Condition(Condition),
}

/// Whose text it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The stage, by its place in the file.
    pub(crate) stage: Option<usize>,
    /// The step, by its place in `steps` or `rollback`.
    pub(crate) step: Option<StepPlace>,
}

/// Which step of a stage, in the order of running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum StepPlace {
    Steps(usize),
    Rollback(usize),
}

/// What stands behind one key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) node: NodeId,
    /// Where the key stands.
    pub(crate) key: Span,
}

/// A map that is being read key by key.
pub(crate) struct Keys {
    subject: String,
    shape: &'static Shape,
    pairs: Vec<(String, Field)>,
    span: Span,
}

impl Keys {
    /// What stands behind `name`.
    pub(crate) fn get(&self, name: &str) -> Option<Field> {
        debug_assert!(self.shape.key(name).is_some(), "`{name}` is in the table of {}", self.shape.what);
        self.field(name)
    }

    /// What stands behind `name`, whether the table has it or not.
    pub(crate) fn field(&self, name: &str) -> Option<Field> {
        self.pairs.iter().find(|(key, _)| key == name).map(|&(_, field)| field)
    }

    /// The keys that the table does not have.
    pub(crate) fn others(&self) -> impl Iterator<Item = &(String, Field)> {
        self.pairs.iter().filter(|(name, _)| self.shape.key(name).is_none())
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a str, tree: &'a Tree, damaged: &'a [Span]) -> Self {
        Self {
            file,
            tree,
            damaged,
            scope: Scope::pipeline(),
            problems: Problems::default(),
            offers: Offers::default(),
            written: Vec::new(),
            owner: Owner::default(),
            granting: None,
            steps: 0,
            unread: HashSet::new(),
        }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.problems.push(diagnostic);
    }

    /// Whether `name` may well be in the file: it could not be read, or a line that was taken out holds it.
    pub(crate) fn lost(&self, name: &str) -> bool {
        self.unread.contains(name) || self.damaged.iter().any(|span| self.file[span.start..span.end].contains(name))
    }

    /// Whether a line was taken out inside `span`, right before it, or right behind it.
    pub(super) fn is_damaged(&self, span: Span) -> bool {
        let is_gap = |from: usize, to: usize| from <= to && self.file[from..to].trim().is_empty();
        let touches = |lost: &Span| {
            let overlaps = span.start <= lost.end && lost.start <= span.end;
            overlaps || is_gap(span.end, lost.start) || is_gap(lost.end, span.start)
        };
        self.damaged.iter().any(touches)
    }

    /// Reports that `subject` is not what was expected; says nothing about what is broken already.
    pub(super) fn mismatch(&mut self, node: NodeId, subject: &str, expected: &str) {
        let node = self.tree.node(node);
        if matches!(node.kind, Kind::Broken) || self.is_damaged(node.span) {
            return;
        }
        let message = format!("{subject} is {}, expected {expected}", found(&node.kind));
        let span = first_line(self.file, node.span);
        self.report(Diagnostic::error("E-TYPE", message, span).label(format!("expected {expected}")));
    }

    /// The map at `node`, with the keys of `shape`. Unknown and missing keys are reported.
    pub(super) fn keys(&mut self, node: NodeId, subject: &str, shape: &'static Shape) -> Option<Keys> {
        let keys = self.open_keys(node, subject, shape)?;
        let unknown: Vec<(String, Field)> = keys.others().cloned().collect();
        for (name, field) in &unknown {
            let found = self.unknown_key(&keys, name, field.key);
            self.report(found);
        }
        let meant = |missing: &str| unknown.iter().take(100).any(|(name, _)| is_meant(name, missing));
        let missing: Vec<&str> = keys
            .shape
            .keys
            .iter()
            .filter(|key| key.required && keys.get(key.name).is_none() && !meant(key.name))
            .map(|key| key.name)
            .collect();
        if !self.is_damaged(keys.span) {
            for name in missing {
                let found = missing_key(&keys, name, first_line(self.file, keys.span));
                self.report(found);
            }
        }
        Some(keys)
    }

    fn unknown_key(&self, keys: &Keys, name: &str, span: Span) -> Diagnostic {
        let shape = keys.shape;
        let foreign = FOREIGN_KEYS.iter().find(|(foreign, _)| *foreign == name);
        let near = self.offers.nearest(name, shape.names()).and_then(|near| shape.key(near));
        let help = match (foreign, near) {
            (Some((_, help)), _) => Some((*help).to_owned()),
            (None, Some(near)) => Some(format!("there is `{}`; it {}", near.name, near.about)),
            (None, None) => self.offers.offer(name, shape.names()),
        };
        Diagnostic::error("E-KEY-UNKNOWN", format!("{} has no key `{}`", keys.subject, shortened(name)), span)
            .label(format!("not a key of {}", shape.what))
            .maybe_help(help)
    }

    /// As [`keys`](Self::keys), but other names are the author's.
    pub(super) fn open_keys(&mut self, node: NodeId, subject: &str, shape: &'static Shape) -> Option<Keys> {
        let pairs = self.pairs(node, subject)?;
        let own = |&(key, value): &(NodeId, NodeId)| {
            let place = self.tree.span(key);
            (self.tree.key_text(key).to_owned(), Field { node: value, key: place })
        };
        let pairs = pairs.iter().map(own).collect();
        Some(Keys { subject: subject.to_owned(), shape, pairs, span: self.tree.span(node) })
    }

    /// The pairs of the map at `node`.
    fn pairs(&mut self, node: NodeId, subject: &str) -> Option<Vec<(NodeId, NodeId)>> {
        let Kind::Map(map) = &self.tree.node(node).kind else {
            self.mismatch(node, subject, "a map");
            return None;
        };
        if let (Some(merge), Some(place)) = (map.merge, self.granting) {
            let message = format!("a merge key stands inside `{place}`");
            let found = Diagnostic::error("E-YAML-MERGE", message, merge)
                .label("brings in what nobody reads here")
                .help(format!("write out what `{place}` holds, so that a reader sees what is granted"));
            self.report(found);
        }
        Some(map.pairs.iter().map(|pair| (pair.key, pair.value)).collect())
    }

    /// The items of the list at `node`.
    pub(super) fn list(&mut self, node: NodeId, subject: &str, expected: &str) -> Vec<NodeId> {
        if let Kind::List(items) = &self.tree.node(node).kind {
            return items.clone();
        }
        self.mismatch(node, subject, expected);
        Vec::new()
    }

    /// The items of the list at `node`, of which there is at least one.
    pub(super) fn full_list(&mut self, node: NodeId, subject: &str, expected: &str) -> Vec<NodeId> {
        let items = self.list(node, subject, expected);
        if items.is_empty() && matches!(self.tree.node(node).kind, Kind::List(_)) {
            self.report(Diagnostic::error("E-EMPTY", format!("{subject} is empty"), self.tree.span(node)));
        }
        items
    }

    /// The items of the list at `node`, or the one item that stands there without brackets.
    pub(super) fn several(&mut self, node: NodeId, subject: &str, expected: &str) -> Vec<NodeId> {
        match &self.tree.node(node).kind {
            Kind::List(items) => items.clone(),
            Kind::Scalar(scalar) if !scalar.is_null() => vec![node],
            Kind::Map(_) if expected.contains("map") => vec![node],
            _ => {
                self.mismatch(node, subject, expected);
                Vec::new()
            }
        }
    }

    /// The entries of a map whose names are the author's.
    pub(super) fn entries<V>(
        &mut self,
        node: NodeId,
        subject: &str,
        mut name: impl FnMut(&mut Self, &Spanned<String>),
        mut value: impl FnMut(&mut Self, &Spanned<String>, NodeId) -> Option<V>,
    ) -> Entries<V> {
        let mut entries = Entries::default();
        for (key, field) in self.pairs(node, subject).unwrap_or_default() {
            let key = Spanned::new(self.tree.key_text(key).to_owned(), self.tree.span(key));
            name(self, &key);
            match value(self, &key, field) {
                Some(value) => entries.push(key, value),
                None => {
                    self.unread.insert(key.value);
                }
            }
        }
        entries
    }

    /// Reads with merge keys refused in everything below.
    pub(super) fn granting<T>(&mut self, place: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.granting.replace(place);
        let value = read(self);
        self.granting = before;
        value
    }

    /// Whether nothing is written at `node`.
    pub(crate) fn is_null(&self, node: NodeId) -> bool {
        matches!(&self.tree.node(node).kind, Kind::Scalar(scalar) if scalar.is_null())
    }

    pub(super) fn is_list(&self, node: NodeId) -> bool {
        matches!(self.tree.node(node).kind, Kind::List(_))
    }

    pub(super) fn is_map(&self, node: NodeId) -> bool {
        matches!(self.tree.node(node).kind, Kind::Map(_))
    }

    /// The items of `nodes` with `read`, each once; a second one like it is reported.
    pub(super) fn unique<T>(
        &mut self,
        nodes: Vec<NodeId>,
        subject: &str,
        mut read: impl FnMut(&mut Self, NodeId) -> Option<Spanned<T>>,
        text: impl Fn(&T) -> String,
    ) -> Vec<Spanned<T>> {
        let mut seen = HashSet::new();
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            let Some(item) = read(self, node) else {
                continue;
            };
            let name = text(&item.value);
            if seen.insert(name.clone()) {
                items.push(item);
            } else {
                let message = format!("{subject} lists `{name}` twice");
                self.report(Diagnostic::error("E-DUPLICATE", message, item.span).label("the second one"));
            }
        }
        items
    }
}

/// Whether the unknown key `name` is a misspelling of `missing`, or what GitHub calls it.
fn is_meant(name: &str, missing: &str) -> bool {
    let is_translated = |(foreign, help): &(&str, &str)| *foreign == name && help.contains(&format!("`{missing}`"));
    near::nearest(name, [missing]).is_some() || FOREIGN_KEYS.iter().any(is_translated)
}

fn missing_key(keys: &Keys, name: &str, span: Span) -> Diagnostic {
    let about = keys.shape.key(name).map_or("", |key| key.about);
    Diagnostic::error("E-KEY-MISSING", format!("{} has no `{name}`", keys.subject), span)
        .help(format!("add `{name}`; it {about}"))
}

/// The part of `span` on its first line: a mark under a whole block says less than one under its start.
pub(crate) fn first_line(file: &str, span: Span) -> Span {
    let text = &file[span.start..span.end];
    let line = text.split(['\n', '\r']).next().unwrap_or_default().trim_end();
    Span::new(span.start, span.start + line.len())
}
