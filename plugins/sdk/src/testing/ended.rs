//! What came of a call.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::{Error, Level, Outcome, Value};

/// An annotation that the step made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotated {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// Its title.
    pub title: Option<String>,
    /// The file and line.
    pub place: Option<(String, u32)>,
}

/// What came of a call: how it ended, and everything that it told and asked.
#[derive(Debug)]
pub struct Ended<T = Outcome> {
    /// How it ended.
    pub result: Result<T, Error>,
    /// The outputs that it set.
    pub outputs: BTreeMap<String, Value>,
    /// Its annotations, in order.
    pub annotations: Vec<Annotated>,
    /// Its log, in order.
    pub log: Vec<(Level, String)>,
    /// Titles of its groups, in order.
    pub groups: Vec<String>,
    /// How far it said that it is: done, of so much, what.
    pub progress: Vec<(u64, Option<u64>, String)>,
    /// Files of the workspace that are new, or have another content than before the call, with what is in them.
    pub written: BTreeMap<String, Vec<u8>>,
    /// Files of the workspace that were there before the call and are not any more.
    pub removed: Vec<String>,
    /// What it added to the run's summary.
    pub summary: String,
    /// What it produced.
    pub produced: Vec<String>,
    /// What it masked.
    pub masked: Vec<String>,
    /// Everything that it asked the host to do, granted or not, in order: `http POST https://…`,
    /// `exec git status`, `container busybox true`, `build ./app`, `push IMAGE REFERENCE`, `web1 script …`.
    pub calls: Vec<String>,
    /// The codes of everything that it was denied, in order.
    pub denials: Vec<String>,
}

impl<T> Ended<T> {
    /// What it returned.
    ///
    /// # Panics
    ///
    /// When it returned an error.
    #[track_caller]
    pub fn outcome(&self) -> &T {
        self.result.as_ref().unwrap_or_else(|error| panic!("the step ended by an error: {error:?}"))
    }

    /// The error that it ended by.
    ///
    /// # Panics
    ///
    /// When it ended by none.
    #[track_caller]
    pub fn error(&self) -> &Error {
        self.result.as_ref().err().expect("the step ended by no error")
    }

    /// The output called `name`.
    pub fn output(&self, name: &str) -> Option<&Value> {
        self.outputs.get(name)
    }

    /// The text of a file that it wrote; bytes that are no UTF-8 show as `\u{fffd}`.
    pub fn wrote(&self, path: &str) -> Option<Cow<'_, str>> {
        self.written.get(path).map(|bytes| String::from_utf8_lossy(bytes))
    }

    /// Whether a line of the log has this part.
    pub fn logged(&self, part: &str) -> bool {
        self.log.iter().any(|(_, line)| line.contains(part))
    }
}
