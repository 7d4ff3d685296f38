//! `process`: programs answer what the kit was told.

use std::cell::{Cell, RefCell};

use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::process as real;
use crate::testing::Reply;
use crate::testing::fake::secrets::Secret;
use crate::testing::state::{State, with};

pub use real::{Exit, Stdio};

/// A command that is put together.
#[derive(Debug)]
pub(crate) struct Command {
    words: RefCell<Vec<String>>,
}

#[expect(clippy::unused_self, reason = "the host's own functions")]
impl Command {
    pub(crate) fn new(program: &str) -> Self {
        Self { words: RefCell::new(vec![program.to_owned()]) }
    }

    pub(crate) fn arg(&self, value: &str) {
        self.words.borrow_mut().push(value.to_owned());
    }

    pub(crate) fn env(&self, name: &str, value: &str) {
        with(|state| state.calls.push(format!("env {name}={value}")));
    }

    pub(crate) fn secret_env(&self, name: &str, value: &Secret) {
        with(|state| state.calls.push(format!("env {name}={}", value.placeholder())));
    }

    pub(crate) fn cwd(&self, _: &str) {}

    pub(crate) fn stdin_bytes(&self, _: &[u8]) {}

    pub(crate) fn stdin_file(&self, _: &str) {}

    pub(crate) fn stdin_secret(&self, _: &Secret) {}

    pub(crate) fn stdout(&self, _: &Stdio) {}

    pub(crate) fn stderr(&self, _: &Stdio) {}

    pub(crate) fn timeout_ms(&self, _: u64) {}

    pub(crate) fn start(&self) -> Result<Running, base::Error> {
        let line = self.words.borrow().join(" ");
        let program = self.words.borrow()[0].clone();
        with(|state| {
            state.call(format!("exec {line}"))?;
            match State::reply(&state.programs, &line) {
                Some(reply) => Ok(Running::new(reply)),
                None => Err(state.deny("E-GRANT-EXEC", &program, &format!("exec: [{program}]"))),
            }
        })
    }
}

/// Something that was started.
#[derive(Debug)]
pub struct Running {
    reply: Reply,
    is_killed: Cell<bool>,
    is_read: [Cell<bool>; 2],
}

/// What a killed program's signal is.
const SIGKILL: i32 = 9;

impl Running {
    pub(crate) fn new(reply: Reply) -> Self {
        Self { reply, is_killed: Cell::default(), is_read: Default::default() }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the host's own function can refuse")]
    pub(crate) fn wait(&self, timeout_ms: Option<u64>) -> Result<Option<Exit>, base::Error> {
        let is_running = self.reply.is_endless && !self.is_killed.get();
        assert!(!is_running || timeout_ms.is_some(), "the step waits for ever for something that never ends");
        let end = if self.is_killed.get() { Exit::Signal(SIGKILL) } else { Exit::Code(self.reply.exit) };
        Ok((!is_running).then_some(end))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the host's own function can refuse")]
    pub(crate) fn read_stdout(&self, _: u32) -> Result<Vec<u8>, base::Error> {
        Ok(if self.is_read[0].replace(true) { Vec::new() } else { self.reply.stdout.clone() })
    }

    #[expect(clippy::unnecessary_wraps, reason = "the host's own function can refuse")]
    pub(crate) fn read_stderr(&self, _: u32) -> Result<Vec<u8>, base::Error> {
        Ok(if self.is_read[1].replace(true) { Vec::new() } else { self.reply.stderr.clone() })
    }

    pub(crate) fn kill(&self) {
        self.is_killed.set(true);
    }
}
