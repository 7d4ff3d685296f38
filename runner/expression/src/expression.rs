//! An expression that was read: what it says, and what can be known of it without its values.

use std::ops::Range;

use crate::error::{ErrorKind, ExpressionError};
use crate::parser;
use crate::scope::{STATUS_FUNCTIONS, Scope};
use crate::syntax::{Form, Node, NodeId};

/// What stands between `${{` and `}}`, read and bound to known names.
///
/// A blank expression is `null`. Places are bytes of the whole text in which the expression stands.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    offset: usize,
    nodes: Vec<Node>,
    root: Option<NodeId>,
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function, as its signature spells it.
    pub function: &'static str,
    /// The whole call.
    pub at: Range<usize>,
}

impl Expression {
    /// Reads `text`, which has no `${{` around it, with the names of a pipeline.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong: a malformed word, an order of words that is no expression, a
    /// name that is not known, or a limit.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Self::parse_in(text, &Scope::pipeline())
    }

    /// Reads `text`, which has no `${{` around it, with the names of `scope`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_in(text: &str, scope: &Scope) -> Result<Self, ExpressionError> {
        Self::parse_at(text, 0, scope)
    }

    /// Reads `text`, which stands at `offset` in a larger text.
    pub(crate) fn parse_at(text: &str, offset: usize, scope: &Scope) -> Result<Self, ExpressionError> {
        let (nodes, root) = parser::parse(text, offset, scope)?;
        Ok(Self { text: text.to_owned(), offset, nodes, root })
    }

    /// Reads `text` where there must be something to read.
    pub(crate) fn parse_some(text: &str, offset: usize, scope: &Scope) -> Result<Self, ExpressionError> {
        if text.is_empty() {
            return Err(ExpressionError::new(ErrorKind::Parsing, "An expression was expected", offset..offset));
        }
        Self::parse_at(text, offset, scope)
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it stands in the text that was parsed.
    pub fn at(&self) -> Range<usize> {
        self.offset..self.offset + self.text.len()
    }

    /// Every call of a function, in the order of writing.
    pub fn functions_called(&self) -> Vec<Call> {
        let mut calls: Vec<_> = self
            .nodes
            .iter()
            .filter_map(|node| match node.form {
                Form::Call(function, _) => Some(Call { function, at: node.at.clone() }),
                _ => None,
            })
            .collect();
        calls.sort_by_key(|call| call.at.start);
        calls
    }

    /// Whether it calls `success`, `failure`, `cancelled`, or `always`; a condition that calls none
    /// of them holds only if everything before it succeeded.
    pub fn calls_status_function(&self) -> bool {
        let is_status = |call: &Call| STATUS_FUNCTIONS.iter().any(|status| status.name == call.function);
        self.functions_called().iter().any(is_status)
    }

    pub(crate) fn root(&self) -> Option<NodeId> {
        self.root
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    pub(crate) fn node_ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The source of the node at `at`.
    pub(crate) fn source(&self, at: &Range<usize>) -> &str {
        &self.text[at.start - self.offset..at.end - self.offset]
    }
}
