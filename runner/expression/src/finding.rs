//! Conditions that hold more often than their author thinks.

use std::fmt;
use std::ops::Range;

use crate::expression::Expression;
use crate::syntax::{Form, NodeId};
use crate::token::Operator;
use crate::value::Value;

/// Who started a run. Whoever pushes to a bot's branch, or re-runs, decides when this is the bot.
const ACTORS: [&str; 3] = ["github.actor", "github.triggering_actor", "github.event.sender.login"];

/// How the names of GitHub's own actors end.
const BOT: &str = "[bot]";

/// Something that is lawful and almost surely wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// What is read, such as `github.ref`.
    pub path: String,
    /// The comparison or call.
    pub at: Range<usize>,
}

/// The kinds of [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// `contains('refs/heads/main', github.ref)` also holds for a branch called `m`.
    UnsoundContains,
    /// `github.actor == 'dependabot[bot]'` tells who acted last, not whose change it is.
    SpoofableActor,
}

impl Expression {
    /// Everything in this expression that is lawful and almost surely wrong.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<_> =
            self.node_ids().flat_map(|id| [self.unsound_contains(id), self.spoofable_actor(id)]).flatten().collect();
        findings.sort_by_key(|finding| finding.at.start);
        findings
    }

    /// A part is looked for in a text that is written down, and the part comes from elsewhere.
    fn unsound_contains(&self, id: NodeId) -> Option<Finding> {
        let node = self.node(id);
        let Form::Call("contains", arguments) = &node.form else {
            return None;
        };
        let &[whole, part] = arguments.as_slice() else {
            return None;
        };
        let Form::Literal(Value::String(_)) = self.node(whole).form else {
            return None;
        };
        let reference = self.first_below(part, &|id| self.reference_at(id))?;
        let path = reference.to_string();
        Some(Finding { kind: FindingKind::UnsoundContains, path, at: node.at.clone() })
    }

    /// An actor is compared with the name of a bot.
    fn spoofable_actor(&self, id: NodeId) -> Option<Finding> {
        let node = self.node(id);
        if !self.is_test(id) {
            return None;
        }
        let below = node.form.children();
        let actor = below.iter().find_map(|&id| {
            self.first_below(id, &|id| {
                let reference = self.reference_at(id)?;
                ACTORS.iter().any(|actor| reference.is_exactly(actor)).then_some(reference)
            })
        })?;
        let names_bot = |id: NodeId| match &self.node(id).form {
            Form::Literal(Value::String(text)) => text.to_ascii_lowercase().contains(BOT).then_some(()),
            _ => None,
        };
        below.iter().find_map(|&id| self.first_below(id, &names_bot))?;
        Some(Finding { kind: FindingKind::SpoofableActor, path: actor.to_string(), at: node.at.clone() })
    }

    /// Whether the node compares two values.
    fn is_test(&self, id: NodeId) -> bool {
        matches!(
            self.node(id).form,
            Form::Compare(Operator::Equal | Operator::NotEqual, ..)
                | Form::Call("contains" | "startsWith" | "endsWith", _)
        )
    }

    /// What `find` finds first at `id` or below, but not inside another test.
    fn first_below<T>(&self, id: NodeId, find: &dyn Fn(NodeId) -> Option<T>) -> Option<T> {
        if self.is_test(id) {
            return None;
        }
        find(id).or_else(|| self.node(id).form.children().into_iter().find_map(|id| self.first_below(id, find)))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match self.kind {
            FindingKind::UnsoundContains => {
                write!(formatter, "`contains` looks for `{path}` inside a text, so every part of that text passes")
            }
            FindingKind::SpoofableActor => {
                write!(formatter, "`{path}` is whoever acted last, so it does not tell whose change this is")
            }
        }
    }
}
