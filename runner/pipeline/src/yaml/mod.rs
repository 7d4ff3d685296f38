//! Text becomes a tree of nodes, with a place on every one.
//!
//! The events of the parser are folded into an arena ([`Tree`]); an alias is another way to reach the
//! node that its anchor stands on, so that no expansion ever takes memory. What an alias would expand
//! to is counted instead, and bounded.
//!
//! # Invariants
//!
//! - Every span lies in the text, on character boundaries, whatever the text is.
//! - Keys of a map are scalars and unique; merge keys are resolved.
//! - Walking the tree from its root meets at most [`limits::EXPANDED_NODES_MAX`] nodes more than the
//!   text holds, and is never deeper than [`limits::DEPTH_MAX`].
//! - A problem leaves a [`Kind::Broken`] node, about which nothing more is said.

mod build;
mod decode;
mod layout;
pub(crate) mod limits;
mod recover;

use sealock_diagnostics::Span;

pub(crate) use decode::check_characters;
pub use decode::decode;
pub(crate) use layout::{Layout, expressions};
pub(crate) use recover::read;

/// A node's place in its [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(usize);

/// The nodes of one file.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    root: Option<NodeId>,
}

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it stands; for nothing at all, where the key before it stands.
    pub(crate) span: Span,
    pub(crate) kind: Kind,
    /// Nodes from here down, aliases expanded.
    size: usize,
    /// Levels from here down, this one included, aliases expanded.
    height: usize,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum Kind {
    Scalar(Scalar),
    List(Vec<NodeId>),
    Map(Map),
    /// Already reported.
    Broken,
}

/// A scalar as it was written.
#[derive(Debug)]
pub(crate) struct Scalar {
    /// Without quotes and escapes.
    pub(crate) text: String,
    pub(crate) style: Style,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
    Block,
}

/// The pairs of a map, in order; those of merge keys behind its own.
#[derive(Debug, Default)]
pub(crate) struct Map {
    pub(crate) pairs: Vec<Pair>,
    /// Where a merge key stands.
    pub(crate) merge: Option<Span>,
}

/// One key and its value. The key is a scalar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) key: NodeId,
    pub(crate) value: NodeId,
}

impl Scalar {
    /// Whether it is nothing: empty, `~`, or `null`, without quotes.
    pub(crate) fn is_null(&self) -> bool {
        self.style == Style::Plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Tree {
    /// The document's node; `None` when the file holds nothing.
    pub(crate) fn root(&self) -> Option<NodeId> {
        self.root
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    pub(crate) fn span(&self, id: NodeId) -> Span {
        self.node(id).span
    }

    /// The text of a key.
    pub(crate) fn key_text(&self, id: NodeId) -> &str {
        match &self.node(id).kind {
            Kind::Scalar(scalar) => &scalar.text,
            _ => "",
        }
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }
}
