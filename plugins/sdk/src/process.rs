//! Native programs, run by the host inside the strongest wall that the machine has.

use std::time::Duration;

use crate::host::process;
use crate::{Error, Secret};

pub use process::{Exit, Stdio};

/// Most bytes that one read asks for.
const READ_BYTES: u32 = 1 << 20;

/// A native program to start. Arguments and environment are values, never pasted into a shell.
#[derive(Debug)]
pub struct Command(process::Command);

/// Something that runs: here, in a container, or on a target. Dropped while it runs, it is killed.
#[derive(Debug)]
pub struct Running(process::Running);

/// What a program that was run to its end left.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote, through the redactor.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error, through the redactor.
    pub stderr: Vec<u8>,
}

impl Command {
    /// A program looked up in `PATH`, or a path in the workspace. Its output goes into the log.
    pub fn new(program: &str) -> Self {
        Self(process::Command::new(program))
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(self, value: impl AsRef<str>) -> Self {
        self.0.arg(value.as_ref());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(self, values: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        values.into_iter().fold(self, Self::arg)
    }

    /// Adds an environment entry.
    #[must_use]
    pub fn env(self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Adds an environment entry that is a secret.
    #[must_use]
    pub fn secret_env(self, name: &str, value: &Secret) -> Self {
        self.0.secret_env(name, value.handle());
        self
    }

    /// Sets the folder, in the workspace.
    #[must_use]
    pub fn cwd(self, path: &str) -> Self {
        self.0.cwd(path);
        self
    }

    /// Gives bytes to its standard input.
    #[must_use]
    pub fn stdin(self, bytes: &[u8]) -> Self {
        self.0.stdin_bytes(bytes);
        self
    }

    /// Gives a file of the workspace to its standard input.
    #[must_use]
    pub fn stdin_file(self, path: &str) -> Self {
        self.0.stdin_file(path);
        self
    }

    /// Gives a secret to its standard input.
    #[must_use]
    pub fn stdin_secret(self, value: &Secret) -> Self {
        self.0.stdin_secret(value.handle());
        self
    }

    /// Says where its standard output goes.
    #[must_use]
    pub fn stdout(self, to: &Stdio) -> Self {
        self.0.stdout(to);
        self
    }

    /// Says where its standard error goes.
    #[must_use]
    pub fn stderr(self, to: &Stdio) -> Self {
        self.0.stderr(to);
        self
    }

    /// Has it killed after `duration`.
    #[must_use]
    pub fn timeout(self, duration: Duration) -> Self {
        self.0.timeout_ms(duration.as_millis().try_into().unwrap_or(u64::MAX));
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// Denied when it is not granted; not found when there is no such program.
    pub fn start(self) -> Result<Running, Error> {
        Ok(Running(self.0.start()?))
    }

    /// Runs it to its end.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn run(self) -> Result<Exit, Error> {
        self.start()?.wait()
    }

    /// Runs it to its end and captures what it wrote.
    ///
    /// # Errors
    ///
    /// As [`Self::start`]; a quota when it wrote more than a capture holds.
    pub fn output(self) -> Result<Output, Error> {
        self.stdout(&Stdio::Capture).stderr(&Stdio::Capture).start()?.output()
    }
}

impl Running {
    /// Around what an interface of [`crate::bindings`] started.
    pub fn from_handle(handle: process::Running) -> Self {
        Self(handle)
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub fn wait(&self) -> Result<Exit, Error> {
        let exit = self.0.wait(None)?;
        exit.ok_or_else(|| Error::new("E-PROCESS-WAIT", "the host stopped waiting before the program ended"))
    }

    /// Waits for its end, for as long as `duration`; `None` when that passed first.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub fn wait_for(&self, duration: Duration) -> Result<Option<Exit>, Error> {
        Ok(self.0.wait(Some(duration.as_millis().try_into().unwrap_or(u64::MAX)))?)
    }

    /// What it wrote since the last call, as soon as there is something; empty at the end.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read_stdout(&self) -> Result<Vec<u8>, Error> {
        Ok(self.0.read_stdout(READ_BYTES)?)
    }

    /// Everything captured until its end.
    ///
    /// # Errors
    ///
    /// When it cannot be read or waited for.
    pub fn output(&self) -> Result<Output, Error> {
        let exit = self.wait()?;
        let stdout = drain(|| self.0.read_stdout(READ_BYTES))?;
        let stderr = drain(|| self.0.read_stderr(READ_BYTES))?;
        Ok(Output { exit, stdout, stderr })
    }

    /// Ends it, with everything that it started.
    pub fn kill(&self) {
        self.0.kill();
    }
}

fn drain<E: Into<Error>>(mut read: impl FnMut() -> Result<Vec<u8>, E>) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    loop {
        let part = read().map_err(Into::into)?;
        if part.is_empty() {
            return Ok(all);
        }
        all.extend(part);
    }
}

impl Output {
    /// Standard output as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}
