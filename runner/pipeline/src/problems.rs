//! What was found, bounded: a hostile file is made of nothing but mistakes.

use std::cell::Cell;

use sealock_diagnostics::{Diagnostic, near};

/// How many problems of one file are told; stops a file of nothing but mistakes from filling memory.
pub const DIAGNOSTICS_MAX: usize = 1_000;

/// How many problems are kept to choose the first ones from.
const KEPT_MAX: usize = 4 * DIAGNOSTICS_MAX;

/// How many names are compared in search of near ones, in one file; stops thousands of unknown names from
/// being compared with thousands of known ones.
const COMPARISONS_MAX: usize = 200_000;

/// The problems of one file.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    kept: Vec<Diagnostic>,
    dropped: usize,
    dropped_error: bool,
}

impl Problems {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() < KEPT_MAX {
            self.kept.push(diagnostic);
        } else {
            self.dropped += 1;
            self.dropped_error |= diagnostic.is_error();
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.dropped += other.dropped;
        self.dropped_error |= other.dropped_error;
        self.extend(other.kept);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len() + self.dropped
    }

    /// In the order of the file, each once, and not more than [`DIAGNOSTICS_MAX`] and one that says so.
    pub(crate) fn into_list(self, settle: impl Fn(&mut Diagnostic)) -> Vec<Diagnostic> {
        let mut list = self.kept;
        list.iter_mut().for_each(settle);
        list.sort_by_key(|diagnostic| diagnostic.span);
        list.dedup();
        let found = list.len() + self.dropped;
        if found > DIAGNOSTICS_MAX {
            let is_error = self.dropped_error || list[DIAGNOSTICS_MAX..].iter().any(Diagnostic::is_error);
            list.truncate(DIAGNOSTICS_MAX);
            let message = format!("the file has {found} problems; these are {DIAGNOSTICS_MAX} of them");
            let more = if is_error { Diagnostic::error } else { Diagnostic::warning };
            list.push(more("E-FILE-PROBLEMS", message, None));
        }
        list
    }
}

impl Extend<Diagnostic> for Problems {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        diagnostics.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }
}

/// Near names, as long as there is time for them.
#[derive(Debug)]
pub(crate) struct Offers {
    left: Cell<usize>,
}

impl Default for Offers {
    fn default() -> Self {
        Self { left: Cell::new(COMPARISONS_MAX) }
    }
}

impl Offers {
    /// The near name, when there is one.
    pub(crate) fn nearest<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        /// A name of more bytes is no slip of the pen.
        const NAME_BYTES_MAX: usize = 100;
        let is_comparable = |candidate: &&str| candidate.len() <= NAME_BYTES_MAX && name.len() <= NAME_BYTES_MAX;
        let counted = candidates.into_iter().filter(is_comparable).take_while(|_| self.spend());
        near::nearest(name, counted)
    }

    /// "there is `x`", or, with no near name, what there is.
    pub(crate) fn offer<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let candidates: Vec<&str> = candidates.into_iter().take_while(|_| self.left.get() > 0).collect();
        match self.nearest(name, candidates.iter().copied()) {
            Some(near) => Some(format!("there is `{near}`")),
            None if name.len() > 100 => None,
            None if candidates.len() > 20 => None,
            None => near::offer(name, candidates),
        }
    }

    fn spend(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}
