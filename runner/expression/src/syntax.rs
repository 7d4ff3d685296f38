//! The tree of an expression, kept flat: nodes name each other by number, so that neither a long
//! chain nor a deep one can exhaust the stack when it is dropped.

use std::ops::Range;

use crate::token::Operator;
use crate::value::Value;

/// A node's place among the nodes of its expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(crate) usize);

/// One node. `at` is its place in the whole text that was parsed.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) form: Form,
    pub(crate) at: Range<usize>,
    /// How many levels there are from here down, this one included.
    pub(crate) height: usize,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// A literal, or the name after a `.`.
    Literal(Value),
    /// `*`
    Wildcard,
    /// A context, spelled as its scope spells it.
    Context(String),
    /// A function, spelled as its signature spells it, with its arguments.
    Call(&'static str, Vec<NodeId>),
    /// `base.key`, `base[key]`, `base.*`
    Index { base: NodeId, key: NodeId },
    /// `!operand`
    Not(NodeId),
    /// `left < right` and its kin; never [`Operator::Not`], [`Operator::And`], or [`Operator::Or`].
    Compare(Operator, NodeId, NodeId),
    /// `a && b && …`, flat.
    And(Vec<NodeId>),
    /// `a || b || …`, flat.
    Or(Vec<NodeId>),
}

impl Form {
    /// The nodes just below.
    pub(crate) fn children(&self) -> Vec<NodeId> {
        match self {
            Self::Literal(_) | Self::Wildcard | Self::Context(_) => Vec::new(),
            Self::Not(operand) => vec![*operand],
            Self::Index { base, key } => vec![*base, *key],
            Self::Compare(_, left, right) => vec![*left, *right],
            Self::Call(_, operands) | Self::And(operands) | Self::Or(operands) => operands.clone(),
        }
    }
}
