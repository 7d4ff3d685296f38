//! Text that anyone can write, and whether an expression hands it on.
//!
//! An expression is tainted if its value can hold such text: through a path, a star, an index that
//! is not known, a function that makes text of its arguments, `||`, or the results of `case`. What
//! only asks about the text (`==`, `contains`, `!`) gives a boolean and hands nothing on.

use std::ops::Range;

use crate::expression::Expression;
use crate::reference::Reference;
use crate::syntax::{Form, NodeId};

/// Titles, bodies, messages, and names: whoever opens an issue or a pull request writes them.
const OUTSIDE_TEXT: [&str; 40] = [
    "github.event.issue.title",
    "github.event.issue.body",
    "github.event.issue.labels.*.name",
    "github.event.discussion.title",
    "github.event.discussion.body",
    "github.event.comment.body",
    "github.event.review.body",
    "github.event.review_comment.body",
    "github.event.pages.*.page_name",
    "github.event.commits.*.message",
    "github.event.commits.*.author.email",
    "github.event.commits.*.author.name",
    "github.event.commits.*.committer.email",
    "github.event.commits.*.committer.name",
    "github.event.head_commit.message",
    "github.event.head_commit.author.email",
    "github.event.head_commit.author.name",
    "github.event.head_commit.committer.email",
    "github.event.head_commit.committer.name",
    "github.event.pull_request.title",
    "github.event.pull_request.body",
    "github.event.pull_request.labels.*.name",
    "github.event.pull_request.head.repo.description",
    "github.event.pull_request.head.repo.homepage",
    "github.event.merge_group.head_commit.message",
    "github.event.merge_group.head_commit.author.email",
    "github.event.merge_group.head_commit.author.name",
    "github.event.workflow_run.display_title",
    "github.event.workflow_run.head_commit.message",
    "github.event.workflow_run.head_commit.author.email",
    "github.event.workflow_run.head_commit.author.name",
    "github.event.workflow_run.head_repository.description",
    "github.event.changes.title.from",
    "github.event.changes.body.from",
    "github.event.label.name",
    "github.event.milestone.title",
    "github.event.milestone.description",
    "github.event.release.name",
    "github.event.release.body",
    "github.event.client_payload",
];

/// Names of branches and tags: whoever pushes or forks writes them.
const REF_NAMES: [&str; 24] = [
    "github.ref",
    "github.ref_name",
    "github.head_ref",
    "github.base_ref",
    "github.workflow_ref",
    "github.event.ref",
    "github.event.base_ref",
    "github.event.pull_request.head.ref",
    "github.event.pull_request.head.label",
    "github.event.pull_request.head.repo.default_branch",
    "github.event.pull_request.base.ref",
    "github.event.pull_request.base.label",
    "github.event.merge_group.head_ref",
    "github.event.merge_group.base_ref",
    "github.event.workflow_run.head_branch",
    "github.event.workflow_run.pull_requests.*.head.ref",
    "github.event.workflow_run.pull_requests.*.base.ref",
    "github.event.check_run.check_suite.head_branch",
    "github.event.check_suite.head_branch",
    "github.event.check_suite.pull_requests.*.head.ref",
    "github.event.deployment.ref",
    "github.event.release.tag_name",
    "github.event.release.target_commitish",
    "github.event.changes.base.ref.from",
];

/// Where an expression takes text from that anyone can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taint {
    /// What kind of text it is.
    pub source: TaintSource,
    /// What is read, such as `github.event.issue.title`.
    pub path: String,
    /// The reading.
    pub at: Range<usize>,
}

/// What kind of text is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaintSource {
    /// Text without any form.
    Text,
    /// The name of a branch or tag. A tag of a trusted event may still prove harmless.
    RefName,
    /// What the caller says is tainted.
    Given,
}

impl Expression {
    /// The first text in this expression that anyone can write and that its value can hold.
    ///
    /// `is_tainted_too` says of what is read elsewhere, such as `env.TITLE`, whether such text was
    /// put there.
    pub fn taint(&self, is_tainted_too: impl Fn(&Reference) -> bool) -> Option<Taint> {
        self.root().and_then(|root| self.taint_of(root, &is_tainted_too))
    }

    fn taint_of(&self, id: NodeId, too: &dyn Fn(&Reference) -> bool) -> Option<Taint> {
        if let Some(reference) = self.reference_at(id) {
            let source = source_of(&reference).or_else(|| too(&reference).then_some(TaintSource::Given))?;
            return Some(Taint { source, path: reference.to_string(), at: reference.at });
        }
        self.handed_on(id).into_iter().find_map(|id| self.taint_of(id, too))
    }

    /// The nodes below `id` whose text the value of `id` can hold.
    fn handed_on(&self, id: NodeId) -> Vec<NodeId> {
        match &self.node(id).form {
            Form::Index { base, .. } => vec![*base],
            Form::Call("format" | "join" | "toJSON" | "fromJSON", arguments) | Form::Or(arguments) => arguments.clone(),
            // Predicates stand at even places, but for the last argument, which is a result.
            Form::Call("case", arguments) => {
                let results = arguments.iter().enumerate();
                results.filter(|(place, _)| place % 2 == 1 || place + 1 == arguments.len()).map(|(_, id)| *id).collect()
            }
            // What `&&` gives before its last operand is falsy, and so without text.
            Form::And(operands) => operands.last().copied().into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

fn source_of(reference: &Reference) -> Option<TaintSource> {
    if OUTSIDE_TEXT.iter().any(|pattern| reference.touches(pattern)) {
        return Some(TaintSource::Text);
    }
    REF_NAMES.iter().any(|pattern| reference.touches(pattern)).then_some(TaintSource::RefName)
}
