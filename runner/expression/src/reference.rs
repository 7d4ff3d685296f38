//! Which parts of which contexts an expression reads, as far as it is written down.

use std::fmt;
use std::ops::Range;

use crate::expression::Expression;
use crate::ordinal;
use crate::syntax::{Form, NodeId};

/// One reading of a context, with everything that is indexed on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The context, as its scope spells it.
    pub context: String,
    /// What is indexed, outermost first.
    pub path: Vec<PathPart>,
    /// From the context's name to the end of the last index.
    pub at: Range<usize>,
    /// Whether the expression is this reference and nothing else.
    pub is_whole: bool,
}

/// One index of a [`Reference`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPart {
    /// `.key`, `['key']`, or `[0]`: known as it is written.
    Key(String),
    /// `[…]` with anything but a literal.
    Dynamic,
    /// `.*` or `[*]`
    Star,
}

impl Reference {
    /// Whether this reads the context `name`, in any case.
    pub fn reads(&self, name: &str) -> bool {
        ordinal::equal(&self.context, name)
    }

    /// Whether this reads a part of `pattern`, or all of it, or more than it.
    ///
    /// A pattern is a context and keys with points between them; `*` stands for any key.
    pub(crate) fn touches(&self, pattern: &str) -> bool {
        let (context, keys) = pattern.split_once('.').unwrap_or((pattern, ""));
        let keys = keys.split('.').filter(|key| !key.is_empty());
        self.reads(context) && self.path.iter().zip(keys).all(|(part, key)| part.may_be(key))
    }

    /// Whether this reads exactly what `pattern` names.
    pub(crate) fn is_exactly(&self, pattern: &str) -> bool {
        self.touches(pattern) && self.path.len() == pattern.matches('.').count()
    }
}

impl PathPart {
    fn may_be(&self, key: &str) -> bool {
        match self {
            Self::Key(written) => key == "*" || ordinal::equal(written, key),
            Self::Dynamic | Self::Star => true,
        }
    }
}

impl Expression {
    /// Every reading of a context, in the order of writing; indexes with readings of their own
    /// come after the one that they are in.
    pub fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        if let Some(root) = self.root() {
            self.gather_references(&mut references, root);
        }
        references
    }

    fn gather_references(&self, references: &mut Vec<Reference>, id: NodeId) {
        let Some(reference) = self.reference_at(id) else {
            for child in self.node(id).form.children() {
                self.gather_references(references, child);
            }
            return;
        };
        references.push(reference);
        for key in self.keys_of(id) {
            self.gather_references(references, key);
        }
    }

    /// The reading of a context that the node `id` is, if it is one.
    pub(crate) fn reference_at(&self, id: NodeId) -> Option<Reference> {
        let mut base = id;
        while let Form::Index { base: inner, .. } = self.node(base).form {
            base = inner;
        }
        let Form::Context(context) = &self.node(base).form else {
            return None;
        };
        let path = self.keys_of(id).into_iter().map(|key| self.path_part(key)).collect();
        let at = self.node(id).at.clone();
        Some(Reference { context: context.clone(), path, at, is_whole: self.root() == Some(id) })
    }

    /// The keys of a chain of indexes, outermost first.
    fn keys_of(&self, id: NodeId) -> Vec<NodeId> {
        let mut keys = Vec::new();
        let mut base = id;
        while let Form::Index { base: inner, key } = self.node(base).form {
            keys.push(key);
            base = inner;
        }
        keys.reverse();
        keys
    }

    fn path_part(&self, key: NodeId) -> PathPart {
        match &self.node(key).form {
            Form::Literal(value) => PathPart::Key(value.to_text().to_string()),
            Form::Wildcard => PathPart::Star,
            _ => PathPart::Dynamic,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.context)?;
        self.path.iter().try_for_each(|part| match part {
            PathPart::Key(key) => write!(formatter, ".{key}"),
            PathPart::Dynamic => formatter.write_str("[…]"),
            PathPart::Star => formatter.write_str(".*"),
        })
    }
}
