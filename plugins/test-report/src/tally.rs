//! What a report says, counted test by test; nothing is kept of a test that passed.

use std::time::Duration;

use sealock_report::{Bounded, first_lines, shorten, visible};

use crate::Counted;
use crate::limits::{MAX_DETAIL_CHARS, MAX_DISAGREEMENTS, MAX_MESSAGE_CHARS, MAX_NAME_CHARS, MAX_PROBLEMS};

const MESSAGE_LINES: usize = 5;

/// How one test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Passed,
    /// It was not run, or what it says does not count.
    Skipped,
    /// By an assertion.
    Failed,
    /// By something that nobody expected.
    Errored,
}

/// How many tests ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub passed: u64,
    /// Skipped.
    pub skipped: u64,
    /// Failed.
    pub failed: u64,
    /// Ended by an error.
    pub errors: u64,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, ending: Ending) {
        match ending {
            Ending::Passed => self.passed += 1,
            Ending::Skipped => self.skipped += 1,
            Ending::Failed => self.failed += 1,
            Ending::Errored => self.errors += 1,
        }
    }

    /// Counts all of `other`.
    pub fn add_all(&mut self, other: Self) {
        self.passed += other.passed;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.errors += other.errors;
    }

    /// All tests.
    pub fn total(&self) -> u64 {
        self.passed + self.skipped + self.failed + self.errors
    }

    /// Those that make a run fail.
    pub fn bad(&self) -> u64 {
        self.failed + self.errors
    }
}

/// A place in the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the report names it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// A test that failed, in words fit to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The class, module, or package of the test; may be empty.
    pub class: String,
    /// The test.
    pub name: String,
    /// [`Ending::Failed`] or [`Ending::Errored`].
    pub ending: Ending,
    /// What is wrong, in a few lines.
    pub message: String,
    /// Everything that was told of it, up to a limit.
    pub detail: String,
    /// Where the test is, when the report says so.
    pub place: Option<Place>,
}

impl Problem {
    /// A problem in the words of a report: `message` when it says something, else the start of `detail`.
    pub fn new(class: &str, name: &str, ending: Ending, message: &str, detail: &str) -> Self {
        let (message, detail) = (visible(message), visible(detail));
        let told = if message.trim().is_empty() { &detail } else { &message };
        let message = shorten(&first_lines(told, MESSAGE_LINES), MAX_MESSAGE_CHARS);
        Self {
            class: shorten(&visible(class), MAX_NAME_CHARS),
            name: shorten(&visible(name), MAX_NAME_CHARS),
            ending,
            message: if message.is_empty() { "the report says no more".to_owned() } else { message },
            detail: shorten(detail.trim_matches('\n'), MAX_DETAIL_CHARS),
            place: None,
        }
    }

    /// The test's full name.
    pub fn title(&self) -> String {
        let is_repeated = self.class.is_empty() || self.class == self.name;
        if is_repeated { self.name.clone() } else { format!("{} › {}", self.class, self.name) }
    }
}

/// What a report says, counted.
#[derive(Clone, Debug)]
pub struct Tally {
    /// How the tests ended.
    pub counts: Counts,
    /// What they took together.
    pub duration: Duration,
    /// The first of those that failed.
    pub problems: Bounded<Problem>,
    /// Where the report's own numbers are others, one sentence each.
    pub disagreements: Bounded<String>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            duration: Duration::ZERO,
            problems: Bounded::new(MAX_PROBLEMS),
            disagreements: Bounded::new(MAX_DISAGREEMENTS),
        }
    }
}

impl Tally {
    /// The numbers as outputs.
    pub fn counted(&self) -> Counted {
        Counted {
            passed: self.counts.passed,
            failed: self.counts.failed,
            errors: self.counts.errors,
            skipped: self.counts.skipped,
            total: self.counts.total(),
            duration_ms: self.duration.as_millis().try_into().unwrap_or(u64::MAX),
        }
    }
}
