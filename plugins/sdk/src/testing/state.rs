//! What the fake host holds during a call. One a thread: tests run side by side.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::targets::Release;
use crate::testing::{Annotated, Reply};
use crate::{ErrorKind, Level, Value};

/// What can be known of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) attempt: u32,
    pub(crate) key: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) release: Option<String>,
    pub(crate) is_cancelled: bool,
    pub(crate) remaining: Option<Duration>,
}

/// What a server answers.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// A target as it is before the call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    pub(crate) current: Option<Release>,
    pub(crate) previous: Option<Release>,
}

/// What is granted, and what was told and asked.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) facts: Facts,
    pub(crate) inputs: Vec<(String, Value)>,
    pub(crate) secrets: BTreeMap<String, Vec<u8>>,
    pub(crate) may_reveal: bool,
    pub(crate) workspace: PathBuf,
    pub(crate) temporary: PathBuf,
    pub(crate) known_outputs: Option<BTreeSet<String>>,
    pub(crate) served: Vec<Served>,
    pub(crate) programs: Vec<(String, Reply)>,
    pub(crate) containers: Vec<(String, Reply)>,
    pub(crate) may_build: bool,
    pub(crate) may_push: bool,
    pub(crate) targets: Vec<(String, Machine)>,
    pub(crate) scripts: Vec<(String, Reply)>,
    pub(crate) refused: Vec<(String, base::Error)>,

    pub(crate) outputs: BTreeMap<String, Value>,
    pub(crate) annotations: Vec<Annotated>,
    pub(crate) log: Vec<(Level, String)>,
    pub(crate) groups: Vec<String>,
    pub(crate) progress: Vec<(u64, Option<u64>, String)>,
    pub(crate) summary: String,
    pub(crate) produced: Vec<String>,
    pub(crate) masked: Vec<String>,
    pub(crate) calls: Vec<String>,
    pub(crate) denials: Vec<String>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Looks at the state, or changes it.
pub(crate) fn with<T>(look: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(look)
}

impl State {
    /// Records a call, which the kit may have been told to refuse.
    pub(crate) fn call(&mut self, call: String) -> Result<(), base::Error> {
        let refused = self.refused.iter().find(|(refused, _)| *refused == call).map(|(_, error)| error.clone());
        self.calls.push(call);
        refused.map_or(Ok(()), Err)
    }

    /// What everything that is not granted answers.
    pub(crate) fn deny(&mut self, code: &str, what: &str, entry: &str) -> base::Error {
        self.denials.push(code.to_owned());
        let message = format!("{what} is not granted");
        let help = Some(format!("allow: {{ {entry} }}"));
        error(ErrorKind::Denied, code, message, help)
    }

    /// The reply of the first rule whose words `call` starts with.
    pub(crate) fn reply(rules: &[(String, Reply)], call: &str) -> Option<Reply> {
        let starts = |rule: &str| call.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        rules.iter().find(|(rule, _)| starts(rule)).map(|(_, reply)| reply.clone())
    }
}

pub(crate) fn error(kind: ErrorKind, code: &str, message: String, help: Option<String>) -> base::Error {
    base::Error { kind, code: code.to_owned(), message, help, retryable: false, details: Vec::new() }
}
