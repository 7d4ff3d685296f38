//! `on`: what starts a pipeline under `sealock serve` and in the GitHub Action.

use super::Spanned;

/// What starts the pipeline. Empty when the file has no `on`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Triggers {
    /// A push of a branch or a tag.
    pub push: Option<Spanned<PushFilter>>,
    /// A pull request that was opened, reopened, or pushed to.
    pub pull_request: Option<Spanned<PullRequestFilter>>,
    /// Times.
    pub schedule: Vec<Spanned<Schedule>>,
    /// By hand.
    pub manual: Option<Spanned<()>>,
}

/// Which pushes; an empty list does not narrow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PushFilter {
    /// Globs of branch names.
    pub branches: Vec<Spanned<String>>,
    /// Globs of branch names that do not count.
    pub branches_ignore: Vec<Spanned<String>>,
    /// Globs of tag names.
    pub tags: Vec<Spanned<String>>,
    /// Globs of tag names that do not count.
    pub tags_ignore: Vec<Spanned<String>>,
    /// Globs of changed files, one of which must match.
    pub paths: Vec<Spanned<String>>,
    /// Globs of changed files that do not count.
    pub paths_ignore: Vec<Spanned<String>>,
}

/// Which pull requests; an empty list does not narrow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PullRequestFilter {
    /// Globs of the names of the branches that are merged into.
    pub branches: Vec<Spanned<String>>,
    /// Globs of branch names that do not count.
    pub branches_ignore: Vec<Spanned<String>>,
    /// Globs of changed files, one of which must match.
    pub paths: Vec<Spanned<String>>,
    /// Globs of changed files that do not count.
    pub paths_ignore: Vec<Spanned<String>>,
    /// GitHub's activity types, such as `opened`.
    pub types: Vec<Spanned<String>>,
}

/// One time of a schedule. Both texts are well-formed; what the time is, is for whoever waits for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Five fields: minute, hour, day of the month, month, day of the week.
    pub cron: Spanned<String>,
    /// An IANA name; UTC when there is none.
    pub timezone: Option<Spanned<String>>,
}
